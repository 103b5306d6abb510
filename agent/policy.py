"""What the interviewer does next. Pure: the same view gives the same move. The model never decides this."""

from collections.abc import Iterable

from agent.schema import LEVELS, ConstraintChange, Criterion, Level, Move, Rubric, Scenario
from agent.state import Interview, SectionState

COVERED = 0.5  # probability from which on a criterion counts as shown, for choosing what to ask
ENOUGH = 0.85  # share of the level's weight that was shown: the signal is enough
MOST_ATTEMPTS = 2  # follow-ups on one criterion before it is left alone
MOST_STUCK = 3  # empty answers in a row before the section is closed
CHANGE_AFTER = 0.35  # share of a section's time before its constraint change comes, so that a design stands first
CHANGE_BEFORE = 0.85  # ... and the latest moment, so that there is time to answer
LEAST_SECONDS = 20.0  # a section is not opened with less than this left
TIER_VALUE = (1.0, 0.45, 0.15)  # worth of a criterion of the level or below, one above, two above


def decide(interview: Interview, rubrics: dict[str, Rubric], elapsed: float) -> Move:
    """The next move of an interview after `elapsed` active seconds."""
    state = interview.section
    if state is None:
        return Move(kind="ask", reason="the interview begins")
    seen = interview.last
    intent = seen.intent if seen else "answer"
    if intent == "end":
        return Move(kind="wrap_up", reason="the candidate ended it")
    if intent == "pause":
        return Move(kind="pause", reason="the candidate wants a pause")
    if elapsed >= interview.budget.total:
        return Move(kind="wrap_up", reason="the time is over")
    if state.spent(elapsed) >= 1.0:
        return _onwards(interview, elapsed, "the section's time is over")
    nudge = state.nudge_due(elapsed)
    if intent == "repeat":
        return Move(kind="repeat", nudge=nudge, reason="the candidate asked for it")
    if intent == "done":
        return _onwards(interview, elapsed, "the candidate is done with the section")
    rubric = rubrics[state.id]
    level = interview.started.level
    if intent == "hint":
        return _hint(interview, rubric, level, nudge, "the candidate asked for it")
    if intent == "stuck":
        if state.empty_answers >= MOST_STUCK:
            return _onwards(interview, elapsed, f"{state.empty_answers} empty answers in a row")
        return _hint(interview, rubric, level, nudge, "the candidate is stuck")
    if intent == "clarify" and seen is not None:
        return Move(kind="clarify", facts=seen.facts, asked_unknown=seen.unknown, nudge=nudge, reason="the candidate asked")
    facts = seen.facts if seen else ()
    change = due_change(interview, state, elapsed)
    if change is not None:
        return Move(kind="curveball", change=change, facts=facts, nudge=nudge, reason="a design stands and there is time to change it")
    if shown(rubric, state, level) >= ENOUGH:
        return _onwards(interview, elapsed, "enough is known")
    aim = next_aim(interview, rubric, state, level)
    if aim is None:
        return _onwards(interview, elapsed, "every open criterion was asked about")
    return Move(kind="follow_up", criterion=aim.id, facts=facts, nudge=nudge, reason=f"the most valuable open criterion at {level}")


def next_aim(interview: Interview, rubric: Rubric, state: SectionState, level: Level) -> Criterion | None:
    """The open criterion that is most worth asking about: by weight, tier, how much is missing, and nearness to what was
    just said; None when all are shown or were asked about often enough."""
    relevance = interview.last.relevance if interview.last else {}
    just_asked = next((move.criterion for move in reversed(state.moves) if move.kind == "follow_up"), None)

    def worth(criterion: Criterion) -> float:
        missing = 1.0 - state.coverage.get(criterion.id, 0.0)
        again = 0.5 if attempts(state, criterion.id) else 1.0
        staying = 0.6 if criterion.id == just_asked else 1.0
        return value(criterion, level) * missing * (0.7 + relevance.get(criterion.id, 0.0)) * again * staying

    return max(open_criteria(rubric, state), key=lambda criterion: (worth(criterion), criterion.id), default=None)


def open_criteria(rubric: Rubric, state: SectionState) -> list[Criterion]:
    """The criteria that were not shown yet and not asked about too often."""
    return [c for c in rubric.criteria if state.coverage.get(c.id, 0.0) < COVERED and attempts(state, c.id) < MOST_ATTEMPTS]


def value(criterion: Criterion, level: Level) -> float:
    """What a criterion is worth at a level."""
    above = max(0, LEVELS.index(criterion.tier) - LEVELS.index(level))
    return criterion.weight * TIER_VALUE[above]


def shown(rubric: Rubric, state: SectionState, level: Level) -> float:
    """Share of the level's weight that was shown so far (0 to 1)."""
    wanted = [c for c in rubric.criteria if LEVELS.index(c.tier) <= LEVELS.index(level)]
    total = sum(c.weight for c in wanted)
    return sum(c.weight for c in wanted if state.coverage.get(c.id, 0.0) >= COVERED) / total if total else 1.0


def attempts(state: SectionState, criterion: str) -> int:
    """How often a criterion was asked about in its section."""
    return sum(1 for move in state.moves if move.kind == "follow_up" and move.criterion == criterion)


def due_change(interview: Interview, state: SectionState, elapsed: float) -> str | None:
    """The id of the constraint change that comes now, if one does."""
    if state.answers < 1 or not CHANGE_AFTER <= state.spent(elapsed) <= CHANGE_BEFORE:
        return None
    chosen = the_change(interview.started.scenario, interview.started.seed)
    return chosen.id if chosen and chosen.section == state.id and chosen.id not in interview.changes_made else None


def the_change(scenario: Scenario, seed: int) -> ConstraintChange | None:
    """The one constraint change of this interview, chosen by its seed."""
    return scenario.changes[seed % len(scenario.changes)] if scenario.changes else None


def _hint(interview: Interview, rubric: Rubric, level: Level, nudge: bool, why: str) -> Move:
    """The next step on the ladder of the criterion that is being talked about, or of the most valuable open one."""
    state = interview.section
    assert state is not None
    asked = next((move.criterion for move in reversed(state.moves) if move.criterion), None)
    aims = [asked] if asked and state.coverage.get(asked, 0.0) < COVERED else []
    best = next_aim(interview, rubric, state, level)
    aims += [best.id] if best else []
    for criterion in aims:
        given = interview.hints_for(criterion)
        if given < 3:
            return Move(kind="hint", criterion=criterion, hint=given, nudge=nudge, reason=why)
    return Move(kind="hint", nudge=nudge, reason=f"{why}; every hint was given")


def _onwards(interview: Interview, elapsed: float, why: str) -> Move:
    """The next section, or the end; what the candidate asked for with his last words is still told."""
    following = interview.next_section
    facts = interview.last.facts if interview.last else ()
    if following is None:
        return Move(kind="wrap_up", facts=facts, reason=f"{why}; it was the last section")
    if interview.budget.total - elapsed < LEAST_SECONDS:
        return Move(kind="wrap_up", reason="the time is over")
    return Move(kind="next_section", facts=facts, reason=why)


def choose(options: Iterable[str], *key: object) -> str:
    """One of some phrases, the same for the same key on every machine."""
    import zlib

    found = list(options)
    return found[zlib.crc32(repr(key).encode()) % len(found)]
