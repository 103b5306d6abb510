"""`python -m evals.simulation`: do the intervals keep their promise? Verdicts with a known truth, compared a thousand times.

Transcripts differ: each draws its own difficulty (the base's accuracy), and its own shares of right verdicts that the candidate loses and
of wrong ones that it gains, all from beta distributions. Their means are set, so the true difference is known exactly.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

import numpy as np
from rich.console import Console
from rich.table import Table

from agent.errors import ConfigurationError
from evals.metrics import GIVEN, LABELS, METRICS, Array
from evals.statistics import Comparison, compare_counts

GOLD = (0.4, 0.25, 0.35)  # how often each of LABELS is the truth
LOST = 0.1  # mean share of the base's right verdicts that the candidate gets wrong
ALIKE = 8.0  # a + b of each beta distribution: the smaller, the more transcripts differ (8: a standard deviation of 0.15 at an accuracy of 0.7)
SHAPES = tuple((clusters, items) for clusters in (12, 24, 89) for items in ((9, 9), (9, 100)))
DIFFERENCES = (0.0, 0.03, 0.07)


@dataclass(frozen=True)
class Design:
    """A kind of comparison: clusters, fewest and most items in one (uniform between), the base's accuracy, the candidate's true lead in it."""

    clusters: int
    items: tuple[int, int] = (9, 100)
    accuracy: float = 0.7
    difference: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.gained < 1:
            raise ConfigurationError(f"A lead of {self.difference} over an accuracy of {self.accuracy} is out of reach: choose a smaller one.")

    @property
    def gained(self) -> float:
        """Mean share of the base's wrong verdicts that the candidate gets right, for the difference to come true."""
        return (self.difference + self.accuracy * LOST) / (1 - self.accuracy)


@dataclass(frozen=True)
class Coverage:
    """What came of many comparisons: shares of intervals that held the truth, of outcomes, and the mean width of the interval."""

    design: Design
    truth: float
    held: float
    better: float
    worse: float
    width: float


def truth(design: Design, metric: str) -> float:
    """The true difference in a metric, from the expected counts; for accuracy it is the design's."""
    shares = np.array([design.accuracy, LOST, design.gained])
    expected = _cells(shares).reshape(len(GIVEN), len(GIVEN), len(LABELS))
    score = METRICS[metric]
    return float(score(expected.sum(axis=0)) - score(expected.sum(axis=1)))


def simulate(design: Design, generator: np.random.Generator) -> Array:
    """The joint counts [cluster, base label, candidate label, gold label] of one evaluation."""
    means = np.array([design.accuracy, LOST, design.gained])
    shares = generator.beta(ALIKE * means, ALIKE * (1 - means), size=(design.clusters, 3))
    items = generator.integers(design.items[0], design.items[1], size=design.clusters, endpoint=True)
    counts = generator.multinomial(items, _cells(shares))
    return counts.reshape(design.clusters, len(GIVEN), len(GIVEN), len(LABELS)).astype(np.float64)


def comparisons(design: Design, simulations: int, draws: int, metric: str = "accuracy", seed: int = 20) -> Iterator[Comparison]:
    """Independent evaluations of the same design, compared."""
    generator = np.random.default_rng(seed)
    for _ in range(simulations):
        yield compare_counts(simulate(design, generator), metric, draws=draws)


def coverage(design: Design, simulations: int = 1000, draws: int = 1000, metric: str = "accuracy", seed: int = 20) -> Coverage:
    """How often the interval holds the true difference, and how often each side is called the better one."""
    found, true = list(comparisons(design, simulations, draws, metric, seed)), truth(design, metric)
    return Coverage(
        design=design,
        truth=true,
        held=float(np.mean([result.low <= true <= result.high for result in found])),
        better=float(np.mean([result.outcome == "better" for result in found])),
        worse=float(np.mean([result.outcome == "worse" for result in found])),
        width=float(np.mean([result.high - result.low for result in found])),
    )


def _cells(shares: Array) -> Array:
    """Probabilities of the joint cells [..., base x candidate x gold] for shares [..., (base right, of it lost, of the rest gained)].

    A wrong verdict is one of the two other labels, with equal chance; two wrong ones fall independently.
    """
    right, lost, gained = np.moveaxis(shares, -1, 0)
    never = np.zeros((len(GIVEN) - len(LABELS), len(LABELS)))  # what is no verdict does not occur
    hit = np.vstack([np.eye(len(LABELS)), never])  # [label, gold]
    miss = np.vstack([(1 - np.eye(len(LABELS))) / (len(LABELS) - 1), never])
    kinds = ((right * (1 - lost), hit, hit), (right * lost, hit, miss), ((1 - right) * gained, miss, hit), ((1 - right) * (1 - gained), miss, miss))
    cells = sum(np.multiply.outer(chance, base[:, None, :] * candidate[None, :, :] * np.array(GOLD)) for chance, base, candidate in kinds)
    return np.asarray(cells).reshape(*right.shape, -1)


def main(arguments: list[str]) -> int:
    """Print a row per design."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--metric", choices=METRICS, default="accuracy")
    chosen = parser.parse_args(arguments)
    chance = 196 * sqrt(0.95 * 0.05 / chosen.simulations)
    table = Table(title=f"{chosen.metric}, {chosen.simulations} evaluations a row; a coverage of 95 % shows as 95 ± {chance:.1f}")
    for name in ("clusters", "items each", "true difference", "interval holds it", "better", "worse", "mean width"):
        table.add_column(name, justify="right")
    for (clusters, items), difference in [(shape, difference) for shape in SHAPES for difference in DIFFERENCES]:
        row = coverage(Design(clusters, items, difference=difference), chosen.simulations, chosen.draws, chosen.metric)
        sizes = str(items[0]) if items[0] == items[1] else f"{items[0]} to {items[1]}"
        shares = (f"{100 * share:.1f} %" for share in (row.held, row.better, row.worse))
        table.add_row(str(clusters), sizes, f"{row.truth:+.3f}", *shares, f"{row.width:.3f}")
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
