"""The geometry of the plots: what goes where, in shares of the axis (0 to 1). The templates draw it."""

from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

from evals.metrics import Calibration
from evals.run import Run
from evals.statistics import Comparison, NoiseFloor

LABEL_ROOM = 0.8  # share of the axis; the rest is room for the words beside zero and beside the margin


@dataclass(frozen=True)
class Tick:
    """A labelled place of an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class IntervalPlot:
    """A difference with its interval, against zero and the margin. `noise`: the ends of what repeats differ by, if that is known."""

    low: float
    middle: float
    high: float
    zero: float
    margin: float
    ticks: tuple[Tick, ...]
    noise: tuple[float, float] | None


def interval_plot(found: Comparison, noise: NoiseFloor | None) -> IntervalPlot | None:
    """None when the difference or its interval is not defined."""
    if not all(map(isfinite, (found.low, found.high, found.difference))):
        return None
    largest = noise.largest if noise and isfinite(noise.largest) else None
    marks = [found.low, found.high, found.difference, 0.0, -found.margin, *([] if largest is None else [-largest, largest])]
    room = 0.08 * (max(marks) - min(marks)) or 0.01
    first, last = min(marks) - room, max(marks) + room
    last = max(last, first * (1 - 1 / LABEL_ROOM))  # so that zero is no further right than LABEL_ROOM of the axis
    first = min(first, (-found.margin - (1 - LABEL_ROOM) * last) / LABEL_ROOM)  # nor the margin further left than what that leaves

    def at(value: float) -> float:
        return (value - first) / (last - first)

    points = "kappa" not in found.metric
    ticks = tuple(
        Tick(at(value), f"{100 * value:+.3g}" if points and value else f"{value:+.3g}" if value else "0") for value in nice_ticks(first, last)
    )
    band = None if largest is None else (at(-largest), at(largest))
    return IntervalPlot(at(found.low), at(found.difference), at(found.high), at(0.0), at(-found.margin), ticks, band)


def nice_ticks(first: float, last: float, most: int = 6) -> list[float]:
    """Round values between two: steps of 1, 2 or 5 times a power of ten, at most `most` of them."""
    size = 10 ** floor(log10((last - first) / most))
    step = next(step for step in (size, 2 * size, 5 * size, 10 * size, 20 * size) if floor(last / step) - ceil(first / step) < most)
    return [round(n * step, 12) + 0.0 for n in range(ceil(first / step), floor(last / step) + 1)]


@dataclass(frozen=True)
class Dot:
    """A point of a square plot; `size` is a radius in its units, of which the square has 240."""

    x: float
    y: float
    size: float = 3.2


def score_dots(run: Run) -> list[Dot]:
    """Section scores: gold across, graded upwards."""
    return [Dot(one.gold / 100, one.score / 100) for one in run.section_scores if one.score is not None and one.gold is not None]


def calibration_dots(found: Calibration) -> list[Dot]:
    """Confidence across, share right upwards; a dot grows with its verdicts."""
    most = max((one.items for one in found.bins), default=1)
    return [Dot(one.confidence, one.right, 3 + 9 * (one.items / most) ** 0.5) for one in found.bins]
