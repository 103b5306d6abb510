"""Wrong turns are found in other words, left for their section, and not asked about when the candidate knows better."""

import shutil
from pathlib import Path

import pytest

from agent.assembly import Parts
from agent.clock import divide
from agent.errors import ConfigurationError
from agent.events import Answered, SectionOpened, Started
from agent.interviewer import EmbeddedInterviewer
from agent.library import SHIPPED, Library, load_library
from agent.schema import Move
from agent.state import begin, fold
from agent.wrong_turns import WrongTurns, claim_in, knows_better


@pytest.fixture(scope="module")
def finder(parts: Parts) -> WrongTurns:
    return WrongTurns(parts.encoder, parts.library)


def test_one_of_any_problem_is_found_in_any_problem(finder: WrongTurns, library: Library) -> None:
    said = "In CAP terms I would go for consistency and availability, because partitions are super rare inside one region."
    for name in ("team-chat", "payments", "general"):
        assert finder.taken(library.scenario(name), "6", said) == "all-of-cap"


def test_one_of_the_problem_is_found_and_every_claim_finds_itself(finder: WrongTurns, library: Library) -> None:
    scenario = library.scenario("url-shortener")
    for turn in (*scenario.wrong_turns, *library.wrong_turns):
        assert finder.taken(scenario, turn.section, turn.claim) == turn.id


def test_what_belongs_to_a_later_section_is_left_for_then_and_what_belongs_to_an_earlier_one_is_not(finder: WrongTurns, library: Library) -> None:
    scenario = library.scenario("url-shortener")
    said = "I'd return a 301, because the mapping never changes and browsers and the CDN then cache it forever."
    assert [finder.taken(scenario, section, said) for section in ("2", "4", "6")] == [None, "permanent-redirect", "permanent-redirect"]


def test_who_shows_that_he_knows_better_is_not_asked(finder: WrongTurns, library: Library) -> None:
    scenario, said = library.scenario("team-chat"), "If there's a timeout we try again up to three times."
    assert finder.taken(scenario, "5", said) == "just-retry"
    assert finder.taken(scenario, "5", said, ["Every call carries an idempotency key."]) is None
    turn = next(turn for turn in library.wrong_turns if turn.id == "just-retry")
    assert knows_better(turn, "it is idempotent") and not knows_better(turn, "it is not at all")


def test_plain_statements_take_no_wrong_turn(finder: WrongTurns, library: Library) -> None:
    for said in ("I keep one row for each seat.", "The gateway checks the token and passes the tenant on.", "Sorry, what was that?"):
        assert finder.taken(library.scenario("ticket-sales"), "6", said) is None


def test_the_probe_follows_the_candidates_own_words(parts: Parts, library: Library) -> None:
    started = Started(scenario=library.scenario("team-chat"), level="senior", minutes=30, sections=("6",), model="m", grader="g", seed=0)
    said = "For the messages there are many options one could discuss here. MongoDB, because it scales horizontally."
    made = fold(
        begin(started, divide(library.sections, 1800)), [SectionOpened(section="6", seconds=300), Answered(section="6", text=said, message="1")]
    )
    turn = next(turn for turn in library.wrong_turns if turn.id == "relational-does-not-scale")
    spoken = EmbeddedInterviewer(library, parts.matcher, parts.retriever).body(made, Move(kind="follow_up", wrong_turn=turn.id))
    assert '"MongoDB, because it scales horizontally"' in spoken and spoken.endswith(turn.probe)
    assert claim_in(parts.encoder, turn, "I keep one row for each seat.") is None


def test_probes_are_one_question_and_do_not_say_why(library: Library) -> None:
    for turn in library.wrong_turns:
        assert turn.probe.count("?") == 1 and turn.probe.endswith("?"), turn.id


@pytest.fixture
def own(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED, tmp_path / "corpus", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    return tmp_path / "corpus"


def test_a_corpus_may_bring_its_own_and_is_told_what_is_wrong_with_them(own: Path) -> None:
    path = own / "wrong_turns.yaml"
    path.write_text('wrong_turns:\n  - {id: a, section: "4", claim: We trust the client., why: It lies., probe: What if it lies?}\n')
    assert [turn.id for turn in load_library(own).wrong_turns] == ["a"]
    path.write_text(path.read_text().replace('"4"', '"44"'))
    with pytest.raises(ConfigurationError, match="no section 44"):
        load_library(own)


def test_a_corpus_without_any_has_the_shipped_ones_of_the_sections_it_has(own: Path, library: Library) -> None:
    (own / "wrong_turns.yaml").unlink()
    assert load_library(own).wrong_turns == library.wrong_turns
