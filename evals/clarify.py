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
    """What a clarifying question was answered with."""

    scenario: str
    ask: str
    wanted: str | None
    facts: tuple[str, ...]
    unknown: bool

    @property
    def right(self) -> bool:
        """The fact was told, or it was said that there is none."""
        return self.wanted in self.facts if self.wanted else not self.facts and self.unknown

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
                rows.append(Told(name, ask, question.fact, found.facts, found.unknown))
    return rows


def clarify_table(rows: Sequence[Told]) -> Table:
    """A line for each scenario: how many were answered rightly, and what was volunteered."""
    table = Table(title="Clarifying questions", title_justify="left")
    for name in ("scenario", "asked", "right fact", "told with another", "another fact", "not answered", "no fact wanted, one told"):
        table.add_column(name, justify="left" if name == "scenario" else "right")
    groups = {**{name: [row for row in rows if row.scenario == name] for name in dict.fromkeys(row.scenario for row in rows)}, "all": list(rows)}
    for name, some in groups.items():
        count = Counter(_outcome(row) for row in some)
        right = count["right"] / len(some)
        table.add_row(name, str(len(some)), f"{right:.1%}", *(str(count[key]) for key in ("more", "wrong", "missed", "volunteered")))
    return table


def _outcome(row: Told) -> str:
    if row.right:
        return "more" if row.volunteered else "right"
    if row.wanted is None:
        return "volunteered" if row.facts else "missed"
    return "wrong" if row.facts else "missed"
