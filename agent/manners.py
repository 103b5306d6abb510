"""How simulated candidates talk: the form of corpus/candidates/personas.yaml, and decks of its sayings."""

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, get_args

from pydantic import AfterValidator, Field

from agent.errors import ConfigurationError
from agent.library import SHIPPED, read_yaml
from agent.schema import MoveKind, SectionId, Text, Value

LONGEST_THOUGHT = 900.0  # seconds


def _range(given: tuple[float, float]) -> tuple[float, float]:
    if not 0 <= given[0] <= given[1] <= LONGEST_THOUGHT:
        raise ValueError(f"give the fewest and the most seconds, 0 to {LONGEST_THOUGHT:.0f}")
    return given


def _answers_any_move(given: dict[MoveKind, tuple[Text, ...]]) -> dict[MoveKind, tuple[Text, ...]]:
    if not given.get("follow_up"):
        raise ValueError(f"follow_up is needed: it serves every move that is not named (moves: {', '.join(get_args(MoveKind))})")
    return given


Sayings = Annotated[tuple[Text, ...], Field(min_length=3)]


class Manner(Value):
    """How one persona is: told to a model that plays it, and the range of seconds that pass before it speaks."""

    manner: Text
    thinks: Annotated[tuple[float, float], AfterValidator(_range)]


class SilentManner(Manner):
    """Sounds, and seldom half a sentence."""

    murmurs: Sayings


class RamblingManner(Manner):
    """Stories that have nothing to do with the problem, and ways back to it."""

    tangents: Sayings
    returns: Sayings


class KeywordManner(Manner):
    """Lists of technologies by section, some for anywhere, and ways to be done."""

    sections: dict[SectionId, Sayings]
    anywhere: Sayings
    done: Sayings


class ArguingManner(Manner):
    """Objections to a move of the interviewer, by its kind, and ways to be done."""

    contests: Annotated[dict[MoveKind, Annotated[tuple[Text, ...], Field(min_length=1)]], AfterValidator(_answers_any_move)]
    done: Sayings


class ClarifyingManner(Manner):
    """Questions that no fact answers, words before a question, and the little that is designed."""

    unanswered: Sayings
    leads: Sayings
    designs: Sayings


class ClockManner(Manner):
    """Thinking aloud, and ways not to stop."""

    musings: Sayings
    endings: Sayings


class Manners(Value):
    """All personas."""

    strong: Manner
    mid: Manner
    weak: Manner
    silent: SilentManner
    rambling: RamblingManner
    keyword_dropper: KeywordManner = Field(alias="keyword-dropper")
    arguing: ArguingManner
    clarifying_everything: ClarifyingManner = Field(alias="clarifying-everything")
    clock_runner: ClockManner = Field(alias="clock-runner")

    def of(self, persona: str) -> Manner:
        """The manner of the persona of this name; ConfigurationError with the list if there is none."""
        if persona not in PERSONAS:
            raise ConfigurationError(f"There is no persona {persona!r}. Known: {', '.join(PERSONAS)}.")
        found: Manner = getattr(self, persona.replace("-", "_"))
        return found


PERSONAS: tuple[str, ...] = tuple(field.alias or name for name, field in Manners.model_fields.items())


def read_manners(root: Path | None = None) -> Manners:
    """The manners of a corpus, or the shipped ones if it has none. CorpusError names file and line."""
    own = (root or SHIPPED) / "candidates" / "personas.yaml"
    found, _ = read_yaml(own if own.is_file() else SHIPPED / "candidates" / "personas.yaml", Manners)
    return found


class Deck:
    """Sayings in an order of chance: none comes twice before all came once."""

    def __init__(self, sayings: Iterable[str], chance: random.Random) -> None:
        self._all, self._chance = list(sayings), chance
        self._left = self._shuffled()

    def draw(self) -> str:
        """The next one; they are shuffled anew when all are used up."""
        if self.used_up:
            self._left = self._shuffled()
        return self._left.pop()

    @property
    def used_up(self) -> bool:
        """Whether all came, so that the next one is a repetition."""
        return not self._left

    def _shuffled(self) -> list[str]:
        return self._chance.sample(self._all, len(self._all))
