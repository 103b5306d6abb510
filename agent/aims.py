"""What is worth asking about next. Pure: the same state gives the same aim."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from agent.schema import LEVELS, Criterion, Level, Rubric
from agent.state import Interview, SectionState

COVERED = 0.5  # expected credit from which on a criterion counts as shown
ANSWERED = 0.15  # calibrated chance of having been answered wholly, up to which a question about it is safe: asking twice annoys more than it tells
DOUBT = 4.0  # how much less a question is worth the likelier it was answered: e-folds for a certain answer
NEARNESS = 1.0  # how much more a question is worth that takes up what was just said: e-fold for a cosine of 1
BEGUN = 0.5  # share of its worth that a question keeps when nothing was said of it; interviewers rather probe what was begun and is thin
TIER_VALUE = (1.0, 0.45, 0.15)  # worth of a criterion of the level or below, one above, two above


@dataclass(frozen=True)
class Lead:
    """How much the interviewer leads at a level. Who wants to be staff is expected to lead himself."""

    attempts: int  # follow-ups on one criterion before it is left alone
    follow_ups: int  # follow-ups in a section
    enough: float  # share of the level's weight that was shown, from which on the signal is enough
    patience: int  # stuck answers that get time instead of a hint


LEADS: dict[Level, Lead] = {
    "mid": Lead(attempts=2, follow_ups=9, enough=0.9, patience=0),
    "senior": Lead(attempts=2, follow_ups=7, enough=0.85, patience=0),
    "staff": Lead(attempts=1, follow_ups=4, enough=0.8, patience=1),
}


def next_aim(interview: Interview, rubric: Rubric, state: SectionState, level: Level) -> Criterion | None:
    """The open criterion that is most worth asking about; None when all were shown, or asked about often enough, or were probably answered
    in words that are hard to read."""
    relevance = interview.last.relevance if interview.last else {}
    just_asked = next((move.criterion for move in reversed(state.moves) if move.kind == "follow_up"), None)

    def worth(criterion: Criterion) -> float:
        again = 0.5 if attempts(state, criterion.id) else 1.0
        staying = 0.6 if criterion.id == just_asked else 1.0
        return appeal(criterion, level, state, relevance) * again * staying

    asking = [criterion for criterion in open_criteria(rubric, state, level) if state.met.get(criterion.id, 0.0) <= ANSWERED]
    return max(asking, key=lambda criterion: (worth(criterion), criterion.id), default=None)


def open_criteria(rubric: Rubric, state: SectionState, level: Level) -> list[Criterion]:
    """The criteria that were not shown yet and not asked about too often."""
    return [c for c in rubric.criteria if state.coverage.get(c.id, 0.0) < COVERED and attempts(state, c.id) < LEADS[level].attempts]


def appeal(criterion: Criterion, level: Level, state: SectionState, relevance: Mapping[str, float]) -> float:
    """How gladly an interviewer asks about an open criterion now: by weight and tier, by what interviewers like to ask about, by whether it
    was begun and how likely it was answered, and by its nearness to what was just said (`relevance`, cosines)."""
    begun, answered = BEGUN + state.coverage.get(criterion.id, 0.0), state.met.get(criterion.id, 0.0)
    return value(criterion, level) * criterion.interest * begun * math.exp(NEARNESS * relevance.get(criterion.id, 0.0) - DOUBT * answered)


def value(criterion: Criterion, level: Level) -> float:
    """What a criterion is worth at a level."""
    above = max(0, LEVELS.index(criterion.tier) - LEVELS.index(level))
    return criterion.weight * TIER_VALUE[above]


def worth_of(rubric: Rubric, level: Level) -> float:
    """What a whole section is worth at a level."""
    return sum(value(criterion, level) for criterion in rubric.criteria)


def shown(rubric: Rubric, state: SectionState, level: Level) -> float:
    """Share of the level's weight that was shown so far (0 to 1)."""
    wanted = [c for c in rubric.criteria if LEVELS.index(c.tier) <= LEVELS.index(level)]
    total = sum(c.weight for c in wanted)
    return sum(c.weight for c in wanted if state.coverage.get(c.id, 0.0) >= COVERED) / total if total else 1.0


def attempts(state: SectionState, criterion: str) -> int:
    """How often a criterion was asked about in its section."""
    return sum(1 for move in state.moves if move.kind == "follow_up" and move.criterion == criterion)
