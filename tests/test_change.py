"""What a candidate makes of a changed constraint is graded as a criterion of its own, from words on either side of it, and counts in no score."""

import json
import re
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from agent.assembly import Parts
from agent.clock import ManualClock
from agent.desk import Desk
from agent.errors import ModelUnavailable
from agent.grader import EmbeddedGrader, ModelGrader
from agent.library import Library
from agent.llm import Message, ScriptedChatModel
from agent.prompts import Prompts
from agent.rendering import report_markdown, scorecard_fragment
from agent.schema import ChangeVerdict, ConstraintChange, Move, Scorecard, SectionResult, Transcript, Turn
from agent.scope import Assessment
from agent.scoring import scorecard
from agent.session import InterviewSession
from agent.updates import Update
from page.results import ungraded
from tests.model_parts import estimator

SCENARIO, CHANGE, SECTION = "url-shortener", "cup-final-link", "7"
BEFORE = "We also cache redirects in the CDN, for one minute, and our pods only answer what the cache does not have."
AFTER = (
    "With eighty thousand on one link I'd move that link out to the CDN and not to our pods any more. "
    "The cache time must go from a minute to maybe three seconds then, because of the half time switch."
)
SHRUG = "We run on Kubernetes, and Kubernetes is made for this kind of thing, so I am not worried about it at all."
LATER = "On the release side I would roll out region by region, with a flag for each customer, and watch the error rate for an hour."


def the_change(library: Library) -> ConstraintChange:
    found = library.change(SCENARIO, CHANGE)
    assert found
    return found


def assessed(library: Library, *after: str, before: str = BEFORE, later: tuple[str, ...] = (), changed: bool = True, id: str = CHANGE) -> Assessment:
    """Section 7, in which the constraint changed after the first answer; then what was said in section 8."""
    turns = [
        Turn(n=1, section=SECTION, speaker="interviewer", text="What breaks first?", move=Move(kind="ask")),
        Turn(n=2, section=SECTION, speaker="candidate", text=before),
    ]
    if changed:
        turns.append(Turn(n=3, section=SECTION, speaker="interviewer", text=the_change(library).say, move=Move(kind="curveball", change=id)))
    turns += [Turn(n=len(turns) + 1 + i, section=SECTION, speaker="candidate", text=text) for i, text in enumerate(after)]
    turns += [Turn(n=len(turns) + 1 + i, section="8", speaker="candidate", text=text) for i, text in enumerate(later)]
    return Assessment(Transcript(id="i1", scenario=SCENARIO, title="Build it", turns=tuple(turns)), SECTION)


def embedded(parts: Parts, assessment: Assessment) -> SectionResult:
    return EmbeddedGrader(parts.library, parts.estimator).grade_now(assessment)


def of(result: SectionResult) -> ChangeVerdict:
    assert result.change
    return result.change


# --- the embedded grader ----------------------------------------------------------------------------------------


def test_a_revision_is_met_and_quotes_both_sides_of_the_change(parts: Parts) -> None:
    found = of(embedded(parts, assessed(parts.library, AFTER)))
    assert (found.status, found.turn, found.change) == ("met", 3, CHANGE)
    assert found.after and found.after.turn == 4 and found.after.quote in AFTER
    assert found.before and found.before.turn == 2 and found.before.quote in BEFORE
    assert found.said == the_change(parts.library).say and found.better == the_change(parts.library).expects


def test_what_was_said_before_the_change_earns_nothing_after_it(parts: Parts) -> None:
    found = of(embedded(parts, assessed(parts.library, SHRUG, before=AFTER)))
    assert found.status == "not_observed" and found.after is None


def test_nothing_said_after_the_change_is_not_observed(parts: Parts) -> None:
    assert of(embedded(parts, assessed(parts.library))).status == "not_observed"


def test_without_earlier_words_that_come_near_there_is_no_before(parts: Parts) -> None:
    found = of(embedded(parts, assessed(parts.library, AFTER, before="The pager is carried by one of the four backend people, weekly.")))
    assert found.status == "met" and found.before is None


def test_a_revision_in_a_later_section_counts_and_other_talk_there_does_not(parts: Parts) -> None:
    revised, other = (of(embedded(parts, assessed(parts.library, later=(text,)))) for text in (AFTER, LATER))
    assert revised.after and revised.after.turn == 4
    assert (revised.status != "not_observed", other.status) == (True, "not_observed")


def test_the_interviewers_words_and_the_corpus_said_back_are_no_response(parts: Parts) -> None:
    change = the_change(parts.library)
    for copied in (change.say, *change.expects, *change.examples):
        assert of(embedded(parts, assessed(parts.library, copied))).after is None


def test_it_counts_in_no_score(parts: Parts) -> None:
    assessment = assessed(parts.library, AFTER)
    with_change = embedded(parts, assessment)
    plain = [turn.model_copy(update={"move": None}) for turn in assessment.transcript.turns]
    without = embedded(parts, Assessment(assessment.transcript.model_copy(update={"turns": tuple(plain)}), SECTION))
    assert without.change is None and with_change.change
    assert with_change.model_copy(update={"change": None}) == without


def test_a_transcript_without_a_change_or_with_an_unknown_one_carries_none(parts: Parts) -> None:
    assert embedded(parts, assessed(parts.library, AFTER, changed=False)).change is None
    assert embedded(parts, assessed(parts.library, AFTER, id="long-gone")).change is None


def test_a_typed_problem_has_the_general_changes(library: Library) -> None:
    general = library.scenario("general").changes[0]
    assert library.change("typed", general.id) == general


def test_grading_twice_gives_the_same_bytes(parts: Parts) -> None:
    first, second = (embedded(parts, assessed(parts.library, AFTER)).model_dump_json() for _ in range(2))
    assert first == second


def test_most_examples_revise_and_few_near_misses_do(parts: Parts) -> None:
    def met(wanted: str) -> float:
        found = []
        for scenario in parts.library.scenarios.values():
            for change in scenario.changes:
                rubric = parts.library.change_rubric.of(change)
                for text in getattr(change, wanted):
                    left = {wanted: tuple(one for one in getattr(rubric, wanted) if one != text)}
                    revisions = parts.estimator.revisions
                    found.append(revisions.odds(revisions.features(rubric.model_copy(update=left), [text]))[0] > 0)
        return float(sum(found) / len(found))

    assert met("examples") > 0.75 and met("near_misses") < 0.1


# --- the model's grader -----------------------------------------------------------------------------------------


def section_reply(library: Library) -> str:
    none = [{"criterion": c.id, "quotes": [], "reason": "No.", "verdict": "not_observed"} for c in library.rubrics[SECTION].criteria]
    return json.dumps({"verdicts": none})


def reply(after: str, before: str = "cache redirects in the CDN, for one minute", verdict: str = "met") -> str:
    return json.dumps({"before": [before], "after": [after], "reason": "It moves.", "verdict": verdict})


async def judged(library: Library, *replies: Any, assessment: Assessment | None = None) -> tuple[ChangeVerdict, ScriptedChatModel]:
    model = ScriptedChatModel([section_reply(library), *replies])
    result = await ModelGrader(library, model, Prompts(), estimator()).grade(assessment or assessed(library, AFTER))
    return of(result), model


async def test_a_model_judges_in_one_call_of_its_own_and_its_quotes_are_found(library: Library) -> None:
    found, model = await judged(library, reply("move that link out to the CDN"))
    assert len(model.requests) == 2 and found.status == "met"
    assert found.after and (found.after.turn, found.after.quote) == (4, "move that link out to the CDN")
    assert found.before and found.before.turn == 2


async def test_a_quote_from_the_wrong_side_of_the_change_is_asked_for_again_and_then_unscored(library: Library) -> None:
    wrong = reply("cache redirects in the CDN, for one minute")
    found, model = await judged(library, wrong, wrong)
    assert (found.status, found.attempts, len(model.requests)) == ("unscored", 2, 3)
    assert "could not be used" in model.requests[2][0].content


async def test_a_before_that_was_said_after_the_change_is_left_out(library: Library) -> None:
    found, _ = await judged(library, reply("move that link out to the CDN", before="The cache time must go from a minute"))
    assert found.status == "met" and found.before is None


@pytest.mark.parametrize("broken", [ModelUnavailable("It does not answer."), "{"])
async def test_a_failed_model_leaves_the_change_unscored_and_the_section_graded(library: Library, broken: Any) -> None:
    model = ScriptedChatModel([section_reply(library), broken])
    result = await ModelGrader(library, model, Prompts(), estimator()).grade(assessed(library, AFTER))
    assert result.status == "graded" and of(result).status == "unscored" and result.failed


async def test_silence_after_the_change_costs_no_request(library: Library) -> None:
    found, model = await judged(library, assessment=assessed(library))
    assert found.status == "not_observed" and len(model.requests) == 1


# --- in an interview --------------------------------------------------------------------------------------------


def scripted(*changes: str) -> ScriptedChatModel:
    """A model that meets nothing, and of the changed constraint says these, one after the other."""
    left = list(changes)

    def line(messages: Sequence[Message]) -> str:
        if "changed a constraint" in messages[0].content:
            return left.pop(0)
        criteria = re.findall(r"^### (\S+)$", messages[0].content, re.MULTILINE)
        return json.dumps({"verdicts": [{"criterion": c, "quotes": [], "reason": "No.", "verdict": "not_observed"} for c in criteria]})

    return ScriptedChatModel([line], repeat=True)


async def interviewed(desk: Desk, clock: ManualClock, *after: str, sections: tuple[str, ...], at_once: str = "") -> InterviewSession:
    """An interview in which the constraint changed after the first answer. `at_once`: said then; `after`: said in the last section."""
    session = await desk.start(desk.context.library.scenario(SCENARIO), "senior", 45, sections=sections, seed=0)
    await heard(session.go_on())
    clock.advance(0.5 * session.interview.sections[SECTION].seconds)
    await heard(session.reply(BEFORE))
    assert session.interview.changes_made == (CHANGE,)
    if at_once:
        await heard(session.reply(at_once))
    if len(sections) > 1:
        await heard(session.click("done"))
        await heard(session.grade())
    for text in after:
        await heard(session.reply(text))
    await heard(session.click("end"))
    await heard(session.grade())
    return session


async def heard(updates: AsyncIterator[Update]) -> None:
    async for _ in updates:
        pass


def changes_graded(parts: Parts, *replies: str) -> Parts:
    return replace(parts, grader=ModelGrader(parts.library, scripted(*replies), parts.prompts, parts.estimator))


async def test_a_change_whose_grader_failed_is_graded_again_when_it_is_wanted(
    make_desk: Callable[[Parts], Desk], parts: Parts, clock: ManualClock
) -> None:
    session = await interviewed(make_desk(changes_graded(parts, "{", reply("move that link out to the CDN"))), clock, AFTER, sections=(SECTION,))
    first = session.interview.results[SECTION]
    assert (first.status, of(first).status) == ("graded", "unscored")
    assert "Grade again" in ungraded(session.interview.results, parts.library)
    await heard(session.grade(again=[SECTION]))
    assert of(session.interview.results[SECTION]).status == "met"
    assert ungraded(session.interview.results, parts.library) == ""


async def test_a_revision_that_is_said_after_the_section_was_graded_is_graded_too(
    make_desk: Callable[[Parts], Desk], parts: Parts, clock: ManualClock
) -> None:
    made = changes_graded(parts, reply("move that link out to the CDN"))  # silence after the change costs no call
    session = await interviewed(make_desk(made), clock, AFTER, sections=(SECTION, "8"))
    assert of(session.interview.results[SECTION]).status == "met"


def test_later_words_that_revise_are_news_where_the_change_was_not_met(parts: Parts, clock: ManualClock) -> None:
    observer = parts.context(clock).observer

    def news(later: str, status: str) -> bool:
        assessment = assessed(parts.library, later=(later,))
        result = embedded(parts, assessment)
        verdicts = [verdict.model_copy(update={"status": "met", "chances": None}) for verdict in result.verdicts]  # of a model; nothing else is open
        known = {"verdicts": tuple(verdicts), "change": of(result).model_copy(update={"status": status}), "seen": 3}
        return observer.said_later(assessment, result.model_copy(update=known))

    assert [news(AFTER, "not_observed"), news(LATER, "not_observed"), news(AFTER, "met")] == [True, False, False]


async def test_a_second_grading_that_fails_takes_no_verdict_on_the_change_away(
    make_desk: Callable[[Parts], Desk], parts: Parts, clock: ManualClock
) -> None:
    made = changes_graded(parts, reply("move that link out to the CDN", verdict="partial"), "{")
    session = await interviewed(make_desk(made), clock, AFTER, sections=(SECTION, "8"), at_once=AFTER)
    assert of(session.interview.results[SECTION]).status == "partial"


async def test_a_second_grading_that_fails_is_no_low_verdict_either(make_desk: Callable[[Parts], Desk], parts: Parts, clock: ManualClock) -> None:
    session = await interviewed(make_desk(changes_graded(parts, "{")), clock, AFTER, sections=(SECTION, "8"))
    assert of(session.interview.results[SECTION]).status == "unscored"


# --- what is kept and shown -------------------------------------------------------------------------------------


def test_a_result_that_was_kept_before_changes_were_graded_still_loads(parts: Parts) -> None:
    kept = embedded(parts, assessed(parts.library, AFTER)).model_dump(mode="json")
    del kept["change"]
    assert SectionResult.model_validate(kept).change is None


def card_of(parts: Parts, assessment: Assessment, **update: Any) -> Scorecard:
    result = embedded(parts, assessment)
    result = result.model_copy(update={"change": of(result).model_copy(update=update)}) if result.change else result
    return scorecard(assessment.transcript, {SECTION: result}, parts.library, "embedded", sections=(SECTION,))


def test_the_scorecard_shows_the_change_with_both_quotes_linked_and_the_rule(parts: Parts) -> None:
    assessment = assessed(parts.library, AFTER)
    card = card_of(parts, assessment)
    html, markdown = (show(card, assessment.transcript, parts.library) for show in (scorecard_fragment, report_markdown))
    html, markdown = html.split('class="change"')[1], markdown.split("#### A changed constraint")[1].split("## Transcript")[0]
    assert all(f'href="#turn-{n}"' in html and f"(#turn-{n})" in markdown for n in (2, 3, 4))
    assert all("counts in no score" in shown and "A broadcaster has just signed" in shown for shown in (html, markdown))
    assert "A better answer" not in html + markdown


def test_a_change_that_was_not_met_says_what_a_better_answer_would_have_had(parts: Parts) -> None:
    assessment = assessed(parts.library, SHRUG)
    card = card_of(parts, assessment)
    for show in (scorecard_fragment, report_markdown):
        assert "Proves it with a load test" in show(card, assessment.transcript, parts.library)


def test_nothing_in_a_change_becomes_markup(parts: Parts) -> None:
    assessment = assessed(parts.library, AFTER)
    card = card_of(parts, assessment, reason="<img src=x> [a](javascript:x)", said="<script>alert(1)</script>")
    html, markdown = (show(card, assessment.transcript, parts.library) for show in (scorecard_fragment, report_markdown))
    assert not any(mark in html for mark in ("<img", "<script"))
    assert not any(mark in markdown for mark in ("<img", "<script", "[a]("))


def test_a_section_without_a_change_shows_none(parts: Parts) -> None:
    assessment = assessed(parts.library, AFTER, changed=False)
    card = card_of(parts, assessment)
    assert not any("changed constraint" in show(card, None, parts.library).lower() for show in (scorecard_fragment, report_markdown))
