"""An interview from start to scorecard, on a manual clock, over a real event log."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest
import yaml
from sqlalchemy import text

from agent.assembly import Parts, assemble
from agent.candidate_gold import candidate_gold
from agent.clock import ManualClock
from agent.desk import Desk
from agent.errors import Conflict, InterviewError, NotFound
from agent.events import Answered, Disagreed, SectionGraded
from agent.grader import Grader
from agent.library import Library
from agent.llm import ScriptedChatModel
from agent.schema import PERSONAS, SectionResult, Turn, Verdict
from agent.scope import Assessment
from agent.scoring import section_result
from agent.session import InterviewSession
from agent.settings import Settings
from agent.store import Attendance
from agent.updates import ScorecardReady, Token, TurnAdded, Update
from agent.wording import disagreed

MakeDesk = Callable[..., Desk]
ANSWER = "We keep the messages partitioned by conversation id, because every read asks for one conversation, newest first."


async def heard(updates: AsyncIterator[Update]) -> list[Update]:
    return [update async for update in updates]


async def started(desk: Desk, parts: Parts, **more: object) -> InterviewSession:
    session = await desk.start(parts.library.scenario("team-chat"), "senior", 45, owner="me", seed=1, **more)  # type: ignore[arg-type]
    await heard(session.go_on())
    return session


def last(session: InterviewSession) -> Turn:
    return session.interview.turns[-1]


async def test_all_ten_sections_are_conducted_in_order_and_graded(make_desk: MakeDesk, parts: Parts, clock: ManualClock) -> None:
    desk = make_desk(parts)
    session = await started(desk, parts)
    while not session.interview.finished:
        clock.advance(40)
        await heard(session.reply(ANSWER))
        clock.advance(10)
        await heard(session.click("done"))
    updates = await heard(session.grade())
    assert [state.id for state in session.interview.sections.values()] == [str(n) for n in range(10)]
    assert isinstance(updates[-1], ScorecardReady)
    card = updates[-1].card
    assert [row.status for row in card.sections] == ["graded"] * 10
    assert session.interview.finished.reason == "complete"


async def test_the_words_are_streamed_before_the_turn_is_kept(make_desk: MakeDesk, parts: Parts) -> None:
    session = await make_desk(parts).start(parts.library.scenario("team-chat"), "senior", 45)
    updates = await heard(session.go_on())
    spoken = "".join(update.text for update in updates if isinstance(update, Token))
    assert isinstance(updates[-1], TurnAdded)
    assert updates[-1].turn.text == spoken


async def test_an_answer_is_kept_before_anything_else_happens(make_desk: MakeDesk, parts: Parts) -> None:
    desk = make_desk(parts)
    session = await started(desk, parts)
    updates = session.reply(ANSWER, "m1")
    first = await anext(updates)
    again = await desk.open(session.id, "me")
    assert isinstance(first, TurnAdded)
    assert last(again).text == ANSWER
    await updates.aclose()  # type: ignore[attr-defined]


async def test_a_crash_in_mid_turn_loses_nothing_and_the_question_is_asked_on_return(make_desk: MakeDesk, parts: Parts) -> None:
    desk = make_desk(parts)
    session = await started(desk, parts)
    updates = session.reply(ANSWER, "m1")
    await anext(updates)
    await updates.aclose()  # type: ignore[attr-defined]
    after = await make_desk(parts).open(session.id, "me")
    assert (last(after).speaker, last(after).text) == ("candidate", ANSWER)
    await heard(after.go_on())
    assert last(after).speaker == "interviewer"
    assert await heard(after.go_on()) == []


async def test_the_same_message_counts_once(make_desk: MakeDesk, parts: Parts) -> None:
    desk = make_desk(parts)
    session = await started(desk, parts)
    await heard(session.reply(ANSWER, "m1"))
    with pytest.raises(Conflict, match="already received"):
        await heard(session.reply(ANSWER, "m1"))
    assert [turn.text for turn in session.interview.turns].count(ANSWER) == 1


async def test_two_servers_cannot_apply_two_answers_to_one_question(make_desk: MakeDesk, parts: Parts) -> None:
    one = await started(make_desk(parts), parts)
    other = await make_desk(parts).open(one.id, "me")
    results = await asyncio.gather(heard(one.reply("First. " + ANSWER)), heard(other.reply("Second. " + ANSWER)), return_exceptions=True)
    kept = [event for event in one.desk.store.events(one.id) if event.kind == "answered"]
    failed = [result for result in results if isinstance(result, Conflict)]
    assert len(kept) + len(failed) >= 2
    assert len(kept) == 2 - sum("went on elsewhere" in str(error) for error in failed if len(kept) == 1)


async def test_a_stranger_does_not_find_the_interview(make_desk: MakeDesk, parts: Parts) -> None:
    desk = make_desk(parts)
    session = await started(desk, parts)
    with pytest.raises(NotFound):
        await desk.open(session.id, "somebody else")
    assert [mine.id for mine in await desk.mine("me")] == [session.id]
    assert await desk.mine("somebody else") == []


async def test_an_erased_interview_is_gone(make_desk: MakeDesk, parts: Parts) -> None:
    desk = make_desk(parts)
    session = await started(desk, parts)
    with pytest.raises(NotFound):
        await desk.erase(session.id, "somebody else")
    await desk.erase(session.id, "me")
    with pytest.raises(NotFound):
        await desk.open(session.id, "me")


@pytest.mark.parametrize("text", ["", "   ", "\u200b\u200d", "\x00\x07"])
async def test_a_message_without_words_is_refused_and_changes_nothing(make_desk: MakeDesk, parts: Parts, text: str) -> None:
    session = await started(make_desk(parts), parts)
    before = session.interview.events
    with pytest.raises(InterviewError, match="nothing in that message"):
        await heard(session.reply(text))
    assert session.interview.events == before


async def test_a_very_long_answer_is_refused_in_words(make_desk: MakeDesk, parts: Parts) -> None:
    session = await started(make_desk(parts), parts)
    with pytest.raises(InterviewError, match="20,000"):
        await heard(session.reply("word " * 5000))


@pytest.mark.parametrize("minutes", [0, 14, 91])
async def test_a_length_outside_the_limits_is_refused(make_desk: MakeDesk, parts: Parts, minutes: float) -> None:
    with pytest.raises(InterviewError, match="15 to 90"):
        await make_desk(parts).start(parts.library.scenario("team-chat"), "senior", minutes)


# --- time -------------------------------------------------------------------------------------------------------


async def test_a_pause_consumes_no_time(make_desk: MakeDesk, parts: Parts, clock: ManualClock) -> None:
    session = await started(make_desk(parts), parts)
    clock.advance(30)
    await session.pause()
    clock.advance(600)
    assert await session.elapsed() == 30
    await session.resume()
    clock.advance(5)
    assert await session.elapsed() == 35


async def test_an_answer_resumes_a_paused_interview(make_desk: MakeDesk, parts: Parts, clock: ManualClock) -> None:
    session = await started(make_desk(parts), parts)
    await heard(session.reply("Can we pause for a moment please?"))
    assert session.interview.paused
    clock.advance(600)
    await heard(session.reply(ANSWER))
    assert not session.interview.paused
    assert await session.elapsed() == 0


async def test_a_closed_page_consumes_no_time(make_desk: MakeDesk, parts: Parts, clock: ManualClock) -> None:
    session = await started(make_desk(parts, grace=90), parts)
    clock.advance(20)
    await session.leave()
    clock.advance(5000)
    assert await session.elapsed() == 20
    await session.attend()
    clock.advance(7)
    assert await session.elapsed() == 27


async def test_a_page_that_vanished_without_a_word_stops_the_clock_at_its_last_sign_of_life(
    make_desk: MakeDesk, parts: Parts, clock: ManualClock
) -> None:
    session = await started(make_desk(parts, grace=90), parts)
    clock.advance(30)
    await session.attend()
    clock.advance(5000)
    assert await session.elapsed() == 30


async def test_a_hidden_tab_that_reports_once_a_minute_keeps_the_clock_running(make_desk: MakeDesk, parts: Parts, clock: ManualClock) -> None:
    session = await started(make_desk(parts, grace=90), parts)
    for _ in range(3):
        clock.advance(60)
        await session.attend()
    assert await session.elapsed() == 180


async def test_a_crashed_server_consumes_no_time(make_desk: MakeDesk, parts: Parts, clock: ManualClock) -> None:
    session = await started(make_desk(parts, grace=90), parts)
    clock.advance(30)
    await session.attend()
    clock.advance(20)
    after = await make_desk(parts, grace=90).open(session.id, "me")
    assert await after.elapsed() == 30
    assert after.interview.turns == session.interview.turns
    assert after.interview.section == session.interview.section


async def test_an_open_page_is_told_once_how_much_time_is_left(make_desk: MakeDesk, parts: Parts, clock: ManualClock) -> None:
    session = await started(make_desk(parts), parts)
    await heard(session.click("done"))
    clock.advance(0.75 * 300)
    told = await heard(session.tick())
    assert [update.turn.move.kind for update in told if isinstance(update, TurnAdded) and update.turn.move] == ["nudge"]
    assert "left" in last(session).text
    assert await heard(session.tick()) == []


async def test_a_section_whose_time_is_over_is_handed_over_at_the_next_utterance(make_desk: MakeDesk, parts: Parts, clock: ManualClock) -> None:
    session = await started(make_desk(parts), parts)
    clock.advance(61)
    assert session.interview.section and session.interview.section.id == "0"
    await heard(session.reply(ANSWER))
    assert session.interview.section.id == "1"


async def test_what_was_not_reached_is_not_reached(make_desk: MakeDesk, parts: Parts, clock: ManualClock) -> None:
    session = await started(make_desk(parts), parts)
    await heard(session.click("done"))
    clock.advance(45 * 60)
    await heard(session.reply(ANSWER))
    assert session.interview.finished and session.interview.finished.reason == "time"
    await heard(session.grade())
    card = session.scorecard()
    assert card is not None
    assert [row.status for row in card.sections] == ["graded"] * 2 + ["not_reached"] * 8
    assert card.level_signal == "insufficient"


async def test_after_the_end_nothing_more_is_taken(make_desk: MakeDesk, parts: Parts) -> None:
    session = await started(make_desk(parts), parts)
    await heard(session.click("end"))
    with pytest.raises(Conflict, match="over"):
        await heard(session.reply(ANSWER))


# --- the interviewer's manner -----------------------------------------------------------------------------------

SAID = (
    ANSWER,
    "What is the budget? And with a queue in front, nothing gets lost.",
    "SQL databases don't scale horizontally, and joins get slow.",
    "I have a copy in every zone; if the primary is gone a replica takes over in thirty seconds.",
    "I don't know.",
)


async def interviewed(desk: Desk, parts: Parts, persona: str) -> InterviewSession:
    session = await started(desk, parts, persona=persona, sections=("6", "7"))
    for said in SAID:
        await heard(session.reply(said))
    for _ in range(2):
        await heard(session.click("done"))
    await heard(session.grade())
    return session


async def test_a_manner_changes_words_and_neither_the_flow_nor_a_verdict(make_desk: MakeDesk, parts: Parts) -> None:
    desk = make_desk(parts)
    neutral, *others = [await interviewed(desk, parts, persona) for persona in PERSONAS]
    moves = [turn.move for turn in neutral.interview.turns if turn.speaker == "interviewer"]
    assert {move.kind for move in moves if move} >= {"ask", "follow_up", "hint", "next_section", "wrap_up"}
    for other in others:
        assert [turn.move for turn in other.interview.turns if turn.speaker == "interviewer"] == moves
        assert other.interview.results == neutral.interview.results
        assert [turn.text for turn in other.interview.turns] != [turn.text for turn in neutral.interview.turns]


# --- facts, hints, practice -------------------------------------------------------------------------------------


async def test_a_fact_is_told_in_the_same_words_however_it_is_asked_for(make_desk: MakeDesk, parts: Parts) -> None:
    fact = parts.library.scenario("team-chat").facts[0]
    session = await started(make_desk(parts), parts)
    for ask in fact.asks[:3]:
        await heard(session.reply(ask if ask.endswith("?") else f"{ask}?"))
        assert fact.answer in last(session).text
    assert session.interview.facts_told.count(fact.id) == 1


async def test_what_no_fact_answers_is_to_be_assumed(make_desk: MakeDesk, parts: Parts) -> None:
    session = await started(make_desk(parts), parts)
    await heard(session.reply("Which colour does the chief executive's bicycle have?"))
    move = last(session).move
    assert move and move.asked_unknown and not move.facts
    assert "assum" in last(session).text.lower()


async def test_a_follow_up_records_the_passages_it_rests_on(make_desk: MakeDesk, parts: Parts) -> None:
    session = await started(make_desk(parts), parts)
    await heard(session.reply(ANSWER))
    turn = last(session)
    assert turn.move and turn.move.kind == "follow_up"
    assert turn.passages and set(turn.passages) <= set(parts.library.criteria[turn.move.criterion or ""].references)


async def test_a_hint_is_counted_against_its_criterion_only(make_desk: MakeDesk, parts: Parts) -> None:
    session = await started(make_desk(parts), parts)
    await heard(session.click("hint"))
    move = last(session).move
    assert move and move.criterion and move.hint == 0
    assert parts.library.criteria[move.criterion].hints[0] in last(session).text
    assert session.interview.hints_for(move.criterion) == 1


async def test_a_practice_of_two_sections_conducts_just_those(make_desk: MakeDesk, parts: Parts) -> None:
    session = await started(make_desk(parts), parts, sections=("5", "8"))
    await heard(session.click("done"))
    await heard(session.click("done"))
    await heard(session.grade())
    card = session.scorecard()
    assert card is not None
    assert [row.id for row in card.sections] == ["5", "8"]


async def test_a_repeat_asks_the_same_again(make_desk: MakeDesk, parts: Parts) -> None:
    session = await started(make_desk(parts), parts)
    first = last(session).text
    await heard(session.reply("Could you repeat the question?"))
    again = last(session).text.split(" ", 1)[1]
    assert again.split(":", 1)[-1].strip() in first
    assert "we have 45 minutes" not in again.lower()


async def test_a_slow_models_time_is_not_the_candidates(make_desk: MakeDesk, parts: Parts, clock: ManualClock, settings: Settings) -> None:
    def slow(_: object) -> str:
        clock.advance(60)
        return "Why there?"

    model = ScriptedChatModel([slow], repeat=True)
    session = await started(make_desk(assemble(settings, interviewer=model)), parts)
    clock.advance(10)
    await heard(session.reply(ANSWER))
    assert await session.elapsed() == 10
    clock.advance(5)
    assert await session.elapsed() == 15


async def test_what_is_kept_of_an_answer_is_what_can_be_seen_of_it(make_desk: MakeDesk, parts: Parts) -> None:
    session = await started(make_desk(parts), parts)
    await anext(session.reply("We \u202eshard\u200b it.\x00 "))
    assert last(await session.desk.open(session.id)).text == "We shard it."


# --- more of time -----------------------------------------------------------------------------------------------


async def test_a_click_resumes_a_paused_interview(make_desk: MakeDesk, parts: Parts, clock: ManualClock) -> None:
    session = await started(make_desk(parts), parts)
    await session.pause()
    clock.advance(600)
    await heard(session.click("hint"))
    assert not session.interview.paused
    clock.advance(5)
    assert await session.elapsed() == 5


async def test_a_paused_interview_is_not_told_how_much_time_is_left(make_desk: MakeDesk, parts: Parts, clock: ManualClock) -> None:
    session = await started(make_desk(parts), parts)
    clock.advance(50)
    await session.pause()
    assert await heard(session.tick()) == []


async def test_the_time_left_is_not_told_in_place_of_a_reply_that_is_owed(make_desk: MakeDesk, parts: Parts, clock: ManualClock) -> None:
    session = await started(make_desk(parts), parts)
    clock.advance(50)
    updates = session.reply("Can I have a hint?")
    await anext(updates)
    await updates.aclose()  # type: ignore[attr-defined]
    after = await session.desk.open(session.id)
    assert await heard(after.tick()) == []
    await heard(after.go_on())
    move = last(after).move
    assert move and (move.kind, move.nudge) == ("hint", True)


async def test_a_server_whose_clock_is_set_back_takes_no_time_and_gives_none(make_desk: MakeDesk, parts: Parts, clock: ManualClock) -> None:
    session = await started(make_desk(parts), parts)
    clock.advance(30)
    await session.attend()
    clock.advance(-3600)
    assert await session.elapsed() == 30


async def test_the_clock_never_stands_before_what_was_already_said(make_desk: MakeDesk, parts: Parts, clock: ManualClock) -> None:
    session = await started(make_desk(parts), parts)
    clock.advance(30)
    await heard(session.reply(ANSWER))
    session.desk.store.attend(session.id, Attendance(0.0, None, None))
    assert await session.elapsed() == 30


# --- grading in the background ----------------------------------------------------------------------------------


class WatchedGrader:
    """The embedded grader, watched. It waits while `may_go` is not set, and breaks while `broken`."""

    name = "watched"

    def __init__(self, grader: Grader) -> None:
        self._grader = grader
        self.asked: list[Assessment] = []
        self.may_go, self.broken, self.stopped = asyncio.Event(), False, False

    async def grade(self, assessment: Assessment) -> SectionResult:
        self.asked.append(assessment)
        try:
            await self.may_go.wait()
        except asyncio.CancelledError:
            self.stopped = True
            raise
        if self.broken:
            raise RuntimeError("it broke")
        return await self._grader.grade(assessment)


async def watched(make_desk: MakeDesk, parts: Parts) -> tuple[WatchedGrader, InterviewSession]:
    grader = WatchedGrader(parts.grader)
    made = replace(parts, grader=grader)
    return grader, await started(make_desk(made), made, sections=("5", "8"))


async def test_a_section_is_graded_once_however_often_its_grade_is_wanted(make_desk: MakeDesk, parts: Parts) -> None:
    grader, session = await watched(make_desk, parts)
    await heard(session.click("end"))
    wanted = [asyncio.create_task(heard(session.grade())) for _ in range(2)]
    await asyncio.sleep(0.05)
    grader.may_go.set()
    await asyncio.gather(*wanted)
    assert [assessment.section for assessment in grader.asked] == ["5"]


async def test_a_grader_that_breaks_leaves_the_section_unscored_until_it_is_graded_again(make_desk: MakeDesk, parts: Parts) -> None:
    grader, session = await watched(make_desk, parts)
    grader.may_go.set()
    grader.broken = True
    await heard(session.click("end"))
    await heard(session.grade())
    result = session.interview.results["5"]
    assert (result.status, result.score, result.note) == ("unscored", None, "The grader failed: RuntimeError.")
    grader.broken = False
    await heard(session.grade())
    assert session.interview.results["5"] == result
    await heard(session.grade(again=["5"]))
    assert session.interview.results["5"].score is not None


async def test_a_section_whose_grading_began_before_the_last_words_is_graded_on_them_too(make_desk: MakeDesk, parts: Parts) -> None:
    grader, session = await watched(make_desk, parts)
    await heard(session.click("done"))
    await asyncio.sleep(0.05)  # section 5 is being graded
    await heard(session.reply(ANSWER))
    await heard(session.click("end"))
    wanted = asyncio.create_task(heard(session.grade()))
    await asyncio.sleep(0.05)
    grader.may_go.set()
    await wanted
    five = [assessment.transcript for assessment in grader.asked if assessment.section == "5"]
    assert [ANSWER in [turn.text for turn in transcript.turns] for transcript in five] == [False, True]
    assert session.interview.results["5"].seen == len(five[-1].turns)


async def test_the_grader_is_told_of_the_hints_that_were_given(make_desk: MakeDesk, parts: Parts) -> None:
    grader, session = await watched(make_desk, parts)
    grader.may_go.set()
    await heard(session.click("hint"))
    move = last(session).move
    await heard(session.click("end"))
    await heard(session.grade())
    assert move and move.criterion and grader.asked[0].transcript.hints_given(move.criterion) == 1


async def test_a_section_that_is_still_open_is_not_graded(make_desk: MakeDesk, parts: Parts) -> None:
    grader, session = await watched(make_desk, parts)
    grader.may_go.set()
    await heard(session.reply(ANSWER))
    assert await heard(session.grade()) == []
    assert grader.asked == []


async def test_an_interview_that_is_erased_is_graded_no_further(make_desk: MakeDesk, parts: Parts) -> None:
    grader, session = await watched(make_desk, parts)
    await heard(session.click("done"))
    await asyncio.sleep(0.05)
    assert grader.asked
    await session.desk.erase(session.id, "me")
    await asyncio.sleep(0.05)
    assert grader.stopped


async def test_a_control_that_is_used_while_the_interviewer_speaks_is_refused(make_desk: MakeDesk, parts: Parts) -> None:
    session = await started(make_desk(parts), parts)
    updates = session.reply(ANSWER)
    await anext(updates)
    with pytest.raises(Conflict, match="speaking"):
        await heard(session.click("done"))
    await heard(updates)
    assert session.interview.section and session.interview.section.id == "0"


async def test_what_was_asked_for_as_the_time_ran_out_is_still_told(make_desk: MakeDesk, parts: Parts, clock: ManualClock) -> None:
    fact = parts.library.scenario("team-chat").facts[0]
    session = await started(make_desk(parts), parts)
    clock.advance(61)
    await heard(session.reply(next(ask for ask in fact.asks if ask.endswith("?"))))
    assert session.interview.section and session.interview.section.id == "1"
    assert fact.answer in last(session).text


async def test_one_log_that_cannot_be_read_hides_no_other(make_desk: MakeDesk, parts: Parts) -> None:
    desk = make_desk(parts)
    good, bad = await started(desk, parts), await started(desk, parts)
    with desk.store._engine.begin() as db:
        db.execute(text("update events set body = replace(body, 'kind', 'kinship') where interview = :name and n = 1"), {"name": bad.id})
    assert [session.id for session in await desk.mine("me")] == [good.id]


# --- what the candidate thinks of a verdict ---------------------------------------------------------------------


class StrictGrader:
    """Observes nothing, ever."""

    name = "strict"

    def __init__(self, library: Library) -> None:
        self._library = library

    async def grade(self, assessment: Assessment) -> SectionResult:
        rubric = self._library.rubrics[assessment.section]
        verdicts = [Verdict(criterion=c.id, status="not_observed", confidence=1, reason="Nothing was heard.") for c in rubric.criteria]
        return section_result(self._library.section(assessment.section), rubric, verdicts, assessment.transcript.level, self.name)


async def judged(make_desk: MakeDesk, parts: Parts) -> tuple[InterviewSession, str]:
    """An interview whose sections 5 and 8 are graded, and a criterion of section 5."""
    made = replace(parts, grader=StrictGrader(parts.library))
    session = await started(make_desk(made), made, sections=("5", "8"))
    await heard(session.click("done"))
    await heard(session.click("end"))
    await heard(session.grade())
    return session, parts.library.rubrics["5"].criteria[0].id


async def test_a_disagreement_is_kept_beside_the_verdict_and_changes_no_score(make_desk: MakeDesk, parts: Parts) -> None:
    session, criterion = await judged(make_desk, parts)
    before = session.scorecard()
    await session.disagree("5", criterion, "met", " I \u202esaid it\u200b in turn 2. ")
    after = await make_desk(parts).open(session.id, "me")
    (kept,) = after.interview.disagreements.values()
    assert (kept.section, kept.criterion, kept.verdict, kept.why) == ("5", criterion, "met", "I said it in turn 2.")
    assert after.scorecard() == before
    await after.disagree("5", criterion, None)
    assert after.interview.disagreements == {}
    events = after.interview.events
    await after.disagree("5", criterion, None)
    assert after.interview.events == events


async def test_a_disagreement_keeps_the_verdict_that_it_is_about_when_the_section_is_graded_again(make_desk: MakeDesk, parts: Parts) -> None:
    session, criterion = await judged(make_desk, parts)
    await session.disagree("5", criterion, "met")
    better = session.interview.results["5"]
    verdicts = tuple(given.model_copy(update={"status": "partial"}) for given in better.verdicts)
    await session._append(SectionGraded(result=better.model_copy(update={"verdicts": verdicts, "grader": "another"})))
    (kept,) = yaml.safe_load(candidate_gold(session))["verdicts"]
    assert (kept["verdict"], kept["graded"], kept["grader"]) == ("met", "not_observed", "strict")
    assert disagreed(session.interview.disagreements[criterion]) == "You disagreed with \u201cnot observed\u201d: met."


async def test_only_a_verdict_that_was_given_can_be_disagreed_with(make_desk: MakeDesk, parts: Parts) -> None:
    session, criterion = await judged(make_desk, parts)
    for section, named in (("5", "no-such-criterion"), ("6", criterion), ("8", criterion)):
        with pytest.raises(InterviewError, match="nothing to disagree with"):
            await session.disagree(section, named, "met")
    assert session.interview.disagreements == {}


async def test_what_cannot_be_kept_of_a_disagreement_is_refused_in_words(make_desk: MakeDesk, parts: Parts) -> None:
    session, criterion = await judged(make_desk, parts)
    with pytest.raises(InterviewError, match="2,001 characters"):
        await session.disagree("5", criterion, "met", "x" * 2001)
    with pytest.raises(InterviewError, match="A verdict is one of met, partial, not_observed"):
        await session.disagree("5", criterion, "unclear")  # type: ignore[arg-type]
    await session.disagree("5", criterion, "met", "x" * 2000)
    assert len(session.interview.disagreements[criterion].why) == 2000


async def test_a_disagreement_neither_causes_nor_suffers_a_conflict(make_desk: MakeDesk, parts: Parts) -> None:
    made = replace(parts, grader=StrictGrader(parts.library))
    session = await started(make_desk(made), made)
    await heard(session.click("done"))
    await heard(session.grade())
    behind, other = await make_desk(made).open(session.id, "me"), await make_desk(made).open(session.id, "me")
    one, two, *_ = (c.id for c in parts.library.rubrics["0"].criteria)
    await session.disagree("0", one, "met")
    await behind._append(Answered(section="1", text=ANSWER, message="m1"))  # does not know of the disagreement, nor the next of the answer
    await other._append(Disagreed(section="0", criterion=two, verdict="partial"))
    kept = (await make_desk(made).open(session.id, "me")).interview
    assert set(kept.disagreements) == {one, two}
    assert kept.turns[-1].text == ANSWER
