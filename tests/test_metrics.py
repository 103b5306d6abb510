"""Figures of a grader against gold: held against scikit-learn where it has them, and defined where it divides by nothing."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, brier_score_loss, cohen_kappa_score, f1_score

from agent.errors import ConfigurationError
from evals.metrics import (
    GIVEN,
    LABELS,
    METRICS,
    accuracy,
    agreement,
    calibration,
    confusion,
    judged,
    kappa,
    macro_f1,
    quadratic_kappa,
)


def drawn(seed: int, items: int = 200, labels: tuple[str, ...] = LABELS) -> tuple[list[str], list[str]]:
    """Labels of a grader that is right two times in three, and gold."""
    generator = np.random.default_rng(seed)
    gold = generator.choice(LABELS, items, p=(0.5, 0.2, 0.3))
    given = np.where(generator.random(items) < 2 / 3, gold, generator.choice(labels, items))
    return given.tolist(), gold.tolist()


def single(gold: list[str]) -> list[tuple[str, ...]]:
    return [(label,) for label in gold]


@pytest.mark.parametrize("seed", range(5))
def test_accuracy_kappa_and_f1_are_those_of_scikit_learn(seed: int) -> None:
    given, gold = drawn(seed)
    counts = confusion(given, single(gold))
    steps = {label: number for number, label in enumerate(LABELS)}
    ordered = cohen_kappa_score([steps[label] for label in given], [steps[label] for label in gold], weights="quadratic")
    assert accuracy(counts) == pytest.approx(accuracy_score(gold, given))
    assert kappa(counts) == pytest.approx(cohen_kappa_score(given, gold))
    assert quadratic_kappa(counts) == pytest.approx(ordered)
    assert macro_f1(counts) == pytest.approx(f1_score(gold, given, average="macro"))


@pytest.mark.parametrize("seed", range(3))
def test_unscored_items_count_as_no_agreement(seed: int) -> None:
    given, gold = drawn(seed, labels=GIVEN)
    counts = confusion(given, single(gold))
    assert "unscored" in given
    assert accuracy(counts) == pytest.approx(accuracy_score(gold, given))
    assert kappa(counts) == pytest.approx(cohen_kappa_score(given, gold))
    assert macro_f1(counts) == pytest.approx(f1_score(gold, given, average="macro", labels=LABELS))


@pytest.mark.parametrize("metric", METRICS)
def test_a_grader_that_falls_silent_where_it_was_right_loses_on_every_metric(metric: str) -> None:
    given, gold = drawn(1)
    silent = ["unscored" if label == truth and number % 3 == 0 else label for number, (label, truth) in enumerate(zip(given, gold, strict=True))]
    score = METRICS[metric]
    assert score(confusion(silent, single(gold))) < score(confusion(given, single(gold)))


def test_coverage_and_the_accuracy_among_judged_tell_silence_from_error() -> None:
    counts = confusion(["met", "met", "unscored", "unscored"], single(["met", "partial", "met", "partial"]))
    found = agreement(counts)
    assert (found.items, found.coverage, found.accuracy, found.accuracy_of_judged) == (4, 0.5, 0.25, 0.5)


def test_accuracy_against_two_people_is_the_mean_of_the_accuracies_against_each() -> None:
    given, first = drawn(2)
    _, second = drawn(3)
    both = confusion(given, list(zip(first, second, strict=True)))
    assert both.sum() == pytest.approx(len(given))
    assert accuracy(both) == pytest.approx((accuracy_score(first, given) + accuracy_score(second, given)) / 2)


def test_a_near_miss_costs_a_quarter_of_a_far_one_in_quadratic_kappa_and_silence_as_much_as_the_far_one() -> None:
    gold = single(["not_observed"] * 4 + ["met"] * 4)
    right = ["not_observed"] * 4 + ["met"] * 3
    near, far, silent = (quadratic_kappa(confusion([*right, last], gold)) for last in ("partial", "not_observed", "unscored"))
    certain = 4 * 4 + 3 * 4  # by chance, the seven right ones cost this, over 8 items; the last one adds its cost against each gold label
    assert near == pytest.approx(1 - 0.25 / ((certain + 8 * 0.25) / 8))
    assert far == pytest.approx(1 - 1 / ((certain + 4) / 8))
    assert silent == pytest.approx(1 - 1 / ((certain + 8) / 8))


def test_every_metric_takes_many_confusions_at_once() -> None:
    tables = [confusion(given, single(gold)) for given, gold in (drawn(seed, 40, GIVEN) for seed in range(6))]
    stacked = np.stack(tables).reshape(2, 3, len(GIVEN), len(LABELS))
    for score in METRICS.values():
        assert score(stacked).ravel() == pytest.approx([float(score(table)) for table in tables])


def test_kappa_is_undefined_when_gold_has_only_one_label() -> None:
    found = agreement(confusion(["met"] * 9 + ["partial"], single(["met"] * 10)))
    assert (found.accuracy, found.kappa, found.quadratic_kappa) == (0.9, None, None)


def test_a_grader_that_always_says_the_same_has_a_kappa_of_zero_against_gold_that_varies() -> None:
    assert kappa(confusion(["met"] * 4, single(["met", "met", "partial", "not_observed"]))) == pytest.approx(0)


def test_a_label_that_nobody_used_is_no_part_of_macro_f1() -> None:
    assert macro_f1(confusion(["met", "not_observed"], single(["met", "not_observed"]))) == 1


def test_what_was_not_judged_has_no_figures_but_its_coverage_and_the_accuracy_that_counts_silence() -> None:
    found = agreement(confusion(["unscored"] * 2, single(["met", "partial"])))
    assert (found.coverage, found.accuracy) == (0, 0)
    assert {found.accuracy_of_judged, found.macro_f1, found.kappa, found.quadratic_kappa, found.bias} == {None}


def test_no_items_have_no_figures_at_all() -> None:
    found = agreement(confusion([], []))
    assert found.items == 0
    assert {found.coverage, found.accuracy, found.accuracy_of_judged, found.macro_f1, found.kappa, found.quadratic_kappa, found.bias} == {None}


def test_bias_is_the_mean_credit_too_much_among_judged() -> None:
    lenient = agreement(confusion(["met", "met", "unscored"], single(["not_observed", "partial", "not_observed"])))
    strict = agreement(confusion(["not_observed", "met"], single(["partial", "met"])))
    assert (lenient.bias, strict.bias) == (0.75, -0.25)


def test_judged_leaves_the_counts_it_was_given_alone() -> None:
    counts = confusion(["unscored"], single(["met"]))
    assert judged(counts).sum() == 0
    assert counts.sum() == 1


@pytest.mark.parametrize(
    ("given", "gold", "words"),
    [
        (["meet"], [("met",)], "'meet' is no label: use not_observed"),
        (["met"], [()], "needs one or more of"),
        (["met"], [("unscored",)], "needs one or more of"),
        (["met"], [], "1 labels for 0 gold"),
    ],
)
def test_labels_that_mean_nothing_are_named(given: list[str], gold: list[tuple[str, ...]], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        confusion(given, gold)


def test_the_brier_score_is_that_of_scikit_learn() -> None:
    generator = np.random.default_rng(4)
    sure, right = generator.random(100), generator.integers(0, 2, 100)
    assert calibration(sure, right).brier == pytest.approx(brier_score_loss(right, sure))


def test_two_people_who_disagree_make_an_item_half_right() -> None:
    assert calibration([0.9], [0.5]).brier == pytest.approx((0.1**2 + 0.9**2) / 2)


def test_the_expected_error_weighs_each_bin_by_its_items() -> None:
    found = calibration([0.95, 0.95, 0.95, 0.15], [1, 1, 0, 0])
    assert [(part.low, part.items, part.right) for part in found.bins] == [(0.1, 1, 0), (0.9, 3, pytest.approx(2 / 3))]
    assert found.expected_error == pytest.approx(3 / 4 * (0.95 - 2 / 3) + 1 / 4 * 0.15)


def test_a_confidence_of_one_falls_into_the_last_bin() -> None:
    assert [(part.low, part.high) for part in calibration([1.0], [1.0]).bins] == [(0.9, 1.0)]


def test_calibration_of_nothing_is_undefined_and_of_impossible_confidences_refused() -> None:
    assert (calibration([], []).brier, calibration([], []).expected_error) == (None, None)
    for sure, right in (([1.2], [1]), ([float("nan")], [1]), ([0.5], [2]), ([0.5, 0.5], [1])):
        with pytest.raises(ConfigurationError, match="from 0 to 1"):
            calibration(sure, right)
