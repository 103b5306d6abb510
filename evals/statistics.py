"""Is one run better than another? Paired statistics of two graders over the same items.

Items of one transcript resemble each other, so a transcript (a cluster) is what is resampled, flipped and counted; not an item. Everything
works on counts per cluster, never on rows. All figures are shares (0.02 is two points); a figure that is not defined is nan.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from math import ceil, isfinite, nan, sqrt
from typing import Literal

import numpy as np
from scipy.special import ndtr, stdtrit  # type: ignore[import-untyped]

from agent.errors import ConfigurationError
from evals.metrics import GIVEN, LABELS, METRICS, Array, gold_columns, row_of

IntervalKind = Literal["expanded", "percentile"]
Outcome = Literal["better", "worse", "no worse than the margin", "undecided"]

DRAWS = 10_000
SEED = 20
ALPHA = 0.05
POWER = 0.8  # four times in five
FEWEST_CLUSTERS = 6  # with five, the smallest two-sided p of a sign flip is 2/32: more than 0.05
TINY = 1e-9


@dataclass(frozen=True, slots=True)
class GradedItem:
    """What one run said of an item. `item` is unique within its cluster; `gold` holds one or more human labels."""

    cluster: str
    item: str
    label: str
    gold: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PairedVerdict:
    """What two runs said of the same item."""

    cluster: str
    item: str
    base: str
    candidate: str
    gold: tuple[str, ...]


@dataclass(frozen=True)
class Interval:
    """A run's figure with the ends of its confidence interval (nan: not defined)."""

    metric: str
    clusters: int
    items: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Comparison:
    """The candidate against the base. `p` is the permutation test's; `adjusted` the one corrected for the family it belongs to, if any."""

    metric: str
    clusters: int
    items: int
    base: float
    candidate: float
    low: float
    high: float
    p: float
    standard_error: float  # of the difference, between clusters
    margin: float
    alpha: float
    adjusted: float | None = None

    @property
    def difference(self) -> float:
        """Candidate minus base."""
        return self.candidate - self.base

    @property
    def outcome(self) -> Outcome:
        """The interval decides; better and worse also want p <= alpha. Too few clusters decide nothing."""
        sure = (self.p if self.adjusted is None else self.adjusted) <= self.alpha
        if self.clusters < FEWEST_CLUSTERS:
            return "undecided"
        if sure and self.low > 0:
            return "better"
        if sure and self.high < 0:
            return "worse"
        return "no worse than the margin" if self.low > -self.margin else "undecided"

    @property
    def detectable(self) -> float:
        """The smallest true difference that such a comparison finds with 80 % power (Bloom 1995: standard error times t + t)."""
        if self.clusters < 2 or not self.standard_error > 0:
            return nan
        freedom = self.clusters - 1
        return self.standard_error * float(stdtrit(freedom, 1 - self.alpha / 2) + stdtrit(freedom, POWER))

    @property
    def more_clusters(self) -> int | None:
        """Clusters of this kind to add, to decide with 80 % power if the true difference is the one seen. 0 if decided; None: no telling."""
        if self.outcome != "undecided":
            return 0
        away = max(abs(self.difference), self.difference + self.margin)  # from a difference of 0 or of the margin, whichever is further
        if not isfinite(self.detectable) or not away > TINY:
            return None
        return max(1, ceil(self.clusters * (self.detectable / away) ** 2) - self.clusters)

    @property
    def sentence(self) -> str:
        """The outcome for people, with the figures it rests on."""
        if self.clusters < FEWEST_CLUSTERS:
            return f"Undecided: {self.clusters} clusters are too few to tell; {FEWEST_CLUSTERS} are needed at least."
        if not isfinite(self.difference) or not isfinite(self.low):
            return f"Undecided: {self.metric} is not defined for these items (nothing was judged, or gold has hardly more than one label)."
        headline = {
            "better": "The candidate is better",
            "worse": "The candidate is worse",
            "no worse than the margin": f"The candidate is no worse than the margin of {self._amount(self.margin)} allows",
            "undecided": "Undecided",
        }[self.outcome]
        p = self.p if self.adjusted is None else self.adjusted
        chance = ("p < 0.001" if p < 0.001 else f"p {p:.3f}") + (", corrected" if self.adjusted is not None else "")
        return (
            f"{headline}: {self.metric} {self.base:.3f} before, {self.candidate:.3f} now, {self._amount(self.difference, '+')} "
            f"({1 - self.alpha:.0%} interval {self._amount(self.low, '+').removesuffix(' points')} to {self._amount(self.high, '+')}; {chance}; "
            f"{self.clusters} clusters).{self._advice()}"
        )

    def _advice(self) -> str:
        if self.outcome != "undecided" or self.more_clusters is None:
            return ""
        return (
            f" A true difference of {self._amount(self.detectable)} would be found four times in five;"
            f" if this one is true, {self.more_clusters} more clusters would settle it as often."
        )

    def _amount(self, value: float, sign: Literal["", "+"] = "") -> str:
        return f"{value:{sign}.3f}" if "kappa" in self.metric else f"{100 * value:{sign}.1f} points"

    def corrected(self, p: float) -> "Comparison":
        """The same comparison, decided by a p-value that was corrected for several comparisons (`holm`)."""
        return replace(self, adjusted=p)


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values corrected for being a family (Holm 1979), in the same order; an undefined one counts as 1.

    Held against alpha, the chance of even one false alarm among them all is at most alpha.
    """
    known = [p if isfinite(p) else 1.0 for p in p_values]
    adjusted, highest = [0.0] * len(known), 0.0
    for rank, place in enumerate(sorted(range(len(known)), key=known.__getitem__)):
        highest = max(highest, min(1.0, (len(known) - rank) * known[place]))
        adjusted[place] = highest
    return adjusted


def pair(base: Sequence[GradedItem], candidate: Sequence[GradedItem]) -> list[PairedVerdict]:
    """Two runs item by item; ConfigurationError unless both have the same items with the same gold."""
    found = {(row.cluster, row.item): row for row in candidate}
    if len(base) != len(candidate) or any((row.cluster, row.item, row.gold) != _key(found.get((row.cluster, row.item))) for row in base):
        raise ConfigurationError("The two runs differ in their items or gold labels: compare runs over the same cases.")
    return [PairedVerdict(row.cluster, row.item, row.label, found[row.cluster, row.item].label, row.gold) for row in base]


def _key(row: GradedItem | None) -> tuple[str, str, tuple[str, ...]] | None:
    return None if row is None else (row.cluster, row.item, row.gold)


def joint_counts(rows: Iterable[PairedVerdict]) -> Array:
    """Items as counts [cluster, base label, candidate label, gold label]; each of n gold labels counts 1/n. Clusters in order of their ids.

    Raises:
        ConfigurationError: No rows, an unknown label, or an item that appears twice.
    """
    rows = list(rows)
    if not rows:
        raise ConfigurationError("There is nothing to compare: no item was given.")
    if len({(row.cluster, row.item) for row in rows}) < len(rows):
        twice = Counter((row.cluster, row.item) for row in rows).most_common(1)[0][0]
        raise ConfigurationError(f"Item {twice[1]!r} of {twice[0]!r} appears twice: give every item once.")
    place = {cluster: number for number, cluster in enumerate(sorted({row.cluster for row in rows}))}
    counts = np.zeros((len(place), len(GIVEN), len(GIVEN), len(LABELS)))
    for (cluster, base, candidate, gold), items in Counter((row.cluster, row.base, row.candidate, row.gold) for row in rows).items():
        for column in gold_columns(gold):
            counts[place[cluster], row_of(base), row_of(candidate), column] += items / len(gold)
    return counts


def compare_paired(
    rows: Iterable[PairedVerdict],
    metric: str = "accuracy",
    margin: float = 0.02,
    draws: int = DRAWS,
    seed: int = SEED,
    alpha: float = ALPHA,
    kind: IntervalKind = "expanded",
) -> Comparison:
    """Whether the candidate is better than the base: difference, interval, p-value.

    Unscored counts as no agreement, for both runs: a grader that is silent where it is unsure must not win by that.

    Args:
        rows: Every item once.
        metric: accuracy, kappa, quadratic_kappa or macro_f1.
        margin: How much worse (a share) would still be acceptable.
        draws: Bootstrap draws, and sign flips where there are too many to try all.
        seed: The same seed and rows give the same figures.
        alpha: One minus the confidence of the interval; also what p is held against.
        kind: "percentile" for the plain interval that others publish; it is too short for few clusters.

    Raises:
        ConfigurationError: An unknown metric, no rows, an unknown label, an item that appears twice, an impossible margin, alpha or draws.
    """
    return compare_counts(joint_counts(rows), metric, margin, draws, seed, alpha, kind)


def compare_counts(
    joint: Array,
    metric: str = "accuracy",
    margin: float = 0.02,
    draws: int = DRAWS,
    seed: int = SEED,
    alpha: float = ALPHA,
    kind: IntervalKind = "expanded",
) -> Comparison:
    """`compare_paired` for those who have the counts already."""
    if not (margin >= 0 and 0 < alpha < 1 and draws > 0):
        raise ConfigurationError(f"Margin {margin}, alpha {alpha}, draws {draws}: a margin is not negative, alpha between 0 and 1, draws 1 or more.")
    pairs = np.stack([joint.sum(axis=2), joint.sum(axis=1)], axis=1)  # [cluster, run, label, gold]
    base, candidate = _score(pairs.sum(axis=0), metric).tolist()
    changes = _change(_resample(pairs, draws, seed), metric)
    low, high = _expanded_percentile(changes, len(pairs), alpha) if kind == "expanded" else _percentile(changes, alpha)
    return Comparison(
        metric=metric,
        clusters=len(pairs),
        items=round(float(joint.sum())),
        base=base,
        candidate=candidate,
        low=low,
        high=high,
        p=_sign_flip_p(pairs, metric, draws, seed),
        standard_error=_jackknife_error(_change(pairs.sum(axis=0) - pairs, metric)),
        margin=margin,
        alpha=alpha,
    )


def agreement_interval(rows: Iterable[GradedItem], metric: str = "accuracy", draws: int = DRAWS, seed: int = SEED, alpha: float = ALPHA) -> Interval:
    """A single run's figure with its interval over clusters; with one annotator as label and another as gold, how far they agree."""
    joint = joint_counts(PairedVerdict(row.cluster, row.item, row.label, row.label, row.gold) for row in rows)
    counts = joint.sum(axis=2)
    low, high = _expanded_percentile(_score(_resample(counts, draws, seed), metric), len(counts), alpha)
    return Interval(metric, len(counts), round(float(counts.sum())), float(_score(counts.sum(axis=0), metric)), low, high)


@dataclass(frozen=True)
class NoiseFloor:
    """How far repeats of one variant differ although nothing was changed. `changed`: mean share of items whose label changes."""

    metric: str
    values: dict[str, float]  # repeat -> its figure
    differences: dict[tuple[str, str], float]  # every two repeats -> later minus earlier
    changed: float

    @property
    def largest(self) -> float:
        """The largest difference, without its sign; one between two variants that is smaller may be nothing but chance. nan if undefined."""
        return float(np.max(np.abs(list(self.differences.values()))))


def noise_floor(runs: Mapping[str, Sequence[GradedItem]], metric: str = "accuracy") -> NoiseFloor:
    """Every repeat against every other; ConfigurationError for fewer than two, or when their items differ."""
    if len(runs) < 2:
        raise ConfigurationError("A noise floor needs two or more repeats of the same variant.")
    values: dict[str, float] = {}
    changed: list[float] = []
    for first, second in combinations(runs, 2):
        counts = joint_counts(pair(runs[first], runs[second])).sum(axis=0)
        values[first], values[second] = (float(_score(counts.sum(axis=axis), metric)) for axis in (1, 0))
        changed.append(1 - float(np.trace(counts).sum() / counts.sum()))
    differences = {(first, second): values[second] - values[first] for first, second in combinations(runs, 2)}
    return NoiseFloor(metric, values, differences, float(np.mean(changed)))


def _score(counts: Array, metric: str) -> Array:
    if metric not in METRICS:
        raise ConfigurationError(f"{metric!r} is no metric: use {', '.join(METRICS)}.")
    return METRICS[metric](counts)


def _change(pairs: Array, metric: str) -> Array:
    scores = _score(pairs, metric)
    return scores[..., 1] - scores[..., 0]


@lru_cache(maxsize=2)
def _weights(clusters: int, draws: int, seed: int) -> Array:
    """How often each cluster is drawn, [draw, cluster]. Kept, because every comparison over as many clusters takes the same draws."""
    drawn = np.random.default_rng(seed).multinomial(clusters, np.full(clusters, 1 / clusters), size=draws)
    return drawn.astype(np.float64)


def _resample(counts: Array, draws: int, seed: int) -> Array:
    """The totals of `draws` samples of clusters, with replacement."""
    return (_weights(len(counts), draws, seed) @ counts.reshape(len(counts), -1)).reshape(draws, *counts.shape[1:])


def _expanded_percentile(values: Array, clusters: int, alpha: float) -> tuple[float, float]:
    """The expanded percentile interval (Hesterberg 2015, "What Teachers Should Know About the Bootstrap", The American Statistician 69:4).

    The plain percentile interval is too short for few clusters: it lacks the factor sqrt(n/(n-1)) and takes z for t. This one reads the
    percentiles Phi(-sqrt(n/(n-1)) t) and 1 minus that. nan with one cluster, or when more than alpha of the draws are undefined.
    """
    defined = values[np.isfinite(values)]
    if clusters < 2 or defined.size < (1 - alpha) * values.size:
        return nan, nan
    level = float(ndtr(sqrt(clusters / (clusters - 1)) * stdtrit(clusters - 1, alpha / 2)))
    low, high = _mid_quantiles(defined, (level, 1 - level))
    return low, high


def _percentile(values: Array, alpha: float) -> tuple[float, float]:
    """The plain percentile interval (Efron 1979); nan when more than alpha of the draws are undefined."""
    defined = values[np.isfinite(values)]
    if defined.size < (1 - alpha) * values.size:
        return nan, nan
    low, high = np.quantile(defined, [alpha / 2, 1 - alpha / 2]).tolist()
    return low, high


def _mid_quantiles(values: Array, levels: tuple[float, ...]) -> list[float]:
    """Quantiles of the mid-distribution function (Ma, Genton & Parzen 2011), linear between the values that occur.

    Few items make draws fall on few values; an ordinary quantile then jumps a whole step from seed to seed.
    """
    found, times = np.unique(values.round(12), return_counts=True)
    quantiles: list[float] = np.interp(levels, (times.cumsum() - times / 2) / values.size, found).tolist()
    return quantiles


def _jackknife_error(left_out: Array) -> float:
    """Standard error from the figures with one cluster left out each."""
    clusters = len(left_out)
    return sqrt((clusters - 1) ** 2 / clusters * float(np.var(left_out, ddof=1))) if clusters > 1 else nan


def _sign_flip_p(pairs: Array, metric: str, draws: int, seed: int) -> float:
    """Two-sided p of the permutation test in which base and candidate change places, cluster by cluster.

    Clusters in which both runs have the same counts change nothing and are left out. All flips are tried when they are no more than
    `draws`; else some are drawn, and the one observed is counted with them (Phipson & Smyth 2010), so that p is never 0.
    """
    halves = (pairs[:, 0] - pairs[:, 1]) / 2
    halves = halves[np.abs(halves).max(axis=(1, 2)) > TINY]
    observed = abs(float(_change(pairs.sum(axis=0), metric)))
    if not isfinite(observed):
        return nan
    if not len(halves):
        return 1.0
    exact = 2 ** (len(halves) - 1) <= draws
    signs = _all_flips(len(halves)) if exact else _some_flips(len(halves), draws, seed)
    swing = (signs @ halves.reshape(len(halves), -1)).reshape(-1, *halves.shape[1:])
    middle = pairs.sum(axis=(0, 1)) / 2
    extreme = ~(np.abs(_change(np.stack([middle + swing, middle - swing], axis=1), metric)) < observed - TINY)
    return float(extreme.mean()) if exact else (1 + int(extreme.sum())) / (1 + draws)


def _all_flips(clusters: int) -> Array:
    """Every pattern of signs, up to turning all at once, which leaves a two-sided test the same."""
    patterns = np.arange(2 ** (clusters - 1))[:, None] >> np.arange(clusters)
    return np.where(patterns & 1, -1.0, 1.0)


def _some_flips(clusters: int, draws: int, seed: int) -> Array:
    return np.where(np.random.default_rng(seed).integers(0, 2, size=(draws, clusters)), -1.0, 1.0)
