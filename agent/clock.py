"""Clocks and the arithmetic of time budgets. A clock gives seconds; only differences mean anything."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent.schema import Section

STANDARD_MINUTES = 45.0  # the length that the framework's minutes are written for
SHORTEST, LONGEST = 15.0, 90.0  # minutes an interview can be set to
HALF_AT = 0.5  # share of a section's time after which the interviewer says where we are
NUDGE_AT = 0.75  # ... and how much is left
LONG_SECTION = 240.0  # seconds: in a shorter section the half is no news
SHORT_SECTION = 60.0  # ... and in a shorter one than this "a few seconds left" helps nobody
MOST_BORROWED = 0.2  # share of the next section's time that a thought may take to its end
LEAST_FLEXIBLE = 90.0  # seconds below which a section "as time allows" is not worth opening beside a more valuable one


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        ...


class SystemClock:
    """The server's clock (wall time, so that a stored moment means the same after a restart)."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()


@dataclass
class ManualClock:
    """A clock that moves only when told to: for `play`, the evals and tests."""

    seconds: float = 0.0

    def now(self) -> float:
        """The seconds it was set to."""
        return self.seconds

    def advance(self, seconds: float) -> None:
        """Move forward."""
        self.seconds += seconds


@dataclass(frozen=True)
class TimeBudget:
    """How an interview's length is divided over its sections.

    Sections with minutes get them scaled to the chosen length. What they leave is shared evenly by the sections "as
    time allows"; those are settled when they open, because they get what is really left then.
    """

    total: float  # seconds
    planned: dict[str, float] = field(default_factory=dict)  # section id -> seconds, in order
    flexible: frozenset[str] = frozenset()  # the sections "as time allows"

    def on_opening(self, section_id: str, elapsed: float, borrowed: float = 0.0) -> float:
        """Seconds that this section gets when it opens after `elapsed` seconds of the interview; `borrowed` were taken from it before."""
        left = max(0.0, self.total - elapsed)
        if section_id not in self.flexible:
            return max(0.0, min(self.planned[section_id] - borrowed, left))
        order = list(self.planned)
        following = order[order.index(section_id) :]
        reserved = sum(self.planned[other] for other in following if other not in self.flexible)
        rest = max(0.0, left - reserved)
        sharing = sum(1 for other in following if other in self.flexible)
        return rest / max(1, min(sharing, int(rest // LEAST_FLEXIBLE)))


def divide(sections: Sequence[Section], minutes: float) -> TimeBudget:
    """The budget of an interview of `minutes` over these sections.

    The framework's fixed minutes add up to less than 45; the rest of 45 belongs to the sections without minutes. An
    interview over some of the sections only (a practice of two) gets the whole length scaled to those.
    """
    fixed = sum(section.minutes or 0.0 for section in sections)
    flexible = [section.id for section in sections if section.minutes is None]
    share = max(STANDARD_MINUTES - fixed, 2.0 * len(flexible)) / len(flexible) if flexible else 0.0
    if flexible and fixed < STANDARD_MINUTES / 2:  # a short selection: no section gets an outsized rest
        share = min(share, 5.0)
    whole = fixed + share * len(flexible)
    scale = minutes / whole
    planned = {section.id: 60.0 * scale * (section.minutes if section.minutes is not None else share) for section in sections}
    return TimeBudget(60.0 * minutes, planned, frozenset(flexible))


def spoken(seconds: float) -> str:
    """Time left, as a person says it: "about 2 minutes", "half a minute"."""
    if seconds >= 90:
        return f"about {round(seconds / 60)} minutes"
    if seconds >= 45:
        return "about a minute"
    return "about half a minute" if seconds >= 20 else "a few seconds"


def as_clock(seconds: float) -> str:
    """Time as the page shows it: "3:12"."""
    whole = max(0, int(seconds))
    return f"{whole // 60}:{whole % 60:02d}"
