"""Reads one answer, locally and in milliseconds: what the candidate wants, which facts are asked for, what is covered, what leads away."""

from dataclasses import replace

from agent.change import response_in
from agent.drift import FEWEST_WORDS, Drifts, assumptions, breaks_off
from agent.estimator import Estimator, asked_in, said_in
from agent.events import Observed
from agent.facts import Asked, FactFinder, settled
from agent.intents import intent_of
from agent.matcher import Matcher
from agent.schema import ENGLISH, Drift, Move, SectionResult, Turn
from agent.scope import Assessment
from agent.state import Interview
from agent.wrong_turns import WrongTurns

NEWS = 0.5  # expected credit from which on later words are worth another grading
NEAR = 0.3  # cosine to a criterion of the section from which on an answer is on the subject, whatever the classifier makes of it


class Observer:
    """Reads one answer. Local: no model is called."""

    def __init__(self, matcher: Matcher, estimator: Estimator, facts: FactFinder, wrong_turns: WrongTurns) -> None:
        self._matcher, self._estimator, self._facts, self._wrong_turns, self._drifts = matcher, estimator, facts, wrong_turns, Drifts()

    def observe(self, interview: Interview, elapsed: float) -> Observed:
        """What the latest answer showed in the open section; or the command that was clicked."""
        state = interview.section
        assert state is not None
        if interview.command is not None:
            return Observed(elapsed=elapsed, section=state.id, intent=interview.command.intent)
        text, scenario = interview.turns[-1].text, interview.started.scenario
        said, asked = said_in(interview.turns), asked_in(interview.turns)
        wanted = settled(self._facts.find(scenario, text, interview.assumptions), text, _asked_back(interview))
        wanted = replace(wanted, checks=tuple(name for name in wanted.checks if name not in interview.facts_told))  # these it knows
        relevance = self._matcher.relevance(state.id, text)
        found = self._estimator.estimate(state.id, said, asked)
        intent = intent_of(text, wanted)
        return Observed(
            elapsed=elapsed,
            section=state.id,
            intent=intent,
            facts=wanted.facts,
            checks=wanted.checks,
            recalled=wanted.recalled,
            unknown=wanted.unknown,
            more=wanted.more,
            assumed=assumptions(text, invited=_invited(interview)) if intent in ("answer", "clarify") else (),
            wrong_turn=self._wrong_turns.taken(scenario, state.id, text, [one.text for one in said]) if intent == "answer" else None,
            drift=self._drift(interview, wanted, max(relevance.values(), default=0.0)) if intent == "answer" else None,
            unfinished=breaks_off(text),
            coverage={name: round(one.chances.credit, 3) for name, one in found.items()},
            met={name: round(one.chances.met, 3) for name, one in found.items()},
            relevance={name: round(near, 3) for name, near in relevance.items()},
        )

    def _drift(self, interview: Interview, wanted: Asked, nearness: float) -> Drift | None:
        turn = interview.turns[-1]
        before = _question_before(interview)
        since = turn.at - (before.at if before is not None else 0.0)
        drift = self._drifts.of(turn.text, since, english=interview.started.language == ENGLISH)
        if drift is not None or wanted.facts or wanted.checks or wanted.recalled or len(turn.text.split()) < FEWEST_WORDS:
            return drift
        if interview.started.language != ENGLISH:
            return None  # what reads the subject knows English only
        return "off_topic" if nearness < NEAR and not self._estimator.of_design(turn.text) else None

    def said_later(self, assessment: Assessment, result: SectionResult) -> bool:
        """Whether something that was said after a section was graded is likely to show a criterion that was not met then."""
        later = [one for one in assessment.said if result.seen is not None and one.turn > result.seen]
        if result.status != "graded" or not later or result.id not in self._estimator.sections:
            return False
        if any(verdict.chances is not None for verdict in result.verdicts):
            return True  # an estimate costs nothing: it is always of all that was said
        if self._revised_later(assessment, result):
            return True
        found = self._estimator.estimate(result.id, later, assessment.asked)
        missing = [verdict.criterion for verdict in result.verdicts if verdict.status != "met"]
        return any(found[criterion].chances.credit >= NEWS for criterion in missing if criterion in found)

    def _revised_later(self, assessment: Assessment, result: SectionResult) -> bool:
        """Whether it is likely to revise the design because of a changed constraint, which nothing had done then."""
        if result.change is None or result.change.status == "met":
            return False
        response = response_in(assessment, self._estimator.library)
        return response is not None and response.read(self._estimator.revisions, result.seen or 0).chances.credit >= NEWS


def _invited(interview: Interview) -> bool:
    """Whether the interviewer has just asked for an assumption."""
    before = _move_before(interview)
    return before is not None and (before.asked_unknown or before.drift == "asking")


def _asked_back(interview: Interview) -> tuple[str, ...]:
    """The facts of which the interviewer has just asked whether they are meant."""
    before = _move_before(interview)
    return before.checks if before is not None else ()


def _move_before(interview: Interview) -> Move | None:
    """What the interviewer did before the latest answer."""
    before = _question_before(interview)
    return before.move if before is not None else None


def _question_before(interview: Interview) -> Turn | None:
    """The interviewer's turn before the latest answer."""
    return next((turn for turn in reversed(interview.turns[:-1]) if turn.speaker == "interviewer"), None)
