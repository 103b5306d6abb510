"""What comes next is decided by a table of rules, not by a model."""

from dataclasses import replace

import pytest

from agent import aims, clock, policy
from agent.clock import divide
from agent.events import Answered, Asked, Intent, Observed, SectionOpened, Started
from agent.library import Library
from agent.schema import Drift, Level, Move, Rubric
from agent.state import Interview, begin, fold

ASK = Move(kind="ask")


def interview(
    library: Library, section: str = "6", level: Level = "senior", opened: float = 0.0, scenario: str = "team-chat", seed: int = 0
) -> Interview:
    """An interview in which `section` was just opened and one answer was given."""
    ids = tuple(s.id for s in library.sections)
    started = Started(scenario=library.scenario(scenario), level=level, minutes=45, sections=ids, model="embedded", grader="embedded", seed=seed)
    made = begin(started, divide(library.sections, 45))
    for name in ids[: ids.index(section) + 1]:
        made = fold(made, [SectionOpened(section=name, seconds=300, elapsed=opened)])
    return fold(
        made, [Asked(section=section, text="How?", move=ASK, elapsed=opened), Answered(section=section, text="So.", message="m", elapsed=opened)]
    )


def seen(made: Interview, intent: Intent = "answer", coverage: dict[str, float] | None = None, **more: object) -> Interview:
    section = made.section
    assert section
    return fold(made, [Observed(section=section.id, intent=intent, coverage=coverage or {}, **more)])


def move(made: Interview, library: Library, elapsed: float = 30.0, interests: dict[str, float] | None = None) -> Move:
    """The next move, as if every criterion that is not in `interests` were asked about as gladly as another."""
    return policy.decide(made, {name: interesting(rubric, interests or {}) for name, rubric in library.rubrics.items()}, elapsed)


def interesting(rubric: Rubric, interests: dict[str, float]) -> Rubric:
    return rubric.model_copy(update={"criteria": tuple(c.model_copy(update={"interest": interests.get(c.id, 1.0)}) for c in rubric.criteria)})


def test_the_interview_opens_with_the_first_section(library: Library) -> None:
    started = interview(library).started
    assert move(begin(started, divide(library.sections, 45)), library).kind == "ask"


@pytest.mark.parametrize(
    ("intent", "kind"), [("end", "wrap_up"), ("pause", "pause"), ("repeat", "repeat"), ("done", "next_section"), ("hint", "hint"), ("stuck", "hint")]
)
def test_the_candidate_may_say_what_comes_next(library: Library, intent: Intent, kind: str) -> None:
    assert move(seen(interview(library), intent), library).kind == kind


def test_a_question_is_answered_with_the_facts_it_asks_for(library: Library) -> None:
    chosen = move(seen(interview(library), "clarify", facts=("a", "b")), library)
    assert (chosen.kind, chosen.facts) == ("clarify", ("a", "b"))


def test_a_question_inside_an_answer_is_answered_before_the_follow_up(library: Library) -> None:
    chosen = move(seen(interview(library), "answer", facts=("a",)), library)
    assert (chosen.kind, chosen.facts) == ("follow_up", ("a",))


def test_a_follow_up_aims_at_the_heaviest_open_criterion_that_the_level_expects(library: Library) -> None:
    chosen = move(seen(interview(library, level="mid")), library)
    criterion = library.criteria[chosen.criterion or ""]
    assert chosen.kind == "follow_up"
    assert (criterion.tier, criterion.weight) == ("mid", 3)


def test_what_was_shown_is_not_asked_about(library: Library) -> None:
    first = move(seen(interview(library)), library).criterion
    assert first
    assert move(seen(interview(library), coverage={first: 0.9}), library).criterion != first


def test_nearness_to_what_was_just_said_decides_between_equals(library: Library) -> None:
    equals = [c.id for c in library.rubrics["6"].criteria if (c.tier, c.weight) == ("mid", 3)]
    for name in equals:
        assert move(seen(interview(library), relevance={name: 0.9}), library).criterion == name


def test_a_criterion_is_left_alone_after_two_follow_ups(library: Library) -> None:
    made = seen(interview(library))
    first = move(made, library)
    for _ in range(2):
        made = fold(made, [Asked(section="6", text="?", move=first)])
    assert move(seen(made), library).criterion != first.criterion


def test_the_section_ends_when_enough_is_known(library: Library) -> None:
    everything = {c.id: 0.9 for c in library.rubrics["6"].criteria}
    chosen = move(seen(interview(library), coverage=everything), library)
    assert (chosen.kind, chosen.reason) == ("next_section", "enough is known")


def test_three_quarters_of_the_time_bring_a_nudge_once(library: Library) -> None:
    made = seen(interview(library, scenario="url-shortener"))
    assert not move(made, library, 200).nudge
    assert move(made, library, 230).nudge
    nudged = fold(made, [Asked(section="6", text="?", move=Move(kind="follow_up", nudge=True))])
    assert not move(seen(nudged), library, 240).nudge


def test_the_time_of_a_section_hands_over_whatever_was_said(library: Library) -> None:
    for intent in ("answer", "clarify", "hint", "repeat", "stuck"):
        assert move(seen(interview(library), intent), library, 301).kind == "next_section"


def test_the_time_of_the_interview_ends_it(library: Library) -> None:
    chosen = move(seen(interview(library)), library, 45 * 60)
    assert (chosen.kind, chosen.reason) == ("wrap_up", "the time is over")


def test_a_section_is_not_opened_with_no_time_left(library: Library) -> None:
    assert move(seen(interview(library), "done"), library, 45 * 60 - 10).kind == "wrap_up"


def test_the_last_section_ends_the_interview(library: Library) -> None:
    assert move(seen(interview(library, "9"), "done"), library).kind == "wrap_up"


def test_hints_climb_the_ladder_and_end(library: Library) -> None:
    made = seen(interview(library), "hint")
    steps = []
    for _ in range(3):
        chosen = move(made, library)
        steps.append((chosen.criterion, chosen.hint))
        made = seen(fold(made, [Asked(section="6", text="h", move=chosen)]), "hint")
    assert [hint for _, hint in steps] == [0, 1, 2]
    assert len({criterion for criterion, _ in steps}) == 1
    assert move(made, library).criterion != steps[0][0]


def test_three_empty_answers_in_a_row_bring_a_ladder_of_hints_and_the_fourth_closes_the_section(library: Library) -> None:
    made, steps = interview(library), []
    for _ in range(4):
        made = seen(fold(made, [Answered(section="6", text="no idea", message=str(made.events))]), "stuck")
        steps.append(move(made, library))
        made = fold(made, [Asked(section="6", text="?", move=steps[-1])])
    assert [step.hint for step in steps] == [0, 1, 2, None]
    assert len({step.criterion for step in steps[:3]}) == 1
    assert steps[-1].kind == "next_section"


def test_the_constraint_change_comes_once_when_a_design_stands_and_time_is_left(library: Library) -> None:
    made = seen(interview(library))
    assert library.scenario("team-chat").changes[0].section == "6"
    assert move(made, library, 60).kind == "follow_up"
    changed = move(made, library, 150)
    assert (changed.kind, changed.change) == ("curveball", library.scenario("team-chat").changes[0].id)
    assert move(made, library, 280).kind == "follow_up"
    after = seen(fold(made, [Asked(section="6", text="!", move=changed)]))
    assert move(after, library, 160).kind == "follow_up"


def test_the_same_view_gives_the_same_move(library: Library) -> None:
    made = seen(interview(library), relevance={"store-fits-access": 0.3})
    assert move(made, library) == move(replace(made), library)


def test_phrases_are_chosen_alike_on_every_machine() -> None:
    assert policy.choose("abcdef", 7, "nudge", 3) == policy.choose("abcdef", 7, "nudge", 3)
    assert len({policy.choose("abcdef", seed) for seed in range(40)}) > 3


# --- what is most worth asking ----------------------------------------------------------------------------------


def after_follow_ups(made: Interview, *criteria: str) -> Interview:
    return fold(made, [Asked(section="6", text="?", move=Move(kind="follow_up", criterion=name)) for name in criteria])


def test_what_was_not_asked_about_yet_comes_before_what_was(library: Library) -> None:
    chosen = move(seen(after_follow_ups(interview(library, level="mid"), "store-fits-access", "record-keys-queries")), library).criterion
    assert chosen not in ("store-fits-access", "record-keys-queries")


def test_what_was_rather_answered_is_rather_not_asked_about(library: Library) -> None:
    first = move(seen(interview(library)), library).criterion
    assert first
    doubted = seen(interview(library), met={first: aims.ANSWERED})
    assert move(doubted, library, interests={first: 1.1}).criterion != first
    assert move(seen(interview(library)), library, interests={first: 1.1}).criterion == first


def test_the_criterion_that_was_just_asked_about_is_not_asked_about_again_at_once(library: Library) -> None:
    rest = {c.id: 0.9 for c in library.rubrics["6"].criteria if c.tier == "mid" and c.weight < 3}
    made = after_follow_ups(interview(library, level="mid"), "record-keys-queries", "store-fits-access")
    assert move(seen(made, coverage=rest), library).criterion == "record-keys-queries"


def test_a_light_criterion_of_the_level_comes_before_a_heavy_one_above_it(library: Library) -> None:
    heavy = {c.id: 0.9 for c in library.rubrics["6"].criteria if (c.tier, c.weight) == ("mid", 3)}
    assert library.criteria[move(seen(interview(library, level="mid"), coverage=heavy), library).criterion or ""].tier == "mid"


def test_what_was_begun_is_rather_asked_about_than_what_was_not(library: Library) -> None:
    for name in [c.id for c in library.rubrics["6"].criteria if (c.tier, c.weight) == ("mid", 3)]:
        assert move(seen(interview(library, level="mid"), coverage={name: 0.3}), library).criterion == name


def test_of_equals_that_one_is_asked_about_that_interviewers_like_to_ask_about(library: Library) -> None:
    for name in [c.id for c in library.rubrics["6"].criteria if (c.tier, c.weight) == ("mid", 3)]:
        assert move(seen(interview(library, level="mid")), library, interests={name: 1.5}).criterion == name


def test_enough_is_known_without_what_is_above_the_level_and_not_without_what_is_below_it(library: Library) -> None:
    shown = {tier: {c.id: 0.9 for c in library.rubrics["6"].criteria if c.tier == tier} for tier in ("mid", "senior")}
    assert move(seen(interview(library), coverage={**shown["mid"], **shown["senior"]}), library).reason == "enough is known"
    assert move(seen(interview(library), coverage=shown["senior"]), library).kind == "follow_up"


def test_half_of_what_the_level_expects_is_not_enough(library: Library) -> None:
    half = {c.id: 0.9 for c in library.rubrics["6"].criteria if c.tier == "mid"}
    made = seen(interview(library), coverage=half)
    assert made.section and 0.5 < aims.shown(library.rubrics["6"], made.section, "senior") < 0.6
    assert move(made, library).kind == "follow_up"


def test_no_hint_is_spent_on_what_was_shown_in_the_meantime(library: Library) -> None:
    made = after_follow_ups(interview(library), "store-fits-access")
    assert move(seen(made, "hint"), library).criterion == "store-fits-access"
    assert move(seen(made, "hint", coverage={"store-fits-access": 0.9}), library).criterion != "store-fits-access"


def test_when_every_hint_was_given_none_is_made_up(library: Library) -> None:
    every = [Move(kind="hint", criterion=c.id, hint=step) for c in library.rubrics["6"].criteria for step in range(3)]
    chosen = move(seen(fold(interview(library), [Asked(section="6", text="h", move=one) for one in every]), "hint"), library)
    assert (chosen.kind, chosen.criterion, chosen.hint) == ("hint", None, None)


def test_an_answer_between_two_empty_ones_begins_the_count_anew(library: Library) -> None:
    made = interview(library)
    intents: tuple[Intent, ...] = ("stuck", "stuck", "answer", "stuck")
    for intent in intents:
        made = seen(fold(made, [Answered(section="6", text="...", message=str(made.events))]), intent)
    assert move(made, library).kind == "hint"


# --- questions, changes, time -----------------------------------------------------------------------------------


def test_a_question_that_no_fact_answers_is_marked_as_such(library: Library) -> None:
    chosen = move(seen(interview(library), "clarify", unknown=True), library)
    assert (chosen.kind, chosen.asked_unknown) == ("clarify", True)


def test_a_question_inside_an_answer_is_answered_before_the_constraint_change(library: Library) -> None:
    chosen = move(seen(interview(library), facts=("a",)), library, 150)
    assert (chosen.kind, chosen.facts) == ("curveball", ("a",))


def test_the_seed_chooses_among_the_constraint_changes(library: Library) -> None:
    changes = (library.scenario("team-chat").changes[0], library.scenario("url-shortener").changes[0])
    two = library.scenario("team-chat").model_copy(update={"changes": changes})
    assert [policy.the_change(two, seed) for seed in range(4)] == [*changes, *changes]


def test_the_time_of_the_interview_ends_it_in_the_middle_of_a_section(library: Library) -> None:
    chosen = move(seen(interview(library, opened=44 * 60)), library, 45 * 60)
    assert (chosen.kind, chosen.reason) == ("wrap_up", "the time is over")


# --- levels, drift, silence, borrowed time ----------------------------------------------------------------------


def test_a_staff_candidate_is_left_to_lead_and_a_mid_one_is_led(library: Library) -> None:
    asked = [c.id for c in library.rubrics["6"].criteria[:4]]
    assert move(seen(after_follow_ups(interview(library, level="staff"), *asked)), library).kind == "next_section"
    assert move(seen(after_follow_ups(interview(library, level="mid"), *asked)), library).kind == "follow_up"


def test_who_is_stuck_gets_a_hint_at_once_and_at_staff_level_a_moment_first(library: Library) -> None:
    wanted: dict[Level, list[str]] = {"mid": ["hint", "hint"], "staff": ["redirect", "hint"]}
    for level, kinds in wanted.items():
        made, found = interview(library, level=level), list[str]()
        for _ in kinds:
            made = seen(fold(made, [Answered(section="6", text="no idea", message=str(made.events))]), "stuck")
            found.append(move(made, library).kind)
        assert found == kinds


def test_a_hint_that_is_asked_for_comes_at_every_level(library: Library) -> None:
    assert move(seen(interview(library, level="staff"), "hint"), library).kind == "hint"


def test_what_was_probably_answered_is_not_asked_again(library: Library) -> None:
    first = move(seen(interview(library)), library).criterion
    assert first
    assert move(seen(interview(library), coverage={first: 0.3}, met={first: 0.3}), library).criterion != first


@pytest.mark.parametrize("drift", ["off_topic", "rude", "language", "document", "code"])
def test_a_drift_is_answered_twice_in_a_section_and_then_the_interview_goes_on(library: Library, drift: Drift) -> None:
    made = interview(library)
    for _ in range(2):
        chosen = move(seen(made, drift=drift), library)
        assert (chosen.kind, chosen.drift) == ("redirect", drift)
        made = fold(made, [Asked(section="6", text="Back.", move=chosen), Answered(section="6", text="x", message=str(made.events))])
    assert move(seen(made, drift=drift), library).kind == "follow_up"


def test_two_answers_of_a_word_bring_a_hint(library: Library) -> None:
    made = seen(interview(library), drift="terse")
    first = move(made, library)
    made = fold(made, [Asked(section="6", text="More.", move=first), Answered(section="6", text="Redis.", message="n")])
    assert (first.kind, move(seen(made, drift="terse"), library).kind) == ("redirect", "hint")


def test_a_wrong_turn_is_probed_once(library: Library) -> None:
    wrong = library.scenario("team-chat").wrong_turns[0]
    made = interview(library)
    chosen = move(seen(made, wrong_turn=wrong.id), library)
    assert (chosen.kind, chosen.wrong_turn) == ("follow_up", wrong.id)
    made = fold(made, [Asked(section="6", text="?", move=chosen), Answered(section="6", text="x", message="n")])
    assert move(seen(made, wrong_turn=wrong.id), library).wrong_turn is None


def silent(made: Interview, library: Library, quiet: float, elapsed: float = 70.0) -> Move | None:
    return policy.unasked(made, library.rubrics, elapsed, quiet)


def test_silence_brings_time_first_and_then_hints(library: Library) -> None:
    made = fold(interview(library), [Asked(section="6", text="How?", move=ASK)])
    assert silent(made, library, 30) is None
    first = silent(made, library, 61)
    assert first and (first.kind, first.drift) == ("redirect", "silence")
    then = silent(fold(made, [Asked(section="6", text="Take your time.", move=first)]), library, 61)
    assert then and (then.kind, then.hint) == ("hint", 0)


def test_a_short_section_waits_half_of_its_time(library: Library) -> None:
    made = begin(interview(library).started, divide(library.sections, 45))
    made = fold(made, [SectionOpened(section="0", seconds=60), Asked(section="0", text="?", move=ASK)])
    assert silent(made, library, 29, 30) is None
    assert silent(made, library, 31, 31) is not None


def test_the_half_of_a_long_section_is_said_once_and_of_a_short_one_never(library: Library) -> None:
    made = seen(interview(library, scenario="url-shortener"))
    assert not move(made, library, 100).half
    assert move(made, library, 160).half
    told = fold(made, [Asked(section="6", text="?", move=Move(kind="follow_up", half=True))])
    assert not move(seen(told), library, 170).half
    short = begin(made.started, divide(library.sections, 45))
    short = fold(short, [SectionOpened(section="0", seconds=60), Asked(section="0", text="?", move=ASK)])
    assert silent(short, library, 0, 31) is None


def test_a_thought_that_is_not_at_its_end_borrows_a_fifth_of_the_next_section_once(library: Library) -> None:
    made = seen(interview(library), unfinished=True)
    chosen = move(made, library, 310)
    assert (chosen.kind, chosen.borrow) == ("borrow", 60.0)
    lent = fold(made, [Asked(section="6", text="Finish.", move=chosen), Answered(section="6", text="and", message="n")])
    assert lent.section and (lent.section.seconds, lent.section.borrowed) == (360.0, 60.0)
    assert move(seen(lent, unfinished=True), library, 340).kind == "next_section"


def test_nothing_is_borrowed_for_a_finished_thought_a_long_overrun_or_from_a_section_without_time(library: Library) -> None:
    assert move(seen(interview(library)), library, 310).kind == "next_section"
    assert move(seen(interview(library), unfinished=True), library, 361).kind == "next_section"
    assert move(seen(interview(library, "7"), unfinished=True), library, 310).kind == "next_section"


def test_too_little_time_for_both_last_sections_goes_to_the_more_valuable_one(library: Library) -> None:
    worth = {name: aims.worth_of(library.rubrics[name], "senior") for name in ("8", "9")}
    made = seen(interview(library, "7", opened=40 * 60), "done")
    assert move(made, library, 41 * 60).section == "8"
    assert move(made, library, 45 * 60 - 100).section == max(worth, key=lambda name: worth[name])


def test_what_is_assumed_is_told_again_when_it_is_asked_for(library: Library) -> None:
    chosen = move(seen(interview(library), "clarify", recalled=("I assume two regions.",)), library)
    assert (chosen.kind, chosen.assumptions) == ("clarify", ("I assume two regions.",))


def after_moves(made: Interview, *kinds: str) -> Interview:
    """The interviewer has made these moves since the section opened."""
    asked = [Asked(section="6", text="?", move=Move.model_validate({"kind": kind})) for kind in kinds]
    return fold(made, asked)


def asking(library: Library, section: str, *questions: str) -> Interview:
    """The candidate has asked these, one after the other, and was answered each time but the last."""
    made = interview(library, section)
    for number, question in enumerate(questions):
        if number:
            made = fold(made, [Asked(section=section, text="So many.", move=Move(kind="clarify"))])
        made = fold(made, [Answered(section=section, text=question, message=f"{made.events}")])
    return seen(made, intent="clarify", facts=("read-rate",))


QUESTIONS = ["How many reads are there?"] * (policy.MOST_QUESTIONS + 1)


def test_who_only_asks_is_answered_and_told_to_begin(library: Library) -> None:
    told = move(asking(library, "6", *QUESTIONS), library)
    assert (told.kind, told.drift, told.facts) == ("redirect", "asking", ("read-rate",))
    assert move(asking(library, "6", *QUESTIONS[1:]), library).kind == "clarify"


def test_where_the_scope_is_set_questions_are_welcome_for_longer(library: Library) -> None:
    assert move(asking(library, "1", *QUESTIONS), library).kind == "clarify"
    assert move(asking(library, "1", *QUESTIONS[:1] * (policy.MOST_SCOPING + 1)), library).drift == "asking"


def test_who_decides_something_with_each_question_does_not_only_ask(library: Library) -> None:
    decided = [f"I put the orders in Postgres, sharded by event, with a conditional update. {question}" for question in QUESTIONS]
    assert move(asking(library, "6", *decided), library).kind == "clarify"


def test_who_goes_on_asking_after_two_reminders_gets_the_next_question_and_the_fact(library: Library) -> None:
    made = asking(library, "6", *QUESTIONS)
    for _ in range(policy.MOST_REDIRECTS):
        told = move(made, library)
        assert told.drift == "asking"
        made = fold(made, [Asked(section="6", text="Begin.", move=told), Answered(section="6", text=QUESTIONS[0], message=f"{made.events}")])
        made = seen(made, intent="clarify", facts=("read-rate",))
    chosen = move(made, library)
    assert (chosen.kind, chosen.facts) == ("follow_up", ("read-rate",))


def test_a_question_that_is_asked_back_does_not_count_as_asking(library: Library) -> None:
    made = asking(library, "6", *QUESTIONS[:-1])
    made = fold(made, [Asked(section="6", text="Do you mean ...?", move=Move(kind="clarify", checks=("budget",)))])
    made = seen(fold(made, [Answered(section="6", text="Yes.", message="y")]), intent="clarify", facts=("budget",))
    assert move(made, library).kind == "clarify"


def test_what_may_be_asked_for_is_asked_back_before_anything_else(library: Library) -> None:
    chosen = move(seen(interview(library), "answer", checks=("budget",), facts=("team",)), library)
    assert (chosen.kind, chosen.checks, chosen.facts) == ("clarify", ("budget",), ("team",))


def test_questions_between_answers_are_only_answered(library: Library) -> None:
    mixed = after_moves(interview(library), "clarify", "clarify", "follow_up", "clarify")
    assert move(seen(mixed, intent="clarify"), library).kind == "clarify"


def test_the_time_is_not_told_right_after_a_question(library: Library) -> None:
    made = fold(interview(library), [Asked(section="6", text="Why?", move=Move(kind="follow_up"), elapsed=240.0)])
    told = {after: policy.unasked(made, library.rubrics, 240.0 + after, 0.0) for after in (5.0, policy.BREATH)}
    assert told[5.0] is None
    assert (found := told[policy.BREATH]) and found.kind == "nudge" and found.nudge


def test_a_very_short_section_has_no_word_on_time(library: Library) -> None:
    made = seen(interview(library))
    assert made.section and made.section.nudge_due(240.0)
    assert not replace(made.section, seconds=clock.SHORT_SECTION - 1).nudge_due(0.8 * clock.SHORT_SECTION)
