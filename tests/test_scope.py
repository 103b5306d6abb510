"""What a section is graded on: its own turns first, and what was said of it elsewhere."""

from agent.library import Library
from agent.schema import Transcript, Turn
from agent.scope import Assessment, scope_of

OWN = "For the data I keep one table keyed by code."
STORE = "Redirects are read by one key and never joined, so the store is a key-value table and no relational database."
WEATHER = "It rained all day when we drew the first version, and nobody wanted to go out for lunch."


def spoken(*turns: tuple[str, str]) -> Transcript:
    return Transcript(turns=tuple(Turn(n=n, section=section, speaker="candidate", text=text) for n, (section, text) in enumerate(turns, 1)))


def test_everything_that_was_said_elsewhere_is_read_when_there_is_room(library: Library) -> None:
    scope = scope_of(Assessment(spoken(("2", STORE), ("6", OWN), ("8", WEATHER)), "6"), library.rubrics["6"], library.vocabulary)
    assert [one.text for one in scope.elsewhere] == [STORE, WEATHER]
    assert scope.texts == [(2, OWN), (1, STORE), (3, WEATHER)]


def test_what_shares_most_with_the_rubric_is_kept_when_there_is_not(library: Library) -> None:
    scope = scope_of(
        Assessment(spoken(("2", f"{WEATHER} {STORE}"), ("6", OWN), ("8", WEATHER)), "6"), library.rubrics["6"], library.vocabulary, most_words=25
    )
    assert [one.text for one in scope.elsewhere] == [STORE]
    assert scope.text(1) == f"{WEATHER} {STORE}"


def test_the_kept_sentences_of_a_turn_stay_one_turn_and_only_what_was_said_can_be_quoted(library: Library) -> None:
    key = "Every record has a primary key, and the queries by owner go over one index."
    text = f"{STORE} {WEATHER} {key}"
    scope = scope_of(Assessment(spoken(("2", text), ("6", OWN)), "6"), library.rubrics["6"], library.vocabulary, most_words=40)
    assert [one.text for one in scope.elsewhere] == [f"{STORE} [...] {key}"]
    assert scope.texts == [(2, OWN), (1, text)]


def test_sentences_that_are_kept_stay_in_the_order_in_which_they_were_said(library: Library) -> None:
    first, last = STORE, "Every record has a primary key, and the queries by owner go over one index."
    scope = scope_of(Assessment(spoken(("2", first), ("5", WEATHER), ("8", last)), "6"), library.rubrics["6"], library.vocabulary, most_words=40)
    assert [one.turn for one in scope.elsewhere] == [1, 3]


def test_the_interviewers_words_are_nobodys_evidence(library: Library) -> None:
    turns = (Turn(n=1, section="2", speaker="interviewer", text=STORE), Turn(n=2, section="6", speaker="candidate", text=OWN))
    assessment = Assessment(Transcript(turns=turns), "6")
    assert scope_of(assessment, library.rubrics["6"], library.vocabulary).texts == [(2, OWN)]
    assert assessment.asked == [STORE]
