"""How far a grader's labels agree with the human ones: pure arithmetic on confusion counts.

A confusion is an array [..., given label, gold label] in the order of GIVEN and LABELS. Leading axes (clusters, bootstrap draws, runs)
pass through, so that ten thousand draws cost one call. An undefined figure is nan in the arrays and None in `Agreement`, never 0.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from agent.errors import ConfigurationError
from agent.scoring import CREDIT

Array = NDArray[np.float64]

LABELS = ("not_observed", "partial", "met")  # what gold can say, in order
GIVEN = (*LABELS, "unclear", "unscored")  # what a grader can say; the last two are no verdict
ROW = {label: number for number, label in enumerate(GIVEN)}
COLUMN = {label: number for number, label in enumerate(LABELS)}
NOTHING = 1e-9  # counts below this are rounding: an item with three gold labels counts in thirds

_STEPS = np.arange(len(LABELS))
_CREDITS = np.array([CREDIT[label] for label in LABELS])
# Cost of each cell, 0 (agree) to 1 (furthest apart). What is no verdict agrees with nothing.
_NONE = np.ones((len(GIVEN) - len(LABELS), len(LABELS)))
_NOMINAL = np.vstack([1.0 - np.eye(len(LABELS)), _NONE])
_QUADRATIC = np.vstack([(np.subtract.outer(_STEPS, _STEPS) / (len(LABELS) - 1)) ** 2, _NONE])


def confusion(given: Sequence[str], gold: Sequence[tuple[str, ...]]) -> Array:
    """Counts of items, [given label, gold label]. Each of an item's n gold labels counts 1/n.

    Accuracy against two humans is thereby the mean of the accuracies against each.

    Raises:
        ConfigurationError: An unknown label, an item without gold, or lists of different length.
    """
    if len(given) != len(gold):
        raise ConfigurationError(f"There are {len(given)} labels for {len(gold)} gold labels: give one for each item.")
    counts = np.zeros((len(GIVEN), len(LABELS)))
    for label, golds in zip(given, gold, strict=True):
        for column in gold_columns(golds):
            counts[row_of(label), column] += 1 / len(golds)
    return counts


def row_of(label: str) -> int:
    """The place of a grader's label; ConfigurationError names an unknown one."""
    if label not in ROW:
        raise ConfigurationError(f"{label!r} is no label: use {', '.join(GIVEN)}.")
    return ROW[label]


def gold_columns(gold: tuple[str, ...]) -> list[int]:
    """The places of an item's gold labels; ConfigurationError if there is none, or an unknown one."""
    if not gold or any(label not in COLUMN for label in gold):
        raise ConfigurationError(f"Gold is {gold!r}: an item needs one or more of {', '.join(LABELS)}.")
    return [COLUMN[label] for label in gold]


def judged(counts: Array) -> Array:
    """The same counts without what the grader left unclear or unscored: `accuracy(judged(counts))` is the accuracy among judged."""
    return np.concatenate([counts[..., : len(LABELS), :], np.zeros_like(counts[..., len(LABELS) :, :])], axis=-2)


def coverage(counts: Array) -> Array:
    """Share of the items that the grader judged at all."""
    return _ratio(_total(judged(counts)), _total(counts))


def accuracy(counts: Array) -> Array:
    """Share of agreement; unscored counts as none."""
    return _ratio(_agreed(counts).sum(axis=-1), _total(counts))


def kappa(counts: Array) -> Array:
    """Cohen's kappa (1960): agreement beyond what the two label distributions give by chance. Unscored counts as no agreement.

    nan where gold has only one label (kappa is then 0 however well the grader does) or nothing was judged. A grader that
    always says the same against gold that varies has a kappa of 0, and deserves it.
    """
    return _weighted_kappa(counts, _NOMINAL)


def quadratic_kappa(counts: Array) -> Array:
    """Kappa in which a miss by one label costs a quarter of a miss by two (Cohen 1968); unscored costs as much as two. nan as in `kappa`."""
    return _weighted_kappa(counts, _QUADRATIC)


def macro_f1(counts: Array) -> Array:
    """Mean F1 of the labels that occur in gold or were given; unscored is a miss of the gold label. nan where nothing was judged."""
    given, gold = counts[..., : len(LABELS), :].sum(axis=-1), counts.sum(axis=-2)
    occurs = given + gold > NOTHING
    scores = np.where(occurs, 2 * _agreed(counts) / np.where(occurs, given + gold, 1.0), 0.0)
    return np.where(given.sum(axis=-1) > NOTHING, _ratio(scores.sum(axis=-1), occurs.sum(axis=-1)), np.nan)


def bias(counts: Array) -> Array:
    """Mean credit given minus the mean credit of gold (-1 to 1) among judged: above 0 the grader is lenient."""
    over = np.subtract.outer(_CREDITS, _CREDITS)
    return _ratio((counts[..., : len(LABELS), :] * over).sum(axis=(-2, -1)), _total(judged(counts)))


METRICS: dict[str, Callable[[Array], Array]] = {
    "accuracy": accuracy,
    "kappa": kappa,
    "quadratic_kappa": quadratic_kappa,
    "macro_f1": macro_f1,
    "accuracy_of_judged": lambda counts: accuracy(judged(counts)),
    "kappa_of_judged": lambda counts: kappa(judged(counts)),
    "macro_f1_of_judged": lambda counts: macro_f1(judged(counts)),
}


@dataclass(frozen=True)
class Agreement:
    """One grader against gold. What is no verdict (unclear, unscored) agrees with nothing, except in `..._of_judged` and `bias`, which leave it
    out; None: not defined for these items."""

    items: int
    coverage: float | None
    accuracy: float | None
    accuracy_of_judged: float | None
    macro_f1: float | None
    macro_f1_of_judged: float | None
    kappa: float | None
    kappa_of_judged: float | None
    quadratic_kappa: float | None
    bias: float | None


def agreement(counts: Array) -> Agreement:
    """All figures of one confusion."""
    return Agreement(
        items=round(float(counts.sum())),
        coverage=_plain(coverage(counts)),
        accuracy=_plain(accuracy(counts)),
        accuracy_of_judged=_plain(accuracy(judged(counts))),
        macro_f1=_plain(macro_f1(counts)),
        macro_f1_of_judged=_plain(macro_f1(judged(counts))),
        kappa=_plain(kappa(counts)),
        kappa_of_judged=_plain(kappa(judged(counts))),
        quadratic_kappa=_plain(quadratic_kappa(counts)),
        bias=_plain(bias(counts)),
    )


@dataclass(frozen=True)
class ConfidenceBin:
    """Items whose confidence lies from `low` to `high`: their mean confidence, and the share that was right."""

    low: float
    high: float
    items: int
    confidence: float
    right: float


@dataclass(frozen=True)
class Calibration:
    """Whether confidences mean what they say.

    `brier`: mean squared distance between confidence and being right (Brier 1950), 0 is best. `expected_error`: mean distance between a
    bin's confidence and its share right, weighted by items (Naeini et al. 2015). None when no item was judged.
    """

    brier: float | None
    expected_error: float | None
    bins: tuple[ConfidenceBin, ...]


def calibration(confidences: ArrayLike, right: ArrayLike, bins: int = 10) -> Calibration:
    """Calibration of judged items: `confidences` 0 to 1, and for each the share of its gold labels that it agrees with (0 to 1).

    Raises:
        ConfigurationError: Lists of different length, or a value outside 0 to 1.
    """
    sure, hit = np.asarray(confidences, dtype=float), np.asarray(right, dtype=float)
    if sure.shape != hit.shape or not all(((values >= 0) & (values <= 1)).all() for values in (sure, hit)):
        raise ConfigurationError("Calibration needs a confidence and a share right for each item, both from 0 to 1.")
    if not sure.size:
        return Calibration(None, None, ())
    places = np.minimum((sure * bins).astype(int), bins - 1)
    found = tuple(_bin(place, bins, sure[places == place], hit[places == place]) for place in np.unique(places).tolist())
    error = sum(part.items * abs(part.confidence - part.right) for part in found) / sure.size
    brier = float(np.mean(hit * (1 - sure) ** 2 + (1 - hit) * sure**2))
    return Calibration(brier, error, found)


def _bin(place: int, bins: int, sure: Array, hit: Array) -> ConfidenceBin:
    return ConfidenceBin(place / bins, (place + 1) / bins, sure.size, float(sure.mean()), float(hit.mean()))


def _weighted_kappa(counts: Array, costs: Array) -> Array:
    given, gold, total = counts.sum(axis=-1), counts.sum(axis=-2), _total(counts)
    by_chance = _ratio((given[..., :, None] * gold[..., None, :] * costs).sum(axis=(-2, -1)), total)
    value = 1.0 - _ratio((counts * costs).sum(axis=(-2, -1)), by_chance)
    defined = ((gold > NOTHING).sum(axis=-1) > 1) & (_total(judged(counts)) > NOTHING)
    return np.where(defined, value, np.nan)


def _agreed(counts: Array) -> Array:
    return np.diagonal(counts[..., : len(LABELS), :], axis1=-2, axis2=-1)


def _total(counts: Array) -> Array:
    return np.asarray(counts.sum(axis=(-2, -1)))


def _ratio(above: Array, below: Array) -> Array:
    defined = below > NOTHING
    return np.where(defined, above / np.where(defined, below, 1.0), np.nan)


def _plain(value: Array) -> float | None:
    return None if np.isnan(value) else float(value)
