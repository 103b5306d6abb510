"""The reader of clarifying questions: what it knows, what it leaves to nearness, and that what is saved is what was fitted."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.assembly import Parts
from agent.errors import ConfigurationError
from agent.fact_reader import NONE, TALK, WEIGHTS, FactReader, Fitted, vectorizer, vectors, weighed
from agent.facts import FactFinder
from agent.library import Library
from evals.train_facts import Asks, HeldOut, examples, fitted, held_out, read_asks, save, trust

SCENARIO = "ticket-sales"


@pytest.fixture(scope="module")
def reader(parts: Parts) -> FactReader:
    return FactReader(parts.encoder)


def test_every_shipped_problem_is_known(parts: Parts, library: Library, reader: FactReader) -> None:
    for scenario in library.scenarios.values():
        assert reader.read(scenario, "", "What is the budget?") is not None, scenario.id


@pytest.mark.parametrize(
    ("lead", "question", "fact"),
    [
        ("", "Spending limit a month?", "budget"),
        ("I could buy a managed queue or run one of my own.", "What are we allowed to spend on it every month?", "budget"),
        ("", "How many engineers do we have?", "team"),
    ],
)
def test_a_question_is_read_with_what_led_to_it(library: Library, reader: FactReader, lead: str, question: str, fact: str) -> None:
    found = reader.read(library.scenario(SCENARIO), lead, question)
    assert found is not None and found.fact == fact and found.odds > 0


@pytest.mark.parametrize("question", ["Is there a dress code for the ushers?", "Which typeface is on the printed tickets?"])
def test_what_no_fact_answers_is_asked_for_and_not_told(library: Library, reader: FactReader, question: str) -> None:
    found = reader.read(library.scenario(SCENARIO), "", question)
    assert found is not None and found.odds < 0 and found.asks


def test_what_asks_for_nothing_does_not_ask(library: Library, reader: FactReader) -> None:
    found = reader.read(library.scenario(SCENARIO), "", "With a queue in front of the seats, maybe?")
    assert found is not None and found.odds < 0 and not found.asks


@pytest.mark.parametrize(
    "said",
    [
        "With a queue in front of the seats, maybe?",
        "With a queue in front of the shop, maybe?",
        "With a cache for the seat map, maybe?",
        "With a limit per buyer, maybe?",
        "Why Postgres? Because it's boring and the write rate is low.",
        "What would I store per key? A hash of the key, the account, the plan and an override, and that's all.",
        "Isn't that a single point of failure? It is, so I add a standby in another zone.",
        "What about the seats, how do we keep them unique? A conditional update per row.",
        "So what happens when it fails? The worker takes it again.",
        "Does that make sense?",
    ],
)
def test_thinking_aloud_is_told_no_fact_and_not_asked_back(parts: Parts, library: Library, said: str) -> None:
    found = FactFinder(parts.encoder).find(library.scenario(SCENARIO), said)
    assert not found.facts and not found.checks


def test_a_problem_that_was_typed_in_is_read_as_the_general_one(library: Library, reader: FactReader) -> None:
    found = reader.read(library.typed_scenario("Build a calendar"), "", "What is the budget?")
    assert found is not None and found.fact == "gen-budget" and found.odds > 0


def test_a_problem_with_other_facts_is_left_to_nearness(parts: Parts, library: Library, reader: FactReader) -> None:
    scenario = library.scenario(SCENARIO)
    fewer = scenario.model_copy(update={"facts": scenario.facts[1:]})
    assert reader.read(fewer, "", "What is the budget?") is None
    assert FactFinder(parts.encoder).find(fewer, "What is the budget?").facts == ("budget",)


@pytest.mark.parametrize("damage", ["missing", "cut"])
def test_weights_that_cannot_be_read_say_how_to_make_them(parts: Parts, library: Library, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "facts.safetensors"
    if damage == "cut":
        path.write_bytes(WEIGHTS.read_bytes()[:5000])
    with pytest.raises(ConfigurationError, match=r"evals\.train_facts"):
        FactReader(parts.encoder, path).read(library.scenario(SCENARIO), "", "What is the budget?")


# --- how it is made ---------------------------------------------------------------------------------------------


def test_what_is_saved_reads_as_what_was_fitted(parts: Parts, library: Library, tmp_path: Path) -> None:
    scenario = library.scenario(SCENARIO)
    some = {fact: ways[:6] for fact, ways in read_asks(library)[SCENARIO].facts.items()}
    asks = Asks(
        facts=some,
        none=("Is there a dress code?", "Is there a dress code for ushers?"),
        talk=("With a queue, maybe?", "With a queue in front, maybe?"),
    )
    made = examples(parts.encoder, scenario, asks)
    model = fitted(made)
    assert set(model.classes) == {NONE, TALK, *some}
    save({SCENARIO: replace(model, trust=np.array([0.5, 0.1, 2.0, 3.0, -1.0, -1.0], np.float32))}, tmp_path / "facts.safetensors")
    question = made.questions[3]
    near = vectors(parts.encoder, [question])
    (fact,), evidence = model.evidence(near, model.logits(near, [question]))
    read = FactReader(parts.encoder, tmp_path / "facts.safetensors").read(scenario, *question)
    assert read is not None and read.fact == fact == made.wanted[3]
    assert read.odds == pytest.approx(float(evidence[0] @ [0.5, 0.1, 2.0, 3.0, -1.0]) - 1.0, abs=0.1)
    assert held_out(made).right[made.wanted == made.wanted[3]].mean() < 1.0, "it is judged by what it has not seen"


def test_a_question_is_compared_with_those_that_are_known() -> None:
    known = np.eye(7, dtype=np.float32)  # six ways of asking for the budget, one question that nothing answers
    classes, zeros = (NONE, TALK, "budget", "team"), np.zeros((4, 15), np.float32)
    reader = Fitted(classes, vectorizer(["budget"]), zeros, np.zeros(4, np.float32), known, np.array([2, 2, 2, 2, 2, 2, 0]))
    near = np.hstack([np.zeros((2, 7)), [[0.8, 0.6, 0, 0, 0, 0, 0], [0, 0.6, 0, 0, 0, 0, 0.8]]]).astype(np.float32)
    found, evidence = reader.evidence(near, np.array([[0.0, 0.0, 3.0, 1.0], [0.0, 5.0, 3.0, 1.0]], np.float32))
    assert found == ["budget", "budget"]
    assert evidence[0, 0] == pytest.approx(3.0 - np.log(2.0)) and evidence[:, 1] == pytest.approx(2.0)
    assert evidence[:, 2] == pytest.approx([0.8, -0.2]) and evidence[:, 3] == pytest.approx([0.28, 0.12 - 0.8])  # the nearest five of six
    assert evidence[:, 4] == pytest.approx([0.0, 2.0])  # the second more likely asks for nothing


def test_evidence_counts_by_how_often_it_was_right() -> None:
    evidence = np.array([[1, 0, 0, 0, 0], [2, 1, 0, 1, 0], [-1, 0, 1, 0, 0], [-2, 1, 1, 1, 0], [1, 0, 0, 0, 4], [2, 1, 0, 1, 3]] * 10, np.float32)
    wanted = np.array(["budget", "budget", NONE, NONE, TALK, TALK] * 10)
    seen = HeldOut(np.array(["budget"] * 60), evidence, wanted)
    counts = trust([seen])
    assert counts[0] > 0 > counts[2] and counts[4] < 0, "words that ask for nothing speak against a fact"
    assert ((weighed(evidence, counts) > 0) == seen.right).all()


def test_there_are_enough_ways_of_asking_for_every_fact_of_every_problem(library: Library) -> None:
    found = read_asks(library)
    assert found.keys() == library.scenarios.keys()
    for name, asks in found.items():
        assert min(map(len, asks.facts.values())) >= 24 and len(asks.none) >= 200 and len(asks.talk) >= 30, name


def test_asks_of_other_facts_than_the_problem_has_are_named(library: Library, tmp_path: Path) -> None:
    (tmp_path / f"{SCENARIO}.yaml").write_text('facts: {colour: ["Which colour?"]}\nnone: []\ntalk: []\n')
    with pytest.raises(ConfigurationError, match=r"do not have the same facts: .*colour"):
        read_asks(library, tmp_path)
