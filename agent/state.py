"""The state of an interview, folded from its events, and what the graphs carry."""

import operator
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated, TypedDict

from agent.clock import HALF_AT, LONG_SECTION, NUDGE_AT, SHORT_SECTION, TimeBudget
from agent.events import Answered, AnyEvent, Asked, Commanded, Disagreed, Finished, Observed, Paused, Resumed, SectionGraded, SectionOpened, Started
from agent.schema import Move, SectionResult, Transcript, Turn

if TYPE_CHECKING:
    from agent.clock import Clock
    from agent.grader import Grader
    from agent.interviewer import Interviewer
    from agent.library import Library
    from agent.observer import Observer


@dataclass(frozen=True)
class SectionState:
    """What happened in one section so far."""

    id: str
    opened: float  # active seconds at which it opened
    seconds: float  # its budget, with what was borrowed
    borrowed: float = 0.0  # seconds taken from the next section
    moves: tuple[Move, ...] = ()
    answers: int = 0
    empty_answers: int = 0  # stuck answers in a row
    coverage: dict[str, float] = field(default_factory=dict)  # expected credit of each criterion
    met: dict[str, float] = field(default_factory=dict)  # probability that it was wholly answered

    def spent(self, elapsed: float) -> float:
        """Share of the budget that is used up (more than 1 when it is over)."""
        return (elapsed - self.opened) / self.seconds if self.seconds > 0 else 1.0

    def left(self, elapsed: float) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.opened + self.seconds - elapsed)

    @property
    def nudged(self) -> bool:
        """Whether the candidate was told how much time is left."""
        return any(move.nudge or move.kind == "nudge" for move in self.moves)

    def nudge_due(self, elapsed: float) -> bool:
        """Whether it is time to say how much time is left."""
        return not self.nudged and self.seconds >= SHORT_SECTION and NUDGE_AT <= self.spent(elapsed) < 1.0

    def half_due(self, elapsed: float) -> bool:
        """Whether it is time to say that half of the section is over."""
        told = any(move.half for move in self.moves)
        return not told and self.seconds >= LONG_SECTION and HALF_AT <= self.spent(elapsed) < NUDGE_AT

    @property
    def follow_ups(self) -> int:
        """How many follow-ups were asked."""
        return sum(move.kind == "follow_up" for move in self.moves)

    def drifted(self, drift: str) -> int:
        """How often the candidate was led back from this drift."""
        return sum(move.drift == drift for move in self.moves)


@dataclass(frozen=True)
class Interview:
    """An interview as its events tell it. Immutable: `fold` makes a new one."""

    started: Started
    budget: TimeBudget
    turns: tuple[Turn, ...] = ()
    sections: dict[str, SectionState] = field(default_factory=dict)  # in the order in which they opened
    results: dict[str, SectionResult] = field(default_factory=dict)
    disagreements: dict[str, Disagreed] = field(default_factory=dict)  # by criterion, without those that were taken back
    facts_told: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()  # what the candidate assumed where no fact answers; it holds from then on
    changes_made: tuple[str, ...] = ()
    last: Observed | None = None  # what the latest answer showed
    command: Commanded | None = None  # a click that was not acted on yet
    unanswered: bool = True  # the interviewer owes an utterance
    paused: bool = False
    finished: Finished | None = None
    events: int = 0
    elapsed: float = 0.0  # of the latest event
    messages: frozenset[str] = frozenset()

    @property
    def section(self) -> SectionState | None:
        """The section that is open; None before the first."""
        return self.sections[next(reversed(self.sections))] if self.sections else None

    @property
    def next_section(self) -> str | None:
        """The section after the open one; None when it is the last."""
        order = self.started.sections
        if not self.sections:
            return order[0]
        position = order.index(next(reversed(self.sections)))
        return order[position + 1] if position + 1 < len(order) else None

    @property
    def closed(self) -> tuple[str, ...]:
        """Sections that are over and can be graded."""
        opened = tuple(self.sections)
        return opened if self.finished else opened[:-1]

    @property
    def probed(self) -> frozenset[str]:
        """The wrong turns that were asked about."""
        return frozenset(move.wrong_turn for state in self.sections.values() for move in state.moves if move.wrong_turn)

    def turns_of(self, section_id: str) -> tuple[Turn, ...]:
        """What was said in a section."""
        return tuple(turn for turn in self.turns if turn.section == section_id)

    def hints_for(self, criterion: str) -> int:
        """How many hints were given on a criterion."""
        return sum(1 for state in self.sections.values() for move in state.moves if move.kind == "hint" and move.criterion == criterion)

    def transcript(self, interview_id: str | None = None) -> Transcript:
        """The interview as it was spoken."""
        return Transcript(
            id=interview_id,
            scenario=self.started.scenario.id,
            title=self.started.scenario.title,
            level=self.started.level,
            minutes=self.started.minutes,
            model=self.started.model,
            facts_told=self.facts_told,
            sections_reached=tuple(self.sections),
            prompts=self.started.prompts,
            corpus=self.started.corpus,
            turns=self.turns,
        )


def begin(started: Started, budget: TimeBudget) -> Interview:
    """An interview in which nothing but its start has happened."""
    return Interview(started=started, budget=budget, events=1, elapsed=started.elapsed)


def fold(interview: Interview, events: Iterable[AnyEvent]) -> Interview:
    """The interview after these events."""
    for event in events:
        interview = replace(_applied(interview, event), events=interview.events + 1, elapsed=max(interview.elapsed, event.elapsed))
    return interview


def _applied(interview: Interview, event: AnyEvent) -> Interview:
    match event:
        case SectionOpened():
            opened = SectionState(event.section, event.elapsed, event.seconds)
            return replace(interview, sections={**interview.sections, event.section: opened}, unanswered=True)
        case Asked():
            return _asked(interview, event)
        case Answered():
            turn = Turn(n=len(interview.turns) + 1, section=event.section, speaker="candidate", text=event.text, at=event.elapsed)
            return replace(
                interview, turns=(*interview.turns, turn), messages=interview.messages | {event.message}, unanswered=True, last=None, command=None
            )
        case Observed():
            return _observed(interview, event)
        case Commanded():
            return replace(interview, command=event, unanswered=True, last=None)
        case SectionGraded():
            return replace(interview, results={**interview.results, event.result.id: event.result})
        case Disagreed():
            return _disagreed(interview, event)
        case Paused():
            return replace(interview, paused=True)
        case Resumed():
            return replace(interview, paused=False)
        case Finished():
            return replace(interview, finished=event, unanswered=False)
        case Started():
            raise ValueError("an interview starts once")


def _asked(interview: Interview, event: Asked) -> Interview:
    turn = Turn(
        n=len(interview.turns) + 1,
        section=event.section,
        speaker="interviewer",
        text=event.text,
        at=event.elapsed,
        move=event.move,
        passages=event.passages,
        brain=event.brain,
    )
    state, borrow = interview.sections[event.section], event.move.borrow
    state = replace(state, moves=(*state.moves, event.move), seconds=state.seconds + borrow, borrowed=state.borrowed + borrow)
    told = tuple(fact for fact in event.move.facts if fact not in interview.facts_told)
    changes = (*interview.changes_made, event.move.change) if event.move.change else interview.changes_made
    return replace(
        interview,
        turns=(*interview.turns, turn),
        sections={**interview.sections, event.section: state},
        facts_told=(*interview.facts_told, *told),
        changes_made=changes,
        unanswered=event.move.kind == "nudge" and interview.unanswered,
        command=None,
    )


def _disagreed(interview: Interview, event: Disagreed) -> Interview:
    kept = {name: earlier for name, earlier in interview.disagreements.items() if name != event.criterion}
    return replace(interview, disagreements=kept if event.verdict is None else {**kept, event.criterion: event})


def _observed(interview: Interview, event: Observed) -> Interview:
    state = interview.sections[event.section]
    empty = event.intent == "stuck" or event.drift in ("terse", "silence")
    state = replace(
        state,
        coverage=_highest(state.coverage, event.coverage),
        met=_highest(state.met, event.met),
        answers=state.answers + (event.intent == "answer" and not empty),
        empty_answers=state.empty_answers + 1 if empty else 0,
    )
    assumptions = (*interview.assumptions, *(one for one in event.assumed if one not in interview.assumptions))
    return replace(interview, sections={**interview.sections, event.section: state}, assumptions=assumptions, last=event)


def _highest(known: dict[str, float], new: dict[str, float]) -> dict[str, float]:
    """What was once shown stays shown."""
    return {**known, **{name: max(known.get(name, 0.0), value) for name, value in new.items()}}


class ConductState(TypedDict, total=False):
    """What one run of the conduct graph carries: the folded interview in, new events out."""

    interview: Interview
    elapsed: float
    move: Move
    events: Annotated[list[AnyEvent], operator.add]


class AssessState(TypedDict, total=False):
    """What one run of the assess graph carries."""

    transcript: Transcript
    section: str
    result: SectionResult


@dataclass(frozen=True)
class InterviewContext:
    """The parts that nodes use; built once in main and passed down."""

    library: "Library"
    clock: "Clock"
    observer: "Observer"
    interviewer: "Interviewer"
    grader: "Grader"
