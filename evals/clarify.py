"""How well clarifying questions find the fact that answers them: `python -m evals clarify`.

The questions of evals/clarify were written from a scenario's facts alone, without sight of the ways to ask for them that the interviewer knows.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, RootModel
from rich.table import Table

from agent.errors import ConfigurationError
from agent.facts import FactFinder
from agent.library import Library
from agent.schema import Text, Value
from evals.files import read_value

QUESTIONS = Path(__file__).with_name("clarify")


class Question(Value):
    """One question in several people's words, and the fact that answers it; None when no fact does."""

    fact: Text | None
    asks: tuple[Text, ...] = Field(min_length=1)


class Questions(RootModel[tuple[Question, ...]]):
    """The questions about one scenario."""


@dataclass(frozen=True)
class Told:
    """What a clarifying question was answered with: facts; facts of which it was asked back whether they are meant; that there is none."""

    scenario: str
    ask: str
    wanted: str | None
    facts: tuple[str, ...]
    checks: tuple[str, ...]
    unknown: bool

    @property
    def right(self) -> bool:
        """The fact was told, or it was said that there is none."""
        return self.wanted in self.facts if self.wanted else not self.facts and not self.checks and self.unknown

    @property
    def found(self) -> bool:
        """The fact was told, or it was asked back whether just this is meant; or it was said that there is none."""
        return self.right or self.wanted in self.checks

    @property
    def volunteered(self) -> tuple[str, ...]:
        """Facts that were not asked for."""
        return tuple(fact for fact in self.facts if fact != self.wanted)


def read_questions(library: Library, folder: Path = QUESTIONS) -> dict[str, tuple[Question, ...]]:
    """Scenario -> questions. ConfigurationError for a file that cannot be read, or that names a scenario or fact that there is not."""
    found = {}
    for path in sorted(folder.glob("*.yaml")):
        questions = read_value(path, Questions).root
        known = {fact.id for fact in library.scenario(path.stem).facts}
        unknown = sorted({question.fact for question in questions if question.fact} - known)
        if unknown:
            raise ConfigurationError(f"{path} names facts that the scenario does not have: {', '.join(unknown)}.")
        found[path.stem] = questions
    return found


def asked(library: Library, finder: FactFinder, questions: dict[str, tuple[Question, ...]]) -> list[Told]:
    """Every question asked in every way, each in an interview of its own."""
    rows = []
    for name, some in questions.items():
        for question in some:
            for ask in question.asks:
                found = finder.find(library.scenario(name), ask)
                rows.append(Told(name, ask, question.fact, found.facts, found.checks, found.unknown))
    return rows


OUTCOMES = {
    "told": "told",
    "found": "asked back",
    "more": "told with more",
    "wrong": "another told",
    "checked": "asked of another",
    "missed": "unanswered",
}
OUTCOMES_OF_NONE = {"told": "said so", "checked": "asked back", "wrong": "a fact told", "missed": "unanswered"}


def clarify_tables(rows: Sequence[Told]) -> list[Table]:
    """What became of the questions that a fact answers, and of those that none does; a line for each scenario. Right is what was told, and
    what was asked back about just this fact."""
    facts, none = (
        Table(title="Questions that a fact answers", title_justify="left"),
        Table(title="Questions that no fact answers", title_justify="left"),
    )
    for table, names in ((facts, ("asked", "right", *OUTCOMES.values(), "volunteered")), (none, ("asked", *OUTCOMES_OF_NONE.values()))):
        table.add_column("scenario", no_wrap=True)
        for name in names:
            table.add_column(name, justify="right")
    groups = {**{name: [row for row in rows if row.scenario == name] for name in dict.fromkeys(row.scenario for row in rows)}, "all": list(rows)}
    for name, some in groups.items():
        of_fact, of_none = [row for row in some if row.wanted], [row for row in some if not row.wanted]
        became, became_of_none = Counter(map(outcome, of_fact)), Counter(map(outcome, of_none))
        right = f"{sum(row.found for row in of_fact) / len(of_fact):.1%}" if of_fact else "-"
        volunteered = sum(bool(row.volunteered) for row in of_fact)
        facts.add_row(name, str(len(of_fact)), right, *(str(became[key]) for key in OUTCOMES), str(volunteered))
        none.add_row(name, str(len(of_none)), *(str(became_of_none[key]) for key in OUTCOMES_OF_NONE))
    return [facts, none]


def outcome(row: Told) -> str:
    """What became of a question: a key of OUTCOMES."""
    if row.right:
        return "more" if row.volunteered else "told"
    if row.facts:
        return "wrong"
    if row.checks:
        return "found" if row.wanted in row.checks else "checked"
    return "missed"
