"""An interview is folded from its events, and nothing that was said or shown is lost on the way."""

import pytest

from agent.clock import divide
from agent.events import Answered, Asked, Commanded, Disagreed, Finished, Observed, SectionGraded, SectionOpened, Started
from agent.library import Library
from agent.schema import Move, SectionResult
from agent.state import Interview, begin, fold


@pytest.fixture
def opened(library: Library) -> Interview:
    """An interview whose section 5 is over and whose section 6 was just opened with a question."""
    ids = tuple(section.id for section in library.sections)
    scenario = library.scenario("team-chat")
    started = Started(scenario=scenario, level="senior", minutes=45, sections=ids, model="embedded", grader="embedded", seed=0)
    openings = [SectionOpened(section="5", seconds=600), SectionOpened(section="6", seconds=300, elapsed=600)]
    return fold(begin(started, divide(library.sections, 45)), [*openings, Asked(section="6", text="How?", move=Move(kind="next_section"))])


def test_what_was_shown_once_stays_shown(opened: Interview) -> None:
    coverages: list[dict[str, float]] = [{"a": 0.9}, {"a": 0.1, "b": 0.3}]
    made = fold(opened, [Observed(section="6", intent="answer", coverage=coverage) for coverage in coverages])
    assert made.section and made.section.coverage == {"a": 0.9, "b": 0.3}


def test_a_new_answer_is_not_read_with_what_the_last_one_showed(opened: Interview) -> None:
    seen = fold(opened, [Answered(section="6", text="So.", message="1"), Observed(section="6", intent="hint")])
    assert fold(seen, [Answered(section="6", text="And so.", message="2")]).last is None
    assert fold(seen, [Commanded(section="6", intent="done")]).last is None


def test_a_click_is_acted_on_once(opened: Interview) -> None:
    clicked = fold(opened, [Commanded(section="6", intent="hint")])
    assert clicked.command
    assert fold(clicked, [Asked(section="6", text="A hint.", move=Move(kind="hint"))]).command is None


def test_an_answer_takes_the_place_of_a_click_that_was_not_acted_on(opened: Interview) -> None:
    made = fold(opened, [Commanded(section="6", intent="done"), Answered(section="6", text="Wait.", message="1")])
    assert made.command is None


def test_a_word_about_the_time_does_not_pay_for_the_reply_that_is_owed(opened: Interview) -> None:
    nudge = Asked(section="6", text="Two minutes left.", move=Move(kind="nudge", nudge=True))
    assert not fold(opened, [nudge]).unanswered
    assert fold(opened, [Answered(section="6", text="So.", message="1"), nudge]).unanswered


def test_follow_ups_are_no_hints(opened: Interview) -> None:
    moves = [Move(kind="follow_up", criterion="a"), Move(kind="hint", criterion="a", hint=0), Move(kind="hint", criterion="b", hint=0)]
    made = fold(opened, [Asked(section="6", text="?", move=move) for move in moves])
    assert (made.hints_for("a"), made.hints_for("b"), made.hints_for("c")) == (1, 1, 0)


def test_the_open_section_is_not_graded_before_the_end(opened: Interview) -> None:
    assert opened.closed == ("5",)
    assert fold(opened, [Finished(reason="ended")]).closed == ("5", "6")


def test_a_grade_that_arrives_late_does_not_turn_the_clock_back(opened: Interview) -> None:
    result = SectionResult(id="5", title="t", status="unscored")
    made = fold(opened, [SectionGraded(result=result, elapsed=10)])
    assert (made.elapsed, made.results) == (600, {"5": result})


def test_a_later_grade_replaces_the_earlier_one(opened: Interview) -> None:
    results = [SectionResult(id="5", title="t", status="unscored"), SectionResult(id="5", title="t", status="graded", score=50)]
    assert fold(opened, [SectionGraded(result=result) for result in results]).results == {"5": results[1]}


def test_an_interview_starts_once(opened: Interview) -> None:
    with pytest.raises(ValueError, match="starts once"):
        fold(opened, [opened.started])


def test_the_latest_word_on_a_criterion_is_what_the_candidate_thinks_and_it_can_be_taken_back(opened: Interview) -> None:
    first, other = (Disagreed(section="5", criterion=name, verdict="met", why="I said so.") for name in ("a", "b"))
    later = Disagreed(section="5", criterion="a", verdict="partial")
    made = fold(opened, [first, other, later])
    assert made.disagreements == {"a": later, "b": other}
    assert fold(made, [Disagreed(section="5", criterion="a", verdict=None)]).disagreements == {"b": other}
    assert (made.results, made.unanswered, made.turns) == (opened.results, opened.unanswered, opened.turns)
