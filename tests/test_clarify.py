"""What becomes of a clarifying question: told, asked back, or left open; and how the three are counted."""

from dataclasses import replace

import pytest

from agent.assembly import Parts
from agent.candidate import NOD, Scripted
from agent.clock import ManualClock, divide
from agent.events import Answered, Asked, Observed, SectionOpened, Started
from agent.facts import Asked as Wanted
from agent.facts import FactFinder, settled
from agent.interviewer import EmbeddedInterviewer
from agent.schema import Move
from agent.state import Interview, begin, fold
from evals.clarify import Told, clarify_tables, outcome

UNSURE = "Does twenty thousand at the peak sound sensible to you?"
SCENARIO = "ticket-sales"


def interview(parts: Parts, section: str = "1") -> Interview:
    started = Started(scenario=parts.library.scenario(SCENARIO), level="senior", minutes=45, sections=(section,), model="m", grader="g", seed=0)
    made = fold(begin(started, divide(parts.library.sections, 2700)), [SectionOpened(section=section, seconds=300)])
    return fold(made, [Asked(section=section, text="What do you need to know?", move=Move(kind="ask"))])


def answered(made: Interview, text: str, parts: Parts) -> Interview:
    """The candidate said it, and it was read."""
    assert made.section is not None
    made = fold(made, [Answered(section=made.section.id, text=text, message=str(made.events))])
    return fold(made, [parts.context(ManualClock()).observer.observe(made, 0.0)])


@pytest.fixture(scope="module")
def embedded(parts: Parts) -> EmbeddedInterviewer:
    return EmbeddedInterviewer(parts.library, parts.matcher, parts.retriever)


def asked_back(made: Interview, *facts: str) -> Interview:
    return fold(made, [Asked(section="1", text="Do you mean that?", move=Move(kind="clarify", checks=facts))])


def asked_in(parts: Parts, scenario: str, text: str) -> Wanted:
    return FactFinder(parts.encoder).find(parts.library.scenario(scenario), text)


# --- what is asked for ------------------------------------------------------------------------------------------


def test_a_list_of_questions_is_answered_one_by_one(parts: Parts) -> None:
    found = asked_in(parts, SCENARIO, "What is the budget, how big is the team, and what availability do we need?")
    assert {*found.facts, *found.checks} == {"budget", "team", "availability"} and found.facts[:2] == ("budget", "team")


def test_a_question_is_answered_although_the_candidate_goes_on_with_a_guess(parts: Parts) -> None:
    guess = "I would assume one million daily users who open the feed five times, so five million loads a day, which is about sixty a second, and more on a weekend. "
    guess += "Reading is then much more frequent than writing, and so I would optimise for reading first."
    assert asked_in(parts, "news-feed", f"How many users are there, daily? {guess}").facts == ("user-count",)
    assert asked_in(parts, "news-feed", f"With a cache for it, maybe? {guess}") == Wanted()


# --- asking back ------------------------------------------------------------------------------------------------


def test_what_may_be_asked_for_is_asked_back_and_not_told(parts: Parts, embedded: EmbeddedInterviewer) -> None:
    made = answered(interview(parts), UNSURE, parts)
    assert made.last and not made.last.facts and made.last.checks and made.last.intent == "clarify"
    fact = next(fact for fact in made.started.scenario.facts if fact.id == made.last.checks[0])
    said = embedded.body(made, Move(kind="clarify", checks=made.last.checks))
    assert f'"{fact.asks[0]}"' in said and fact.answer not in said and fact.short not in said


def test_what_was_told_already_is_not_asked_back(parts: Parts) -> None:
    made = interview(parts)
    unsure = answered(made, UNSURE, parts).last
    assert unsure
    told = fold(made, [Asked(section="1", text="It is.", move=Move(kind="clarify", facts=unsure.checks))])
    assert (last := answered(told, UNSURE, parts).last) and not last.checks and not last.facts


@pytest.mark.parametrize("reply", ["Yes.", "Exactly, that one.", "Right, so how much is it?", NOD])
def test_a_nod_is_told_the_fact(parts: Parts, reply: str) -> None:
    made = answered(asked_back(interview(parts), "budget"), reply, parts)
    assert made.last and "budget" in made.last.facts and made.last.intent == "clarify"


def test_a_no_is_told_that_there_is_none_and_what_is_asked_instead_is_answered(parts: Parts) -> None:
    made = asked_back(interview(parts), "budget")
    refused = answered(made, "No.", parts).last
    assert refused and (refused.facts, refused.unknown, refused.intent) == ((), True, "clarify")
    corrected = answered(made, "No, I mean how big is the engineering team?", parts).last
    assert corrected and corrected.facts == ("team",)


def test_who_goes_on_with_the_design_is_told_nothing(parts: Parts) -> None:
    last = answered(asked_back(interview(parts), "budget"), "I keep one row for each seat and lock it with a conditional update.", parts).last
    assert last and not last.facts and last.intent == "answer"


def test_what_is_asked_for_a_second_time_is_told_and_not_asked_back_again() -> None:
    again = settled(Wanted(checks=("budget", "team")), "How much can it cost?", ("budget",))
    assert (again.facts, again.checks) == (("budget",), ("team",))


def test_without_a_question_that_was_asked_back_a_yes_is_only_a_yes() -> None:
    assert settled(Wanted(), "Yes.", ()) == Wanted() == settled(Wanted(), "No.", ())


async def test_simulated_candidates_nod(parts: Parts) -> None:
    candidate = Scripted({"1": ["We start with the seats."]})
    assert (await candidate.answer(asked_back(interview(parts), "budget"))).text == NOD
    assert (await candidate.answer(interview(parts))).text == "We start with the seats."


# --- what goes with an answer -----------------------------------------------------------------------------------


def test_the_rest_is_said_to_be_open_only_beside_something_that_is_told(parts: Parts, embedded: EmbeddedInterviewer) -> None:
    made, phrases = interview(parts), parts.library.phrases
    alone = embedded.preface(made, Move(kind="clarify", asked_unknown=True), 0.0)
    beside = embedded.preface(made, Move(kind="clarify", facts=("budget",), asked_unknown=True), 0.0)
    assert alone in phrases.unknown
    assert any(beside.endswith(phrase) for phrase in phrases.unknown_rest)


def test_a_fact_that_was_told_before_is_told_in_the_same_words_and_so_called(parts: Parts, embedded: EmbeddedInterviewer) -> None:
    made, told = interview(parts), Move(kind="clarify", facts=("budget",))
    first = embedded.preface(made, told, 0.0)
    again = embedded.preface(fold(made, [Asked(section="1", text=first, move=told)]), told, 0.0)
    assert again in [f"{phrase} {first}" for phrase in parts.library.phrases.told_before]


def test_a_long_answer_that_ends_in_a_question_waits_for_its_answer(parts: Parts) -> None:
    long = "I keep the seats of an event in one partition, because every purchase touches one event only and a conditional update then settles who was first, so that nobody has to wait. "
    assert (last := answered(interview(parts), long + "What is the budget per month?", parts).last) and last.intent == "clarify"
    assert (last := answered(interview(parts), "What is the budget per month? " + long, parts).last) and last.intent == "answer"


@pytest.mark.parametrize(
    ("end", "left"),
    [
        ("Does twenty thousand sound sensible to you?", True),
        ("Is that okay?", True),
        ("Does that make sense?", True),
        ("So the primary takes the writes.", False),
        ("What is enough for you? I take three.", False),
    ],
)
def test_who_asks_for_agreement_is_neither_praised_nor_ignored(parts: Parts, embedded: EmbeddedInterviewer, end: str, left: bool) -> None:
    made = fold(interview(parts), [Answered(section="1", text=f"I assume twenty thousand a second. {end}", message="1")])
    assert (embedded.preface(made, Move(kind="follow_up"), 0.0) in parts.library.phrases.leave) == left
    assert embedded.preface(made, Move(kind="next_section"), 0.0) == ""


def test_who_is_told_to_begin_is_not_asked_the_question_again(parts: Parts, embedded: EmbeddedInterviewer) -> None:
    said = embedded.body(interview(parts), Move(kind="redirect", drift="asking"))
    assert said in parts.library.phrases.asking


def test_what_is_assumed_after_being_told_to_begin_is_kept(parts: Parts) -> None:
    told = Asked(section="1", text="Assume it.", move=Move(kind="redirect", drift="asking"))
    made = answered(fold(interview(parts), [told]), "Ten thousand requests a second, one region.", parts)
    assert made.assumptions == ("Ten thousand requests a second, one region.",)


# --- counting ---------------------------------------------------------------------------------------------------

OF_FACT = Told("team-chat", "Budget?", "budget", (), (), False)
OF_NONE = Told("team-chat", "Dress code?", None, (), (), True)


@pytest.mark.parametrize(
    ("row", "became"),
    [
        (replace(OF_FACT, facts=("budget",)), "told"),
        (replace(OF_FACT, facts=("budget", "team")), "more"),
        (replace(OF_FACT, checks=("budget",)), "found"),
        (replace(OF_FACT, facts=("team",)), "wrong"),
        (replace(OF_FACT, facts=("team",), checks=("budget",)), "wrong"),
        (replace(OF_FACT, checks=("team",)), "checked"),
        (replace(OF_FACT, unknown=True), "missed"),
        (OF_NONE, "told"),
        (replace(OF_NONE, checks=("budget",)), "checked"),
        (replace(OF_NONE, facts=("budget",)), "wrong"),
        (replace(OF_NONE, unknown=False), "missed"),
    ],
)
def test_what_became_of_a_question(row: Told, became: str) -> None:
    assert outcome(row) == became


def test_asking_back_about_the_right_fact_counts_as_right_and_a_fact_not_asked_for_as_volunteered() -> None:
    rows = [
        replace(OF_FACT, facts=("budget",)),
        replace(OF_FACT, checks=("budget",)),
        replace(OF_FACT, facts=("team",)),
        replace(OF_NONE, facts=("team",)),
    ]
    facts, none = ({str(column.header): list(column.cells)[-1] for column in table.columns} for table in clarify_tables(rows))
    assert (facts["right"], facts["told"], facts["asked back"], facts["another told"], facts["volunteered"]) == ("66.7%", "1", "1", "1", "1")
    assert (none["asked"], none["a fact told"]) == ("1", "1")


def test_an_observation_of_an_earlier_version_is_still_read() -> None:
    assert Observed.model_validate({"section": "1", "intent": "clarify", "facts": ["budget"]}).checks == ()
