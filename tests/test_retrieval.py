"""Statements find the subsections they are about; the index is kept, rebuilt when it must be, and mended when it is damaged."""

import json
import os
import shutil
from collections.abc import Callable
from copy import copy
from pathlib import Path

import pytest
from chromadb.config import Settings as ChromaSettings

from agent.assembly import Parts
from agent.encoder import Encoder
from agent.errors import NotFound, RetrievalError
from agent.library import Library, load_library
from agent.retrieval import Retriever
from agent.text import words
from corpus.ingest import open_index
from evals.retrieval.__main__ import SETS, hits, rates, read_statements

LEAST = {"direct": (0.85, 0.98), "oblique": (0.78, 0.94)}


@pytest.mark.parametrize("name", SETS)
def test_the_labelled_statements_find_their_subsections(parts: Parts, name: str) -> None:
    one, five = rates(hits(parts.retriever, read_statements(name)))
    assert one >= LEAST[name][0]
    assert five >= LEAST[name][1]


@pytest.mark.parametrize("name", SETS)
def test_the_labels_cover_every_subsection_and_are_not_worded_like_the_corpus(library: Library, name: str) -> None:
    rows = read_statements(name)
    assert {row.accept[0] for row in rows} == set(library.subsections)
    assert len(rows) >= 80
    corpus = [f"{p.name}. {p.text} {p.good}" for part in library.subsections.values() for p in part.points]
    corpus += [saying for part in library.subsections.values() for saying in part.sayings]
    grams = {tuple(found[i : i + 6]) for found in map(words, corpus) for i in range(len(found) - 5)}
    said = [(row.id, words(row.text)) for row in rows]
    assert [name for name, own in said if any(tuple(own[i : i + 6]) in grams for i in range(len(own) - 5))] == []


def test_an_answer_has_one_row_a_subsection_best_first(parts: Parts) -> None:
    found = parts.retriever.search("sidecars do mutual TLS", k=54)
    assert len({hit.subsection for hit in found}) == len(found) == 54
    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
    assert all(hit.text for hit in found)


def test_a_section_filter_leaves_only_that_section(parts: Parts) -> None:
    found = parts.retriever.search("pay once even when the client retries", section="7")
    assert found and all(hit.subsection.startswith("7.") for hit in found)
    with pytest.raises(NotFound):
        parts.retriever.search("anything", section="12")


@pytest.mark.parametrize("text", ["", "   ", "\n"])
def test_nothing_finds_nothing(parts: Parts, text: str) -> None:
    assert parts.retriever.search(text) == []


# --- the index, over a small framework of one's own -------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path, library: Library) -> Callable[[], Library]:
    """A framework of one section with three points, with the means to change it."""
    root = tmp_path / "small"
    (root / "framework").mkdir(parents=True)
    (root / "rubrics").mkdir()
    (root / "scenarios").mkdir()
    (root / "framework" / "1-cooking.md").write_text(
        "---\nsection: 1\ntitle: Cooking\nminutes: 5\n---\nWhat it is.\n\n## 1.1 Heat\n\n- **Boiling.** Water at a hundred degrees.\n\n"
        "## 1.2 Cold\n\n- **Freezing.** Ice at zero degrees.\n- **Fridge.** Four degrees keeps milk.\n"
    )
    (root / "rubrics" / "1.yaml").write_text(
        "section: '1'\nversion: 1\nhint_cost: 0.25\nopenings: {mid: [a], senior: [b], staff: [c]}\ncriteria:\n- id: heats\n  statement: Heats.\n  tier: mid\n  weight: 1\n"
        "  references: ['1.1']\n  counts: [x]\n  partial: y\n  does_not_count: [z]\n  examples: [boil it, cook it, heat it]\n  near_misses: [nope, never]\n"
        "  follow_ups: ['how?', 'why?']\n  hints: [a, b, c]\n"
    )
    (root / "scenarios" / "soup.yaml").write_text(
        "id: soup\ntitle: Build soup\nthing: soup\nbrief: Soup.\nchallenge: Hot.\nfacts:\n- {id: f, topic: data, short: s, answer: a, asks: ['how much?']}\n"
    )
    return lambda: load_library(root)


def generations(home: Path) -> set[str]:
    return {path.name for path in home.glob("index/*/g-*")}


def test_an_index_is_built_once_and_kept(small: Callable[[], Library], encoder: Encoder, tmp_path: Path) -> None:
    open_index(small(), encoder, tmp_path / "data")
    before = generations(tmp_path / "data")
    assert Retriever(small(), encoder, tmp_path / "data").search("ice")[0].subsection == "1.2"
    assert generations(tmp_path / "data") == before


def test_a_changed_framework_gets_another_index(small: Callable[[], Library], encoder: Encoder, tmp_path: Path) -> None:
    open_index(small(), encoder, tmp_path / "data")
    path = tmp_path / "small" / "framework" / "1-cooking.md"
    path.write_text(path.read_text().replace("Water at a hundred degrees", "Lava, glaciers, ice and icebergs"))
    open_index(small(), encoder, tmp_path / "data")
    assert len(generations(tmp_path / "data")) == 2


@pytest.mark.parametrize("damage", ["sqlite", "ranker", "manifest", "incomplete", "gone"])
def test_a_damaged_index_is_noticed_and_mended(
    small: Callable[[], Library], encoder: Encoder, tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    home = tmp_path / "data"
    open_index(small(), encoder, home)
    folder = next(home.glob("index/*"))
    old = next(folder.glob("g-*"))
    spoiled = folder / "g-spoiled"  # under a new name: Chroma remembers open folders by their path
    shutil.copytree(old, spoiled)
    shutil.rmtree(old)
    (folder / "manifest.json").write_text(json.dumps({"generation": spoiled.name}))
    if damage == "sqlite":
        (spoiled / "chroma.sqlite3").write_bytes(b"garbage" * 3000)
    elif damage == "ranker":
        (spoiled / "ranker.joblib").write_bytes(b"garbage")
    elif damage == "manifest":
        (folder / "manifest.json").write_text("{")
    elif damage == "incomplete":
        import chromadb

        chromadb.PersistentClient(path=str(spoiled)).get_collection("chunks", embedding_function=None).delete(ids=["1.2/p0"])
    else:
        shutil.rmtree(spoiled)
    assert Retriever(small(), encoder, home).search("ice")[0].subsection == "1.2"
    assert "building it again" in caplog.text
    assert json.loads((folder / "manifest.json").read_text())["generation"] not in ("g-spoiled", old.name)


# --- passages, and what goes wrong ------------------------------------------------------------------------------


def test_the_passages_of_a_question_are_its_own_subsections_best_first(parts: Parts) -> None:
    own = ["6.1", "6.2", "7.2"]
    every = parts.retriever.passages(own, "we shard by user id so that one user's rows stay together", k=9)
    assert sorted(hit.subsection for hit in every) == own
    assert [hit.score for hit in every] == sorted((hit.score for hit in every), reverse=True)
    assert parts.retriever.passages(own, "we shard by user id so that one user's rows stay together") == every[:2]


@pytest.mark.parametrize(("text", "passage"), [("milk in the fridge", "Fridge."), ("ice is frozen water", "Freezing.")])
def test_the_passage_shown_is_the_nearest_of_its_subsection(
    small: Callable[[], Library], encoder: Encoder, tmp_path: Path, text: str, passage: str
) -> None:
    found = Retriever(small(), encoder, tmp_path / "data").search(text)
    assert next(hit.text for hit in found if hit.subsection == "1.2").startswith(passage)


def test_an_index_that_fails_while_it_is_searched_is_named_as_such(
    small: Callable[[], Library], encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ValueError("it is gone")

    monkeypatch.setattr(Retriever, "_nearness", fails)
    with pytest.raises(RetrievalError, match="cannot be searched: it is gone"):
        Retriever(small(), encoder, tmp_path / "data").search("ice")


def test_a_folder_that_cannot_be_written_to_is_named(small: Callable[[], Library], encoder: Encoder, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, not a folder")
    with pytest.raises(RetrievalError, match="AGENT_DATA"):
        open_index(small(), encoder, tmp_path / "data")


def test_another_encoder_gets_another_index(small: Callable[[], Library], encoder: Encoder, tmp_path: Path) -> None:
    other = copy(encoder)
    other.name = "another"
    open_index(small(), encoder, tmp_path / "data")
    open_index(small(), other, tmp_path / "data")
    assert len(generations(tmp_path / "data")) == 2


def test_an_index_without_the_texts_of_the_rubrics_is_built_again_and_the_old_one_removed(
    small: Callable[[], Library], encoder: Encoder, tmp_path: Path
) -> None:
    import chromadb

    open_index(small(), encoder, tmp_path / "data")
    before = next(tmp_path.glob("data/index/*/g-*"))
    texts = chromadb.PersistentClient(path=str(before), settings=ChromaSettings(anonymized_telemetry=False)).get_collection(
        "texts", embedding_function=None
    )
    texts.delete(ids=texts.get()["ids"][:1])
    os.utime(before, (0, 0))  # an old one: a young generation may be another process at work
    open_index(small(), encoder, tmp_path / "data")
    assert len(generations(tmp_path / "data")) == 1
    assert generations(tmp_path / "data") != {before.name}
