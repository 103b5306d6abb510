"""What the interviewer does next. Pure: the same view gives the same move. The model never decides this."""

import zlib
from collections.abc import Iterable
from typing import Any

from agent.aims import COVERED, LEADS, next_aim, shown, worth_of
from agent.clock import LEAST_FLEXIBLE, MOST_BORROWED
from agent.events import Observed
from agent.intents import stated
from agent.schema import ConstraintChange, Level, Move, Rubric, Scenario
from agent.state import Interview, SectionState

MOST_STUCK = 4  # empty answers in a row before the section is closed: three bring the three steps of a hint
MOST_REDIRECTS = 2  # times that a candidate is led back from the same drift in a section; then the interview goes on as it can
MOST_QUESTIONS = 3  # turns in a row that only ask before the candidate is told to begin
SCOPING, MOST_SCOPING = "1", 8  # ... in the section that is there for asking
FEWEST_STATED = 8  # words of statements from which on a turn with a question does not only ask
CHANGE_AFTER = 0.35  # share of a section's time before its constraint change comes, so that a design stands first
CHANGE_BEFORE = 0.85  # ... and the latest moment, so that there is time to answer
LEAST_SECONDS = 20.0  # a section is not opened with less than this left
SILENCE = 60.0  # seconds without a word or a key, after which the interviewer speaks; in a short section half of it
BREATH = 20.0  # seconds in which a candidate is left alone with a question before he is told the time
HINTS = 3  # steps of a criterion's ladder


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
    if state.spent(elapsed) >= 1.0 or (state.borrowed and intent == "answer"):
        return _borrowing(interview, state, seen, elapsed) or _onwards(interview, rubrics, elapsed, "the section's time is over")
    if intent == "done":
        return _onwards(interview, rubrics, elapsed, "the candidate is done with the section")
    move = _within(interview, rubrics, state, seen, elapsed)
    if move.kind in ("next_section", "wrap_up"):
        return move
    return move.model_copy(update={"nudge": state.nudge_due(elapsed), "half": state.half_due(elapsed)})


def _within(interview: Interview, rubrics: dict[str, Rubric], state: SectionState, seen: Observed | None, elapsed: float) -> Move:
    """The next move while the section has time."""
    rubric, level = rubrics[state.id], interview.started.level
    intent = seen.intent if seen else "answer"
    if intent == "repeat":
        return Move(kind="repeat", reason="the candidate asked for it")
    if intent == "hint":
        return _hint(interview, rubric, level, "the candidate asked for it")
    if intent == "stuck" or (seen and seen.drift == "terse" and state.empty_answers > 1):
        return _unstuck(interview, rubrics, state, elapsed)
    told = _told(seen)
    if seen and seen.checks:
        return Move(kind="clarify", checks=seen.checks, reason="the candidate may have asked for a fact", **told)
    if intent == "clarify" and not _only_asks(interview, state):
        return Move(kind="clarify", reason="the candidate asked", **told)
    if intent == "clarify" and state.drifted("asking") < MOST_REDIRECTS:
        return Move(kind="redirect", drift="asking", reason="the candidate asks and decides nothing", **told)
    if seen and seen.drift and state.drifted(seen.drift) < MOST_REDIRECTS:
        return Move(kind="redirect", drift=seen.drift, reason="the answer leads away from the question", **told)
    change = due_change(interview, state, elapsed)
    if change is not None:
        return Move(kind="curveball", change=change, reason="a design stands and there is time to change it", **told)
    if seen and seen.wrong_turn and seen.wrong_turn not in interview.probed:
        return Move(kind="follow_up", wrong_turn=seen.wrong_turn, reason="a turn that often goes wrong", **told)
    lead = LEADS[level]
    if shown(rubric, state, level) >= lead.enough:
        return _onwards(interview, rubrics, elapsed, "enough is known")
    if state.follow_ups >= lead.follow_ups:
        return _onwards(interview, rubrics, elapsed, f"{state.follow_ups} follow-ups are enough for {level}")
    aim = next_aim(interview, rubric, state, level)
    if aim is None:
        return _onwards(interview, rubrics, elapsed, "every open criterion was asked about")
    return Move(kind="follow_up", criterion=aim.id, reason=f"the most valuable open criterion at {level}", **told)


def unasked(interview: Interview, rubrics: dict[str, Rubric], elapsed: float, quiet: float) -> Move | None:
    """What the interviewer says while the candidate has the word: where we are, at the half and at three quarters of a section; into a
    silence of so many seconds first that there is time, then a hint. None: nothing."""
    state = interview.section
    if state is None:
        return None
    asked = interview.turns[-1].at if interview.turns else 0.0
    if (state.nudge_due(elapsed) or state.half_due(elapsed)) and elapsed - asked >= BREATH:
        return Move(kind="nudge", nudge=state.nudge_due(elapsed), half=state.half_due(elapsed), reason="time")
    if quiet < min(SILENCE, state.seconds / 2):
        return None
    if state.drifted("silence") == 0:
        return Move(kind="redirect", drift="silence", reason="the candidate is silent")
    hint = _hint(interview, rubrics[state.id], interview.started.level, "the candidate is silent")
    return hint if hint.criterion is not None else None


def due_change(interview: Interview, state: SectionState, elapsed: float) -> str | None:
    """The id of the constraint change that comes now, if one does."""
    if state.answers < 1 or not CHANGE_AFTER <= state.spent(elapsed) <= CHANGE_BEFORE:
        return None
    chosen = the_change(interview.started.scenario, interview.started.seed)
    return chosen.id if chosen and chosen.section == state.id and chosen.id not in interview.changes_made else None


def the_change(scenario: Scenario, seed: int) -> ConstraintChange | None:
    """The one constraint change of this interview, chosen by its seed."""
    return scenario.changes[seed % len(scenario.changes)] if scenario.changes else None


def _only_asks(interview: Interview, state: SectionState) -> bool:
    """Whether the candidate has asked for a while and decided nothing."""
    most = MOST_SCOPING if state.id == SCOPING else MOST_QUESTIONS
    answered = [move for move in state.moves if move.kind != "nudge" and not move.checks][-most:]
    said = [turn.text for turn in interview.turns_of(state.id) if turn.speaker == "candidate"][-most - 1 :]
    asked = len(answered) == most and all(move.kind == "clarify" or move.drift == "asking" for move in answered)
    return asked and all(stated(text) < FEWEST_STATED for text in said)


def _told(seen: Observed | None) -> dict[str, Any]:
    """What the candidate asked for, which is told with whatever comes next."""
    if seen is None:
        return {}
    return {"facts": seen.facts, "assumptions": seen.recalled, "asked_unknown": seen.unknown, "asked_more": seen.more}


def _unstuck(interview: Interview, rubrics: dict[str, Rubric], state: SectionState, elapsed: float) -> Move:
    """A moment's patience where the level expects the candidate to lead, then hints, then the next section."""
    level = interview.started.level
    if state.empty_answers >= MOST_STUCK + LEADS[level].patience:
        return _onwards(interview, rubrics, elapsed, f"{state.empty_answers} empty answers in a row")
    if state.empty_answers <= LEADS[level].patience:
        return Move(kind="redirect", drift="lost", reason="the candidate is stuck")
    return _hint(interview, rubrics[state.id], level, "the candidate is stuck")


def _hint(interview: Interview, rubric: Rubric, level: Level, why: str) -> Move:
    """The next step on the ladder of the criterion that is being talked about, or of the most valuable open one."""
    state = interview.section
    assert state is not None
    asked = next((move.criterion for move in reversed(state.moves) if move.criterion), None)
    aims = [asked] if asked and state.coverage.get(asked, 0.0) < COVERED else []
    best = next_aim(interview, rubric, state, level)
    aims += [best.id] if best else []
    for criterion in aims:
        given = interview.hints_for(criterion)
        if given < HINTS:
            return Move(kind="hint", criterion=criterion, hint=given, reason=why)
    return Move(kind="hint", reason=f"{why}; every hint was given")


def _borrowing(interview: Interview, state: SectionState, seen: Observed | None, elapsed: float) -> Move | None:
    """Time from the next section for a thought that is not at its end; once, and at most a fifth of what that section has."""
    following = interview.next_section
    if seen is None or not seen.unfinished or seen.intent != "answer" or following is None or state.borrowed:
        return None
    if following in interview.budget.flexible:
        return None  # it has no time of its own yet
    over = elapsed - state.opened - state.seconds  # the overrun is borrowed, too
    room = MOST_BORROWED * interview.budget.planned[following]
    return Move(kind="borrow", borrow=round(room, 1), reason="the candidate is in mid-thought") if over < room else None


def _onwards(interview: Interview, rubrics: dict[str, Rubric], elapsed: float, why: str) -> Move:
    """The next section, or the end; what the candidate asked for with his last words is still told."""
    told = {"facts": interview.last.facts} if interview.last else {}
    if interview.next_section is None:
        return Move(kind="wrap_up", reason=f"{why}; it was the last section", **told)
    if interview.budget.total - elapsed < LEAST_SECONDS:
        return Move(kind="wrap_up", reason="the time is over")
    return Move(kind="next_section", section=_following(interview, rubrics, elapsed), reason=why, **told)


def _following(interview: Interview, rubrics: dict[str, Rubric], elapsed: float) -> str:
    """The section that opens next. Where the rest is too short for all sections "as time allows", the most valuable ones get it."""
    order, budget = interview.started.sections, interview.budget
    coming = order[order.index(interview.next_section or order[-1]) :]
    left = budget.total - elapsed
    if any(section not in budget.flexible for section in coming):
        return coming[0]
    affordable = max(1, int(left // LEAST_FLEXIBLE))
    best = sorted(coming, key=lambda section: -worth_of(rubrics[section], interview.started.level))[:affordable]
    return next(section for section in coming if section in best)


def choose(options: Iterable[str], *key: object) -> str:
    """One of some phrases, the same for the same key on every machine."""
    found = list(options)
    return found[zlib.crc32(repr(key).encode()) % len(found)]
