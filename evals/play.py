"""Whole interviews of simulated candidates, each checked: `python -m evals play`.

An interview is asked to end at the first utterance that is finished after its minutes: nobody is cut off in mid-sentence, and
only words move an interview on. So it may overrun by what of its last utterance lay beyond the end, and that one must have begun in time.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean

from rich.table import Table

from agent.assembly import Parts
from agent.errors import InterviewError
from agent.library import GENERAL, Library
from agent.manners import PERSONAS
from agent.personas import Cast
from agent.play import Played, play
from agent.policy import LEAST_SECONDS
from agent.schema import Level, SectionResult
from agent.scope import Assessment
from agent.scoring import without_verdicts
from agent.state import Interview


@dataclass(frozen=True)
class Outcome:
    """What came of one interview; `faults` says which checks it failed."""

    scenario: str
    persona: str
    turns: int = 0
    sections: int = 0  # reached
    overrun: float = 0.0  # seconds after the interview's minutes
    score: float | None = None
    hints: int = 0
    nudges: int = 0
    seconds: float = 0.0  # of real time
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Conditions:
    """How all interviews are conducted."""

    level: Level = "senior"
    minutes: float = 45.0
    seed: int = 0
    graded: bool = True


class Ungraded:
    """Leaves every section without verdicts, so that only the conduct is played."""

    name = "none"

    def __init__(self, library: Library) -> None:
        self._library = library

    async def grade(self, assessment: Assessment) -> SectionResult:
        """No score."""
        return without_verdicts(self._library.section(assessment.section), "unscored", note="Not graded.")


def pairs(parts: Parts, people: Cast, scenarios: Sequence[str] = (), personas: Sequence[str] = ()) -> list[tuple[str, str]]:
    """The interviews to play: scenario and persona. By default every persona in every scenario that has scripted answers.

    Raises NotFound for an unknown scenario and ConfigurationError for an unknown persona.
    """
    for scenario in scenarios:
        parts.library.scenario(scenario)
    for persona in personas:
        people.manners.of(persona)
    named = scenarios or [name for name in people.scripted if name in parts.library.scenarios and name != GENERAL]
    return [(scenario, persona) for persona in personas or PERSONAS for scenario in named]


async def played(
    parts: Parts, people: Cast, chosen: Iterable[tuple[str, str]], conditions: Conditions, on_done: Callable[[Outcome], None] = lambda _: None
) -> list[Outcome]:
    """Every interview, one after the other, with the same parts."""
    used = parts if conditions.graded else replace(parts, grader=Ungraded(parts.library))
    outcomes = []
    for scenario, persona in chosen:
        outcomes.append(await _outcome(used, people, scenario, persona, conditions))
        on_done(outcomes[-1])
    return outcomes


async def _outcome(parts: Parts, people: Cast, scenario: str, persona: str, how: Conditions) -> Outcome:
    start = time.perf_counter()
    try:
        problem = parts.library.scenario(scenario)
        found = await play(parts, problem, how.level, how.minutes, people.candidate(persona, problem, how.seed), how.seed)
    except Exception as error:  # the check is that there is none, whatever it is; the other interviews are still played
        told = str(error) if isinstance(error, InterviewError) else f"{type(error).__name__}: {error}"
        return Outcome(scenario, persona, seconds=time.perf_counter() - start, faults=(f"broke off: {told}",))
    interview = found.interview
    moves = [turn.move for turn in interview.turns if turn.move]
    return Outcome(
        scenario,
        persona,
        turns=len(interview.turns),
        sections=len(interview.sections),
        overrun=max(0.0, interview.elapsed - interview.budget.total),
        score=found.card.overall.score,
        hints=sum(move.kind == "hint" for move in moves),
        nudges=sum(move.nudge for move in moves),
        seconds=time.perf_counter() - start,
        faults=tuple(faults(found, how.graded)),
    )


# --- the checks -------------------------------------------------------------------------------------------------


def faults(found: Played, graded: bool = True) -> list[str]:
    """The checks that an interview failed, each as a sentence."""
    return [*_ending(found.interview), *_order(found.interview), *_words(found.interview), *_scorecard(found, graded)]


def _ending(interview: Interview) -> list[str]:
    """It is over, in time, and not before every section that there was time for was opened."""
    if interview.finished is None:
        return ["is not over"]
    found = []
    said = [0.0, *(turn.at for turn in interview.turns if turn.speaker == "candidate")]
    if len(said) > 1 and said[-2] >= interview.budget.total:
        found.append(f"went on after its time: an utterance began at {said[-2]:.0f} of {interview.budget.total:.0f} seconds")
    left = interview.budget.total - interview.elapsed
    if interview.next_section is not None and left >= LEAST_SECONDS:
        found.append(f"ended with {left:.0f} seconds left before section {interview.next_section} was opened")
    return found


def _order(interview: Interview) -> list[str]:
    """Sections follow each other as in the framework, none is left out but one "as time allows" for which there was none, and what is said in
    one is not said in a later one."""
    found, order = [], list(interview.started.sections)
    due = [section for section in order if section in interview.sections or section not in interview.budget.flexible]
    if list(interview.sections) != due[: len(interview.sections)]:
        found.append(f"opened the sections {', '.join(interview.sections)}")
    places = [order.index(turn.section) for turn in interview.turns]
    if places != sorted(places):
        found.append("went back to an earlier section")
    return found


def _words(interview: Interview) -> list[str]:
    """No turn is empty."""
    return [f"turn {turn.n} of the {turn.speaker} is empty" for turn in interview.turns if not turn.text.strip()]


def _scorecard(found: Played, graded: bool) -> list[str]:
    """Every section is on the scorecard: with verdicts if it was opened, else as not reached."""
    status = {row.id: row.status for row in found.card.sections}
    reached = "graded" if graded else "unscored"
    wanted = {name: reached if name in found.interview.sections else "not_reached" for name in found.interview.started.sections}
    return [
        f"section {name} is {status.get(name, 'missing')} on the scorecard, not {right}"
        for name, right in wanted.items()
        if status.get(name) != right
    ]


# --- the figures ------------------------------------------------------------------------------------------------


def by_persona(outcomes: Sequence[Outcome]) -> dict[str, dict[str, float | None]]:
    """Persona -> its figures: means over its interviews; the longest overrun; sums of the counts and of real time."""
    return {name: _figures([one for one in outcomes if one.persona == name]) for name in dict.fromkeys(one.persona for one in outcomes)}


def _figures(some: Sequence[Outcome]) -> dict[str, float | None]:
    scores = [one.score for one in some if one.score is not None]
    return {
        "interviews": len(some),
        "failed": sum(bool(one.faults) for one in some),
        "turns": round(fmean(one.turns for one in some), 1),
        "sections": round(fmean(one.sections for one in some), 1),
        "overrun": round(max(one.overrun for one in some)),
        "hints": round(fmean(one.hints for one in some), 1),
        "nudges": round(fmean(one.nudges for one in some), 1),
        "score": round(fmean(scores), 1) if scores else None,
        "seconds": round(sum(one.seconds for one in some), 1),
    }


def play_table(outcomes: Sequence[Outcome], minutes: float) -> Table:
    """A line for each persona, and one for all."""
    table = Table(title=f"Simulated candidates, {minutes:g} minutes", title_justify="left")
    heads = ("persona", "played", "failed", "turns", "sections", "overrun, s", "hints", "nudges", "score", "time, s")
    for name in heads:
        table.add_column(name, justify="left" if name == "persona" else "right", no_wrap=name == "persona")
    for persona, figures in {**by_persona(outcomes), "all": _figures(outcomes)}.items():
        table.add_row(persona, *("-" if figure is None else f"{figure:g}" for figure in figures.values()))
    return table


def play_json(outcomes: Sequence[Outcome], conditions: Conditions) -> dict[str, object]:
    """All of it, for other programs."""
    failed = [f"{one.scenario}, {one.persona}: {fault}" for one in outcomes for fault in one.faults]
    rows = [asdict(one) | {"seconds": round(one.seconds, 2), "overrun": round(one.overrun, 1)} for one in outcomes]
    whole = {"seconds": round(sum(one.seconds for one in outcomes), 1), "failed": failed}
    return {**asdict(conditions), **whole, "personas": by_persona(outcomes), "interviews": rows}
