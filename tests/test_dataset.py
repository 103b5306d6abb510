"""The gold set: read whole, or refused with file and reason before anything is graded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.errors import ConfigurationError
from agent.library import Library
from evals.dataset import SHIPPED, digest, load_dataset, read_cases
from evals.gold import describe, gold_statistics
from tests.eval_cases import QUALITIES, SAID, edit, write_cases

A = "url-shortener-a"


@pytest.fixture
def folder(tmp_path: Path, library: Library) -> Path:
    return write_cases(tmp_path / "cases", library, tune=3, report=3)


def test_cases_are_read_with_their_sections_words_and_gold(folder: Path, library: Library) -> None:
    cases, problems = read_cases(folder, library)
    assert problems == []
    assert [case.entry.split for case in cases] == ["tune"] * 3 + ["report"] * 3
    assert [case.entry.quality for case in cases] == [*QUALITIES, *QUALITIES]
    first = cases[0]
    assert first.sections == ["0", "2"]
    assert first.by_criterion["main-request-walked"].verdict == "partial"
    assert first.words == sum(len(turn.text.split()) for turn in first.transcript.turns[1::2])


def test_a_folder_is_loaded_whole_and_cases_can_be_picked(folder: Path, library: Library) -> None:
    assert len(load_dataset(library, str(folder))) == 6
    assert [case.id for case in load_dataset(library, str(folder), ["team-chat-a", A][1:])] == [A]
    with pytest.raises(ConfigurationError, match=r"no case mystery in .*url-shortener-a"):
        load_dataset(library, str(folder), [A, "mystery"])


def test_a_digest_changes_with_a_word_or_a_label_and_not_with_a_remark_or_the_order(folder: Path, library: Library) -> None:
    def now() -> str:
        return load_dataset(library, str(folder)).digest

    before = now()
    edit(folder / "index.yaml", lambda index: index[A].update(about="somebody else"))
    assert now() == before
    cases, _ = read_cases(folder, library)
    assert digest(cases[::-1]) == before
    edit(folder / "gold" / f"{A}.yaml", lambda gold: gold["verdicts"][0].update(note="read again"))
    labelled = now()
    edit(folder / "transcripts" / f"{A}.yaml", lambda spoken: spoken["turns"][0].update(text="Begin."))
    assert len({before, labelled, now()}) == 3


def spoken(path: str, change: Callable[[Any], object]) -> Callable[[Path], None]:
    return lambda folder: edit(folder / path, change)


TURNS, GOLD, INDEX = f"transcripts/{A}.yaml", f"gold/{A}.yaml", "index.yaml"
PROBLEMS: dict[str, tuple[Callable[[Path], object], str]] = {
    "no index": (lambda folder: (folder / INDEX).unlink(), r"index\.yaml: there is no index"),
    "an index that is a list": (lambda folder: (folder / INDEX).write_text("- a\n- b\n"), r"index\.yaml: it holds a line a case"),
    "an index that is no YAML": (lambda folder: (folder / INDEX).write_text("a: [b"), r"index\.yaml: not YAML"),
    "an index in another encoding": (lambda folder: (folder / INDEX).write_bytes(b"a: \xff"), r"index\.yaml: not YAML"),
    "no gold": (lambda folder: (folder / GOLD).unlink(), r"gold/url-shortener-a\.yaml: cannot be read: No such file"),
    "no transcript": (lambda folder: (folder / TURNS).unlink(), r"transcripts/url-shortener-a\.yaml: cannot be read: No such file"),
    "a case that the index does not name": (
        lambda folder: (folder / "gold" / "stray.yaml").write_text("{}"),
        r"gold/stray\.yaml: index\.yaml does not name this case",
    ),
    "a number for a name": (spoken(INDEX, lambda index: index.update({7: dict(index[A])})), r"transcripts/7\.yaml: cannot be read"),
    "a split that is none": (spoken(INDEX, lambda index: index[A].update(split="test")), r"index\.yaml: url-shortener-a\.split"),
    "a scenario in both splits": (
        spoken(INDEX, lambda index: index[A].update(split="report")),
        r"index\.yaml: scenario url-shortener is in both splits",
    ),
    "another scenario": (spoken(INDEX, lambda index: index[A].update(scenario="team-chat")), rf"{A}\.yaml: the scenario is url-shortener; the index"),
    "an unknown section": (spoken(TURNS, lambda case: case["turns"][3].update(section="12")), rf"{A}\.yaml: turn 4: there is no section 12"),
    "turns out of number": (spoken(TURNS, lambda case: case["turns"][3].update(n=5)), rf"{A}\.yaml: turn 5: turns are numbered"),
    "sections out of order": (spoken(TURNS, lambda case: case["turns"][0].update(section="9")), rf"{A}\.yaml: the sections are not in"),
    "a speaker who is nobody": (spoken(TURNS, lambda case: case["turns"][0].update(speaker="host")), rf"{A}\.yaml: turns\.0\.speaker"),
    "a silent candidate": (spoken(TURNS, lambda case: case.update(turns=case["turns"][:1])), rf"{A}\.yaml: the candidate says nothing"),
    "an older rubric": (
        spoken(GOLD, lambda gold: gold["rubrics"].update({"2": 0})),
        r"section 2 was labelled with version 0 of its rubric; now it is version \d+: label it again",
    ),
    "a rubric that is not named": (spoken(GOLD, lambda gold: gold["rubrics"].pop("2")), "section 2 was labelled with version None"),
    "a verdict is missing": (spoken(GOLD, lambda gold: gold["verdicts"].pop(2)), rf"gold/{A}\.yaml: section 0: no verdict for framing-time-plan"),
    "two verdicts": (spoken(GOLD, lambda gold: gold["verdicts"].append(gold["verdicts"][0])), rf"{A}\.yaml: a criterion has two verdicts"),
    "an unknown criterion": (
        spoken(GOLD, lambda gold: gold["verdicts"].append({**gold["verdicts"][1], "criterion": "mystery"})),
        rf"gold/{A}\.yaml: mystery: no rubric has this criterion",
    ),
    "a criterion of another section": (
        spoken(GOLD, lambda gold: gold["verdicts"][1].update(section="2")),
        rf"gold/{A}\.yaml: framing-team-familiarity: it belongs to section 0, not 2",
    ),
    "a section that was not reached": (
        spoken(GOLD, lambda gold: gold["verdicts"].append({**gold["verdicts"][1], "criterion": "edge-auth-first", "section": "4"})),
        "edge-auth-first: section 4 was not reached",
    ),
    "a quote that is not in the turn": (
        spoken(GOLD, lambda gold: gold["verdicts"][0].update(quote="I never said these words")),
        r"framing-what-is-measured: turn 2 does not hold the quote 'I never said these words'",
    ),
    "a quote of another turn": (spoken(GOLD, lambda gold: gold["verdicts"][0].update(turn=4)), "framing-what-is-measured: turn 4 does not hold"),
    "a quote of the interviewer": (spoken(GOLD, lambda gold: gold["verdicts"][0].update(turn=1)), "needs the number of a candidate's turn, not 1"),
    "credit without a quote": (spoken(GOLD, lambda gold: gold["verdicts"][0].update(quote=None)), "turn 2 does not hold the quote None"),
    "the gold of another case": (spoken(GOLD, lambda gold: gold.update(case="other")), rf"{A}\.yaml: it is the gold of other"),
    "a label that is none": (spoken(GOLD, lambda gold: gold["verdicts"][0].update(verdict="good")), rf"{A}\.yaml: verdicts\.0\.verdict"),
    "one pass": (spoken(GOLD, lambda gold: gold["verdicts"][0].update(passes=["met"])), rf"{A}\.yaml: verdicts\.0\.passes"),
    "a field that is misspelt": (spoken(GOLD, lambda gold: gold["verdicts"][0].update(qoute="x")), rf"{A}\.yaml: verdicts\.0\.qoute"),
}


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_fault_is_refused_with_file_and_reason(folder: Path, library: Library, name: str) -> None:
    spoil, complaint = PROBLEMS[name]
    spoil(folder)
    with pytest.raises(ConfigurationError, match=complaint):
        load_dataset(library, str(folder))


def test_all_faults_are_told_at_once(folder: Path, library: Library) -> None:
    for name in ("an older rubric", "a quote that is not in the turn", "a scenario in both splits"):
        PROBLEMS[name][0](folder)
    with pytest.raises(ConfigurationError) as told:
        load_dataset(library, str(folder))
    assert len(str(told.value).splitlines()) == 3


def test_a_split_is_read_from_the_shipped_cases_and_a_scenario_is_in_one_only() -> None:
    index = yaml.safe_load((SHIPPED / "index.yaml").read_text())
    splits = {row["scenario"]: {other["split"] for other in index.values() if other["scenario"] == row["scenario"]} for row in index.values()}
    assert all(len(found) == 1 for found in splits.values())
    assert {name for found in splits.values() for name in found} == {"tune", "report"}


# --- what gold says of itself -----------------------------------------------------------------------------------


def test_the_statistics_count_labels_and_what_the_passes_disagreed_on(folder: Path, library: Library) -> None:
    cases, _ = read_cases(folder, library)
    found = gold_statistics(cases)
    criteria = sum(len(library.rubrics[section].criteria) for section in ("0", "2"))
    said = {"weak": 2, "mid": 4, "strong": 6}
    assert (found["cases"], found["verdicts"]) == (6, 6 * criteria)
    assert found["labels"] == {"partial": 4, "met": 20, "not_observed": 6 * criteria - 24}
    assert found["disagreed"] == 4
    assert found["passes"]["all"]["same"] == pytest.approx(1 - 4 / (6 * criteria), abs=0.001)
    assert set(found["passes"]) == {"all", "tune", "report", "section 0", "section 2"}
    assert found["mean_credit_by_quality"]["strong"] == pytest.approx(said["strong"] / criteria, abs=0.001)
    assert found["mean_credit_by_quality"]["weak"] == pytest.approx(said["weak"] / 2 / criteria, abs=0.001)
    text = describe(found)
    assert "disagreed on 4 verdicts" in text and "6 cases" in text


def test_the_statistics_of_a_single_case_need_no_spread(folder: Path, library: Library) -> None:
    cases, _ = read_cases(folder, library)
    found = gold_statistics(cases[1:2])
    assert found["length_and_score_r"] is None and found["passes"]["all"]["kappa"] == 1
    assert "1 cases" in describe(found)


def test_every_sentence_of_the_small_set_is_a_quote_of_its_case(folder: Path, library: Library) -> None:
    cases, _ = read_cases(folder, library)
    strong = cases[2]
    assert {name for name, verdict in strong.by_criterion.items() if verdict.verdict == "met"} == set(SAID)
