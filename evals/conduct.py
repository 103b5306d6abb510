"""After every turn of a recorded candidate: what would the interviewer ask next, and is it a good next question?

The recorded interviewer's own words stand in the state, as if he had conducted so far; the product's conduct graph then makes one move.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from agent.clock import divide
from agent.errors import InterviewError
from agent.events import Answered, Asked, SectionOpened, Started
from agent.graph import build_conduct
from agent.key_terms import KeyTerms
from agent.library import Library
from agent.replies import MissingReply
from agent.schema import Criterion, Move, Scenario, Transcript
from agent.state import ConductState, Interview, InterviewContext, begin, fold
from agent.text import content_words, words
from evals.dataset import Case

PROBES = ("follow_up", "hint")  # moves that aim at a criterion
WORDS_A_MINUTE = 150.0  # how fast the recorded candidates speak


@dataclass(frozen=True)
class Moment:
    """The interviewer has to speak: the interview up to a candidate's turn."""

    turn: int
    section: str
    elapsed: float
    interview: Interview = field(repr=False)


@dataclass(frozen=True)
class Position(Moment):
    """A moment of a case of the gold set."""

    case: Case


@dataclass(frozen=True)
class Next:
    """What the interviewer would say at a position, and how it is judged. None: the question does not arise for this move."""

    case: str
    turn: int
    section: str
    move: str
    criterion: str | None
    text: str
    one_question: bool | None
    right_section: bool
    open_criterion: bool | None  # gold does not have it as shown by then
    already_answered: bool | None  # the candidate had met it before
    leaks: tuple[str, ...]  # key terms of the criterion that only the interviewer has used
    grounded: bool | None  # a passage of the criterion's own subsections was retrieved for it


class Conductor:
    """Runs the product's conduct graph at every position of recorded interviews."""

    def __init__(self, library: Library, context: InterviewContext) -> None:
        self._library, self._context = library, context
        self._graph = build_conduct()
        self._terms = KeyTerms(library)

    def positions(self, case: Case) -> list[Position]:
        """Every moment of a case."""
        found = self.moments(case.transcript, self._library.scenario(case.entry.scenario))
        return [Position(one.turn, one.section, one.elapsed, one.interview, case) for one in found]

    def moments(self, transcript: Transcript, scenario: Scenario) -> list[Moment]:
        """Every moment at which the candidate has just spoken, each with all that was observed so far."""
        budget = divide(self._library.sections, 60 * (transcript.minutes or 45.0))
        started = Started(
            scenario=scenario,
            level=transcript.level,
            minutes=transcript.minutes or 45.0,
            sections=tuple(section.id for section in self._library.sections),
            model="embedded",
            grader="embedded",
            seed=0,
        )
        interview, found = begin(started, budget), []
        for turn in transcript.turns:
            if interview.section is None or interview.section.id != turn.section:
                seconds = budget.on_opening(turn.section, turn.at)
                interview = fold(interview, [SectionOpened(elapsed=turn.at, section=turn.section, seconds=seconds)])
            if turn.speaker == "interviewer":
                move = turn.move or Move(kind="follow_up")
                interview = fold(interview, [Asked(elapsed=turn.at, section=turn.section, text=turn.text, move=move, brain="recorded")])
                continue
            end = turn.at + 60 * len(words(turn.text)) / WORDS_A_MINUTE
            interview = fold(interview, [Answered(elapsed=end, section=turn.section, text=turn.text, message=str(turn.n))])
            seen = self._context.observer.observe(interview, end)
            interview = fold(interview, [seen])
            found.append(Moment(turn.n, turn.section, end, interview))
        return found

    async def next(self, position: Position) -> Next | None:
        """What is said next, judged; None when a model's words are not recorded."""
        asked = await self.asked(position)
        return self._judged(position, asked) if asked else None

    async def asked(self, position: Position) -> Asked | None:
        """What is said next; None when a model's words are not recorded."""
        state: ConductState = {"interview": position.interview, "elapsed": position.elapsed, "events": []}
        try:
            made = await self._graph.ainvoke(state, context=self._context)
        except MissingReply:
            return None
        asked = [event for event in made["events"] if isinstance(event, Asked)]
        if not asked:
            raise InterviewError(f"{position.case.id} turn {position.turn}: the interviewer said nothing.")
        return asked[-1]

    def open_criteria(self, position: Position) -> set[str]:
        """The criteria of the open section that gold does not have as shown by then."""
        return {criterion.id for criterion in self._library.rubrics[position.section].criteria if not self._shown(position, criterion.id)}

    def _judged(self, position: Position, asked: Asked) -> Next:
        kind, criterion = asked.move.kind, asked.move.criterion
        probes = kind in PROBES and criterion is not None
        shown = self._shown(position, criterion) if probes and criterion else None
        return Next(
            case=position.case.id,
            turn=position.turn,
            section=asked.section,
            move=kind,
            criterion=criterion,
            text=asked.text,
            one_question=len(_questions(asked.text)) == 1 if kind in ("follow_up", "ask", "next_section") else None,
            right_section=asked.section in _allowed(position, self._library),
            open_criterion=None if shown is None else not shown,
            already_answered=shown,
            leaks=self._leaks(position, asked, self._library.criteria[criterion]) if kind == "follow_up" and criterion else (),
            grounded=_grounded(asked, self._library.criteria[criterion]) if kind == "follow_up" and criterion else None,
        )

    def _shown(self, position: Position, criterion: str) -> bool:
        """Whether gold has the criterion as met by something that was said up to this turn."""
        gold = position.case.by_criterion.get(criterion)
        return gold is not None and gold.verdict == "met" and gold.turn is not None and gold.turn <= position.turn

    def _leaks(self, position: Position, asked: Asked, criterion: Criterion) -> tuple[str, ...]:
        known = content_words(" ".join([*(turn.text for turn in position.interview.turns), position.interview.started.scenario.brief]))
        return tuple(sorted((content_words(asked.text) & self._terms.of(criterion)) - known))


def _questions(text: str) -> list[str]:
    """The sentences that ask, or demand as a question does ("Walk me through ...")."""
    sentences = re.split(r"(?<=[.?!])\s+", text)
    asking = [sentence for sentence in sentences if sentence.rstrip("\"' ").endswith("?")]
    return asking or [sentence for sentence in sentences if _DEMAND.match(sentence)][:1]


_DEMAND = re.compile(
    r"(?:[^.:]*: )?\W*(?:begin|walk|take|tell|talk|show|describe|explain|give|pick|name|draw|start|let's|say|list|imagine|suppose)\b", re.IGNORECASE
)


def _allowed(position: Position, library: Library) -> tuple[str, ...]:
    """The section that is open, or the one after it."""
    order = [section.id for section in library.sections]
    here = order.index(position.section)
    return tuple(order[here : here + 2])


def _grounded(asked: Asked, criterion: Criterion) -> bool:
    """Whether a retrieved passage is of a subsection that the criterion refers to."""
    return bool(set(asked.passages) & set(criterion.references))


def figures(rows: Sequence[Next]) -> dict[str, Any]:
    """Shares over all next utterances for which the question arises, with their number."""
    moves: dict[str, int] = {}
    for row in rows:
        moves[row.move] = moves.get(row.move, 0) + 1
    return {
        "positions": len(rows),
        "moves": dict(sorted(moves.items())),
        "one_question": _share(row.one_question for row in rows),
        "right_section": _share(row.right_section for row in rows),
        "open_criterion": _share(row.open_criterion for row in rows),
        "already_answered": _share(row.already_answered for row in rows),
        "leaks": _share(bool(row.leaks) if row.criterion else None for row in rows),
        "grounded": _share(row.grounded for row in rows),
    }


def _share(values: Iterable[bool | None]) -> dict[str, float | int | None]:
    known = [value for value in values if value is not None]
    return {"share": round(sum(known) / len(known), 3) if known else None, "of": len(known)}


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The figures for people."""
    moves = ", ".join(f"{count} {move}" for move, count in found["moves"].items())
    yield f"{found['positions']} turns of recorded candidates; the interviewer's next move: {moves}."
    names = {
        "one_question": "asks exactly one question",
        "right_section": "is in the open section, or the next",
        "open_criterion": "is about a criterion that is still open",
        "already_answered": "asks what was already answered",
        "leaks": "uses a key term of the answer that the candidate has not used",
        "grounded": "rests on a passage of the criterion's own subsections",
    }
    for key, name in names.items():
        share, of = found[key]["share"], found[key]["of"]
        yield f"  {name:64} {'':>6} of {of}" if share is None else f"  {name:64} {share:6.1%} of {of}"
