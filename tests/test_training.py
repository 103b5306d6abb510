"""What the embedded grader is trained on, what is known of each text, and that training learns it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from agent.assembly import Parts
from agent.classifier import CRITERIA, NETWORK, WEIGHTS, Classifier, wording
from agent.encoder import base_model
from agent.errors import ConfigurationError
from agent.estimator import SILENT, Said, readings
from agent.evidence import Rules
from agent.library import Library
from agent.matcher import Likeness
from agent.network import Network
from agent.schema import Transcript, Turn
from agent.text import normalised, overlap
from evals.attacking import load_attacks
from evals.cross import MOST_TOKENS, Pairs, read_across
from evals.dataset import SPLITS, load_dataset
from evals.train import Reading, Trainer, halves, train
from evals.training import UNKNOWN, Interview, Labelled, Statement, Texts, chatter, interviews, statements, texts_of

STORE, KEYS, WEAKNESS = "store-fits-access", "record-keys-queries", "store-weakness-faced"
TEXT = "We shard by user id because reads go by user. That keeps one user's rows on one machine. The bus was late and it rained all day."


def interview(*labels: Labelled) -> Interview:
    turns = (Turn(n=1, section="6", speaker="interviewer", text="Go on."), Turn(n=2, section="6", speaker="candidate", text=TEXT))
    return Interview("x-a", "x", Transcript(turns=turns), labels)


def test_the_report_split_is_never_read(library: Library) -> None:
    reported = {case.entry.scenario for case in load_dataset(library, "report")}
    assert reported and "report" in SPLITS
    seen = {one.scenario for one in interviews(library)} | {statement.scenario for _, statement in statements(library)}
    assert not seen & reported
    assert {case.entry.scenario for case in load_dataset(library, "tune")} < seen


def test_every_label_is_of_a_criterion_that_there_is_and_quotes_its_turn(library: Library) -> None:
    for one in interviews(library):
        turns = {said.turn: said.text for said in one.said}
        assert {label.criterion for label in one.labels} <= set(library.criteria)
        for label in one.labels:
            assert (label.verdict == "not_observed") == (label.quote is None)
            assert label.quote is None or (label.turn in turns and overlap(label.quote, turns[label.turn], turns[label.turn]) > 0), (one.id, label)


def test_of_an_interview_is_known_what_nobody_found_and_what_the_quote_decides(library: Library) -> None:
    one = interview(
        Labelled(criterion=KEYS, section="6", verdict="not_observed"),
        Labelled(criterion=STORE, section="6", verdict="met", turn=2, quote="We shard by user id because reads go by user."),
    )
    found = texts_of(Rules(library), [one], [], [], [STORE, KEYS, WEAKNESS])
    assert len(found.texts) == 2
    assert found.labels.tolist() == [[2, 0, UNKNOWN], [UNKNOWN, 0, UNKNOWN]]


def test_of_a_statement_is_known_its_own_criterion_only(library: Library) -> None:
    statement = Statement(kind="partial", scenario="x", labels=("partial", "partial"), text="One table.")
    assert texts_of(Rules(library), [], [(KEYS, statement)], [], [STORE, KEYS]).labels.tolist() == [[UNKNOWN, 1]]


def test_chatter_shows_none_of_the_criteria_and_is_none_of_the_attacks(library: Library) -> None:
    assert texts_of(Rules(library), [], [], ["Nice weather today."], [STORE, KEYS]).labels.tolist() == [[0, 0]]
    attacks = {normalised(answer) for attack in load_attacks() for answer in attack.answers}
    assert len(chatter()) == len(set(chatter())) > 500
    assert not attacks & {normalised(text) for text in chatter()}


def test_statements_on_which_the_readers_differ_teach_nothing(library: Library, tmp_path: Path) -> None:
    (tmp_path / "6").mkdir()
    rows = "\n".join(f"  - {{kind: met, scenario: x, labels: [met, {label}], text: Said.}}" for label in ("met", "partial"))
    (tmp_path / "6" / "a.yaml").write_text(f"criterion: {STORE}\nstatements:\n{rows}\n")
    assert len(statements(library, tmp_path)) == 1
    (tmp_path / "6" / "b.yaml").write_text("criterion: [")
    with pytest.raises(ConfigurationError, match=r"b\.yaml"):
        statements(library, tmp_path)


@pytest.mark.parametrize(
    ("quote", "piece", "share"), [("abcd", "abcd", 1.0), ("ab", "abcd", 1.0), ("cdef", "abcd", 0.5), ("ef", "ab", 0.0), ("xy", "ab", 0.0)]
)
def test_overlap_is_the_share_of_the_shorter(quote: str, piece: str, share: float) -> None:
    assert overlap(quote, piece, "abcdef") == share


def test_every_scenario_is_held_out_once() -> None:
    first, second = halves(["b", "a", "c", "a"])
    assert first | second == {"a", "b", "c"} and not first & second


def test_training_learns_what_it_is_shown_and_keeps_it_on_file(tmp_path: Path) -> None:
    texts = [
        "Reads go by key, so a key-value table.",
        "The bus was late again.",
        "One lookup by code, so no joins are wanted.",
        "It rained all day.",
    ] * 16
    labels = np.array([[2, 0], [0, 0], [1, UNKNOWN], [0, 0]] * 16, dtype=np.int8)
    network = train(Texts(texts, labels), 2, epochs=30)
    scores = network.score(texts[:4])
    assert (scores[0, 0] > 0).all() and scores[2, 0, 0] > 0 > scores[2, 0, 1]
    assert (scores[1] < 0).all() and (scores[3] < 0).all()
    network.save(tmp_path / "n.safetensors")
    other = Network(base_model(), 2)
    assert not torch.allclose(other.score(texts[:4]), scores, atol=0.05)
    other.load(tmp_path / "n.safetensors")
    assert torch.allclose(other.score(texts[:4]), scores, atol=0.05)
    with pytest.raises((ValueError, RuntimeError)):
        Network(base_model(), 3).load(tmp_path / "n.safetensors")


# --- what ships -------------------------------------------------------------------------------------------------


def test_the_shipped_weights_know_every_criterion_in_its_present_wording(library: Library) -> None:
    classifier = Classifier()
    stale = [c.id for c in library.criteria.values() if classifier.place(c) is None]
    assert not stale, "the rubric has changed since: run `python -m evals.train`"


def test_the_shipped_weights_are_small(library: Library) -> None:
    assert sum(path.stat().st_size for path in WEIGHTS.iterdir()) <= 50_000_000
    assert Classifier().logits(["We keep it in one table."]).shape == (1, len(library.criteria), 2)


def test_a_criterion_that_was_reworded_is_not_known(library: Library) -> None:
    criterion = library.criteria[STORE]
    changed = criterion.model_copy(update={"partial": "Something else."})
    assert wording(changed) != wording(criterion)
    assert Classifier().place(changed) is None and Classifier().place(criterion) is not None


@pytest.mark.parametrize("missing", [CRITERIA, NETWORK])
def test_weights_that_are_missing_are_named_with_the_command_that_makes_them(tmp_path: Path, missing: str) -> None:
    for path in WEIGHTS.iterdir():
        if path.name != missing:
            (tmp_path / path.name).symlink_to(path)
    with pytest.raises(ConfigurationError, match=rf"{missing}.*evals\.train"):
        Classifier(tmp_path).logits(["We keep it in one table."])


def test_features_are_of_the_strongest_readings_and_of_the_sections_own() -> None:
    logits = np.array([[1.0, -1.0], [3.0, 0.0], [2.0, -2.0], [9.0, 9.0]], dtype=np.float32)
    likeness = Likeness(*(np.array([[-9.0, a], [-9.0, b], [-9.0, c], [-9.0, 9.0]]) for a, b, c in ((4, 2, 0), (0.1, 0.3, 0.2), (0.6, 0.5, 0.4))))
    own = np.array([True, False, True, True])
    found = readings(own, logits, likeness, number=1, allowed=[0, 1, 2]).features
    assert found == pytest.approx([3, 2, 2, 0, -1, -1, 4, 2, 4, 0.3, 0.2, 0.2, 0.3, 0.5], abs=1e-6)
    elsewhere = readings(~own, logits, likeness, number=1, allowed=[0, 2]).features
    assert elsewhere[[2, 5, 8, 11]] == pytest.approx([1, -2, 0, 0])  # nothing was said in the section itself
    assert readings(own, logits, likeness, number=1, allowed=[]).features.tolist() == [SILENT] * 6 + [0] * 8


def test_texts_are_likest_to_the_criterion_whose_example_they_are(library: Library, parts: Parts) -> None:
    six = library.rubrics["6"].criteria
    found = parts.matcher.likeness("6", [six[2].examples[0], "It rained all day."])
    for table in (found.words, found.examples):
        assert table.shape == (2, len(six))
        assert table[0].argmax() == 2 and table[0, 2] > 2 * table[1].max()
    assert parts.matcher.likeness("6", []).words.shape == (0, len(six))


def test_said_is_what_the_candidate_said() -> None:
    assert interview().said == [Said(2, "6", TEXT)]


# --- the alternative that does not ship -------------------------------------------------------------------------


def test_pairs_hold_the_words_that_decided_and_what_came_near_where_nobody_met_a_criterion(library: Library) -> None:
    trainer = Trainer(library)
    one = interview(
        Labelled(criterion=STORE, section="6", verdict="met", turn=2, quote="We shard by user id because reads go by user."),
        Labelled(criterion=WEAKNESS, section="6", verdict="not_observed"),
    )
    network = Network(base_model(), len(trainer.criteria))
    reading, pairs = Reading(network, one, trainer.rules, trainer.matcher), Pairs(trainer)
    found = list(pairs.spoken(reading))
    met = [text for text, label in found if label == 2]
    assert met and all(text.startswith(library.criteria[STORE].statement) and "We shard by user id" in text for text in met)
    absent = [text for text, label in found if label == 0]
    assert absent and all(text.startswith(library.criteria[WEAKNESS].statement) for text in absent)
    cross = Network(base_model(), 1, most=MOST_TOKENS)
    rows = read_across(cross, pairs, reading, trainer.criteria)
    assert len(rows) == 2 and all(strong >= mean for row in rows for strong, mean in zip(row[:2], row[2:], strict=True))
    assert cross.score([met[0]]).flatten().tolist() != cross.score([met[0].replace(library.criteria[STORE].statement, "")]).flatten().tolist()
