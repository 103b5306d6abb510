"""What a session yields while an interview goes on: the only contract between the core and the page."""

from dataclasses import dataclass

from agent.schema import Scorecard, SectionResult, Turn


@dataclass(frozen=True)
class Token:
    """Words of the utterance that is being spoken."""

    text: str


@dataclass(frozen=True)
class Restarted:
    """Forget the words streamed so far: the utterance begins anew."""


@dataclass(frozen=True)
class TurnAdded:
    """A turn is complete and kept; `notice` tells why the model did not say it."""

    turn: Turn
    notice: str | None = None


@dataclass(frozen=True)
class SectionChanged:
    """A section opened."""

    section: str
    seconds: float


@dataclass(frozen=True)
class Graded:
    """A section's result arrived."""

    result: SectionResult


@dataclass(frozen=True)
class ScorecardReady:
    """The interview is over and every section is graded or marked."""

    card: Scorecard


Update = Token | Restarted | TurnAdded | SectionChanged | Graded | ScorecardReady
