"""Paired comparisons: known figures of real verdicts, known truth of simulated ones, and what must not decide anything."""

from collections.abc import Callable
from dataclasses import replace
from math import isnan, sqrt
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import permutation_test, t  # type: ignore[import-untyped]

import evals
from agent.errors import ConfigurationError
from evals.labels import LabelError, LabelTable, read_labels
from evals.metrics import METRICS
from evals.simulation import Design, coverage, main, simulate, truth
from evals.statistics import Comparison, GradedItem, PairedVerdict, agreement_interval, compare_counts, compare_paired, holm, noise_floor, pair

PHYSICS = Path(evals.__file__).parent / "examples" / "physics" / "verdicts.csv"
GPT35 = ("gpt35_naive_cot_1", "gpt35_detailed_compare")
GPT4 = ("gpt4_naive_cot_1", "gpt4_detailed_compare")
FORCED = ("gpt4_detailed_compare", "gpt4_forced_compare")
REPEATS = tuple(f"gpt4_detailed_run{number}" for number in range(1, 6))


@pytest.fixture(scope="module")
def physics() -> LabelTable:
    return read_labels(PHYSICS)


def clusters(*shares: tuple[int, int], items: int = 10) -> list[PairedVerdict]:
    """A cluster for each (items that the base has right, items that the candidate has right)."""
    return [
        PairedVerdict(f"c{number}", str(item), "met" if item < base else "partial", "met" if item < candidate else "partial", ("met",))
        for number, (base, candidate) in enumerate(shares)
        for item in range(items)
    ]


# --- real verdicts ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("runs", "difference", "low", "high", "outcome"),
    [(GPT35, 7.1, 2.2, 12.0, "better"), (GPT4, 1.5, -2.2, 4.9, "undecided"), (FORCED, -2.2, -6.0, 1.5, "undecided")],
)
def test_the_known_figures_of_the_physics_verdicts_come_out(
    physics: LabelTable, runs: tuple[str, str], difference: float, low: float, high: float, outcome: str
) -> None:
    found = compare_paired(physics.paired(*runs))
    assert (found.clusters, found.items, found.outcome) == (89, 267, outcome)
    assert 100 * found.difference == pytest.approx(difference, abs=0.1)
    assert 100 * found.low == pytest.approx(low, abs=0.3)
    assert 100 * found.high == pytest.approx(high, abs=0.3)


@pytest.mark.parametrize(("runs", "low", "high"), [(GPT35, 2.2, 12.0), (GPT4, -2.2, 4.9)])
def test_the_plain_interval_is_the_published_one(physics: LabelTable, runs: tuple[str, str], low: float, high: float) -> None:
    found = compare_paired(physics.paired(*runs), kind="percentile")
    assert (100 * found.low, 100 * found.high) == pytest.approx((low, high), abs=0.05)


@pytest.mark.parametrize("runs", [GPT35, GPT4, FORCED])
def test_the_interval_is_that_of_all_possible_resamples(physics: LabelTable, runs: tuple[str, str]) -> None:
    """The bootstrap distribution of a sum is a convolution, so it is known without drawing; no seed is part of it.

    For GPT-4o's forced_compare a low end of -5.6 has been quoted. It is one step of the possible values (0.37 points) too high, which
    a plain percentile of 10,000 draws gives for one seed in sixteen: 2.8 % of all resamples lie at -6.0 or below.
    """
    found, halves = compare_paired(physics.paired(*runs)), sums_of_halves(physics, runs)
    values, chances = convolved(halves)
    level = 0.022828565608  # Phi(-sqrt(89 / 88) t), t the 2.5 % quantile with 88 degrees of freedom
    low, high = np.interp([level, 1 - level], chances.cumsum() - chances / 2, values / (2 * found.items))
    assert [100 * found.low, 100 * found.high] == pytest.approx([100 * low, 100 * high], abs=0.2)


def sums_of_halves(physics: LabelTable, runs: tuple[str, str]) -> list[int]:
    """Per answer: twice the sum of what the candidate gains over the base, each of two people counting a half."""
    sums: dict[str, int] = {}
    for row in physics.paired(*runs):
        gain = sum((row.candidate == gold) - (row.base == gold) for gold in row.gold)
        sums[row.cluster] = sums.get(row.cluster, 0) + gain
    return list(sums.values())


def convolved(sums: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """The values that a resample of these sums can take, and the chance of each."""
    least = min(sums)
    one = np.bincount(np.array(sums) - least) / len(sums)
    chances = np.ones(1)
    for _ in sums:
        chances = np.convolve(chances, one)
    values = np.arange(len(chances)) + len(sums) * least
    return values[chances > 1e-12], chances[chances > 1e-12]


def test_the_two_people_of_the_physics_verdicts_agree_with_a_kappa_of_0_80(physics: LabelTable) -> None:
    found = agreement_interval(physics.graded("human1"), "kappa")
    assert found.value == pytest.approx(0.80, abs=0.005)
    assert 0.70 < found.low < found.value < found.high < 0.90
    assert agreement_interval(physics.graded("human2", against="human1"), "kappa").value == pytest.approx(found.value)


def test_five_repeats_of_one_prompt_differ_by_up_to_one_and_a_half_points(physics: LabelTable) -> None:
    floor = noise_floor({run: physics.graded(run) for run in REPEATS})
    assert len(floor.differences) == 10
    assert 100 * floor.largest == pytest.approx(1.5, abs=0.1)
    assert 100 * floor.values["gpt4_detailed_run4"] == pytest.approx(90.4, abs=0.1)
    assert floor.differences["gpt4_detailed_run3", "gpt4_detailed_run4"] == pytest.approx(floor.largest)
    assert 100 * floor.changed == pytest.approx(5.6, abs=0.1)


def test_two_repeats_of_one_prompt_are_never_told_apart(physics: LabelTable) -> None:
    outcomes = {compare_paired(physics.paired(a, b)).outcome for a in REPEATS for b in REPEATS if a != b}
    assert not outcomes & {"better", "worse"}


@pytest.mark.parametrize("metric", METRICS)
def test_base_and_candidate_changing_places_turns_everything_round(physics: LabelTable, metric: str) -> None:
    there, back = compare_paired(physics.paired(*GPT35), metric), compare_paired(physics.paired(*reversed(GPT35)), metric)
    assert (there.outcome, back.outcome) == ("better", "worse")
    assert [back.low, back.high] == pytest.approx([-there.high, -there.low])
    assert back.p == pytest.approx(there.p)


def test_the_same_seed_gives_the_same_figures_whatever_the_order_of_rows(physics: LabelTable) -> None:
    rows = physics.paired(*GPT4)
    assert compare_paired(rows) == compare_paired(rows[::-1])
    assert compare_paired(rows, seed=1).low != compare_paired(rows).low


# --- interval, p-value, outcome ----------------------------------------------------------------------------------


def test_with_twelve_clusters_the_interval_is_as_wide_as_that_of_a_t_distribution() -> None:
    """The plain percentile interval would be 15 % shorter here."""
    gains = (0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10)
    found = compare_paired(clusters(*((40, 40 + gain) for gain in gains), items=100))
    half = t.ppf(0.975, 11) * np.std(gains, ddof=1) / 100 / sqrt(12)
    assert found.standard_error == pytest.approx(np.std(gains, ddof=1) / 100 / sqrt(12))
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.03)


def test_the_exact_p_is_that_of_scipy() -> None:
    gains = (1, 2, -1, 3, 2, 1, 4, 0, 0, 2)
    found = compare_paired(clusters(*((5, 5 + gain) for gain in gains)))
    wanted = permutation_test((np.array(gains), np.zeros(10)), lambda a, b: np.mean(a) - np.mean(b), permutation_type="samples", n_resamples=np.inf)
    assert found.p == pytest.approx(wanted.pvalue)


def test_a_sampled_p_is_near_the_exact_one_and_never_zero() -> None:
    rows = clusters(*((5, 5 + gain) for gain in (1, 2, -1, 3, 2, 1, 4, -2, 1, 2)))
    exact, sampled = compare_paired(rows).p, compare_paired(rows, draws=500).p
    assert sampled != exact
    assert sampled == pytest.approx(exact, abs=0.02)
    assert compare_paired(clusters(*[(5, 7)] * 40), draws=99).p == 0.01


def test_clusters_in_which_nothing_changed_do_not_move_the_p_value() -> None:
    changed = [(5, 7)] * 8
    assert compare_paired(clusters(*changed, *[(5, 5)] * 30)).p == compare_paired(clusters(*changed)).p == 2 / 2**8


@pytest.mark.parametrize(
    ("low", "high", "p", "outcome"),
    [
        (0.01, 0.05, 0.02, "better"),
        (0.01, 0.05, 0.06, "no worse than the margin"),
        (-0.05, -0.01, 0.02, "worse"),
        (-0.015, -0.01, 0.02, "worse"),
        (-0.015, -0.01, 0.06, "no worse than the margin"),
        (-0.05, -0.01, 0.06, "undecided"),
        (-0.019, 0.03, 0.5, "no worse than the margin"),
        (-0.021, 0.03, 0.5, "undecided"),
    ],
)
def test_the_interval_decides_and_a_difference_also_wants_a_small_p(low: float, high: float, p: float, outcome: str) -> None:
    found = Comparison("accuracy", 24, 240, 0.7, 0.7 + (low + high) / 2, low, high, p, 0.01, 0.02, 0.05)
    assert found.outcome == outcome
    assert replace(found, p=0.001).corrected(p).outcome == outcome


def test_five_clusters_decide_nothing_however_clear_they_look() -> None:
    few, enough = compare_paired(clusters(*[(2, 9)] * 5)), compare_paired(clusters(*[(2, 9), (2, 8)] * 3))
    assert (few.outcome, enough.outcome) == ("undecided", "better")
    assert "5 clusters are too few" in few.sentence


def test_one_cluster_has_a_difference_but_no_interval() -> None:
    found = compare_paired(clusters((2, 9)))
    assert found.difference == pytest.approx(0.7)
    assert isnan(found.low) and isnan(found.high) and isnan(found.standard_error) and isnan(found.detectable)
    assert (found.outcome, found.more_clusters) == ("undecided", None)


def test_a_run_compared_with_itself_differs_by_nothing() -> None:
    found = compare_paired(clusters(*[(5, 5), (7, 7)] * 6))
    assert (found.difference, found.low, found.high, found.p, found.outcome) == (0, 0, 0, 1, "no worse than the margin")


def test_silence_does_not_win() -> None:
    """The candidate leaves unscored what the base got wrong: right among judged, but nothing is gained."""
    rows = [replace(row, candidate="met" if row.base == "met" else "unscored") for row in clusters(*[(5, 5), (7, 7)] * 6)]
    assert compare_paired(rows).difference == 0
    for metric in METRICS:
        silent = compare_paired([replace(row, candidate="unscored") for row in rows], metric)
        assert silent.outcome in ("worse", "undecided")


def test_a_metric_that_is_undefined_decides_nothing_and_says_why() -> None:
    found = compare_paired(clusters(*[(2, 9)] * 8), "kappa")
    assert isnan(found.difference) and isnan(found.low) and isnan(found.p)
    assert (found.outcome, found.more_clusters) == ("undecided", None)
    assert "kappa is not defined" in found.sentence


def test_clusters_weigh_by_their_items() -> None:
    small = [replace(row, cluster=f"small {row.cluster}") for row in clusters((0, 1), items=1)]
    assert compare_paired([*clusters((0, 0), items=9), *small]).difference == pytest.approx(0.1)


# --- power -------------------------------------------------------------------------------------------------------


def test_a_true_difference_of_the_detectable_size_is_found_four_times_in_five() -> None:
    """Planned with what one evaluation shows, proven by a thousand others. A larger lead varies more, hence the room."""
    generator = np.random.default_rng(5)
    planned = np.mean([compare_counts(simulate(Design(89, difference=0.04), generator), draws=200).detectable for _ in range(100)])
    assert coverage(Design(89, difference=float(planned)), 500, 500).better == pytest.approx(0.8, abs=0.06)


def test_as_many_more_clusters_as_it_says_make_the_observed_difference_detectable(physics: LabelTable) -> None:
    found = compare_paired(physics.paired(*FORCED))
    assert found.more_clusters is not None
    longer = replace(found, standard_error=found.standard_error * sqrt(found.clusters / (found.clusters + found.more_clusters)))
    assert longer.detectable == pytest.approx(abs(found.difference), rel=0.01)


def test_a_lead_needs_fewer_clusters_because_no_worse_than_the_margin_is_a_decision_too(physics: LabelTable) -> None:
    found = compare_paired(physics.paired(*GPT4))
    none = compare_paired(physics.paired(*GPT4), margin=0)
    assert found.more_clusters and none.more_clusters and found.more_clusters < none.more_clusters / 5


def test_what_is_decided_needs_no_more_clusters(physics: LabelTable) -> None:
    assert compare_paired(physics.paired(*GPT35)).more_clusters == 0


# --- words -------------------------------------------------------------------------------------------------------


def test_the_sentence_of_an_undecided_comparison_says_what_would_settle_it(physics: LabelTable) -> None:
    found = compare_paired(physics.paired(*GPT4))
    assert found.sentence.startswith("Undecided: accuracy 0.860 before, 0.875 now, +1.5 points (95% interval -2.")
    assert f"{found.more_clusters} more clusters would settle it" in found.sentence


def test_the_sentence_of_a_corrected_comparison_gives_the_corrected_p(physics: LabelTable) -> None:
    found = compare_paired(physics.paired(*GPT35), "kappa").corrected(0.0004)
    assert found.sentence.startswith("The candidate is better: kappa")
    assert "p < 0.001, corrected" in found.sentence
    assert "points" not in found.sentence


# --- several comparisons -----------------------------------------------------------------------------------------


def test_holm_multiplies_the_smallest_by_all_and_never_falls() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([]) == []


def test_an_undefined_p_counts_as_one_in_a_family() -> None:
    assert holm([float("nan"), 0.01]) == [1.0, 0.02]


def test_runs_over_different_items_or_gold_are_not_compared() -> None:
    row = GradedItem("c", "1", "met", ("met",))
    for other in ([], [replace(row, item="2")], [replace(row, gold=("partial",))], [row, replace(row, item="2")]):
        with pytest.raises(ConfigurationError, match="differ in their items or gold"):
            pair([row], other)
    with pytest.raises(ConfigurationError, match="two or more repeats"):
        noise_floor({"only": [row]})


def test_items_are_paired_by_their_id_and_not_by_their_place() -> None:
    rows = [GradedItem("c", str(number), "met" if number else "partial", ("met",)) for number in range(3)]
    assert all(row.base == row.candidate for row in pair(rows, rows[::-1]))


@pytest.mark.parametrize(
    ("broken", "words"),
    [
        (lambda rows: compare_paired([]), "nothing to compare"),
        (lambda rows: compare_paired([*rows, rows[0]]), "'0' of 'c0' appears twice"),
        (lambda rows: compare_paired([replace(rows[0], base="good")]), "'good' is no label"),
        (lambda rows: compare_paired([replace(rows[0], gold=())]), "one or more of"),
        (lambda rows: compare_paired(rows, "f2"), "'f2' is no metric: use accuracy"),
        (lambda rows: compare_paired(rows, margin=-0.1), "margin is not negative"),
        (lambda rows: compare_paired(rows, alpha=0), "alpha between 0 and 1"),
    ],
)
def test_rows_that_cannot_be_compared_are_refused(broken: Callable[[list[PairedVerdict]], object], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        broken(clusters((5, 6)))


# --- simulated verdicts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("difference", [0.0, 0.03, 0.07])
@pytest.mark.parametrize("number", [24, 89])
def test_the_interval_holds_the_truth_in_95_of_100_evaluations(number: int, difference: float) -> None:
    found = coverage(Design(number, (9, 100), difference=difference), simulations=1000, draws=1000)
    assert 0.93 <= found.held <= 0.97
    assert found.worse <= 0.05
    assert difference or found.better <= 0.05


@pytest.mark.parametrize("metric", ["kappa", "macro_f1"])
def test_the_interval_holds_the_truth_of_other_metrics_too(metric: str) -> None:
    assert 0.93 <= coverage(Design(24, difference=0.03), simulations=500, draws=500, metric=metric).held <= 0.97


def test_simulated_verdicts_have_the_difference_that_the_design_asks_for() -> None:
    design = Design(20_000, (20, 20), difference=0.07)
    counts = simulate(design, np.random.default_rng(6)).sum(axis=0)
    for metric, score in METRICS.items():
        assert float(score(counts.sum(axis=0)) - score(counts.sum(axis=1))) == pytest.approx(truth(design, metric), abs=0.004)
    assert truth(design, "accuracy") == pytest.approx(0.07)


def test_an_impossible_lead_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="out of reach"):
        Design(24, accuracy=0.95, difference=0.05)


def test_the_table_of_simulations_has_a_row_for_every_design(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--simulations", "2", "--draws", "20"]) == 0
    assert capsys.readouterr().out.count("+0.070") == 6


# --- labels files ------------------------------------------------------------------------------------------------

SIDECAR = "items: [id]\ncluster: talk\ngold: [ann, bob]\nlabels: {yes: met, no: not_observed}\nsource: here\nlicence: CC0\n"
TABLE = "talk,id,ann,bob,run\nt1,1,yes,no,yes\nt1,2,,no,no\n"


def written(folder: Path, table: str = TABLE, sidecar: str = SIDECAR) -> Path:
    (folder / "labels.yaml").write_text(sidecar)
    (folder / "labels.csv").write_text(table)
    return folder / "labels.csv"


def test_labels_mean_what_the_yaml_file_says_and_an_empty_one_is_no_gold(tmp_path: Path) -> None:
    table = read_labels(written(tmp_path))
    assert table.runs == ("run",)
    assert table.graded("run") == [
        GradedItem("t1", "1", "met", ("met", "not_observed")),
        GradedItem("t1", "2", "not_observed", ("not_observed",)),
    ]
    assert table.columns.licence == "CC0"


def test_a_file_saved_by_a_spreadsheet_begins_with_a_mark_that_is_no_part_of_the_header(tmp_path: Path) -> None:
    assert read_labels(written(tmp_path, "\ufeff" + TABLE)).graded("run") == read_labels(written(tmp_path)).graded("run")


def test_a_person_is_held_against_the_others_and_only_where_both_judged(tmp_path: Path) -> None:
    table = read_labels(written(tmp_path))
    assert table.graded("ann") == [GradedItem("t1", "1", "met", ("not_observed",))]
    assert table.graded("bob", against="ann") == [GradedItem("t1", "1", "not_observed", ("met",))]


@pytest.mark.parametrize(
    ("table", "sidecar", "words"),
    [
        (TABLE.replace("no,yes", "no,maybe"), SIDECAR, r"labels.csv, row 2, column run: 'maybe' has no meaning.*'yes', 'no'"),
        (TABLE.replace("no,no", "no,"), SIDECAR, r"row 3, column run: '' has no meaning"),
        (TABLE.replace(",,no", ",,"), SIDECAR, r"row 3: no gold label in ann, bob"),
        (TABLE + "t2,1,yes,yes,yes\n", SIDECAR, r"row 4: item 1 appears twice"),
        (TABLE + "t2,3,yes\n", SIDECAR, r"row 4: 3 values for 5 columns"),
        ("talk,id,ann,bob,run\n", SIDECAR, "no row below the header"),
        ("", SIDECAR, "no column 'id'"),
        (TABLE.replace("bob", "bert"), SIDECAR, r"no column 'bob'; it reads talk, id, ann, bert, run"),
        (TABLE.replace("bob,run", "bob,bob"), SIDECAR, "names a column twice"),
        (TABLE, SIDECAR.replace("source: here\n", ""), r"labels.yaml: source: Field required"),
        (TABLE, SIDECAR.replace("met,", "good,"), r"labels.yaml: labels.yes: "),
        (TABLE, "items: [", "labels.yaml: not YAML"),
        (TABLE, "", "labels.yaml: the file"),
    ],
)
def test_a_fault_in_a_labels_file_is_named_by_file_row_and_column(tmp_path: Path, table: str, sidecar: str, words: str) -> None:
    with pytest.raises(LabelError, match=words):
        read_labels(written(tmp_path, table, sidecar))


def test_a_missing_file_and_an_unknown_run_are_named(tmp_path: Path) -> None:
    path = written(tmp_path)
    with pytest.raises(LabelError, match="there is no run 'rum'; there are run, ann, bob"):
        read_labels(path).paired("run", "rum")
    path.unlink()
    with pytest.raises(LabelError, match=r"labels.csv: cannot be read"):
        read_labels(path)
    with pytest.raises(LabelError, match=r"other.yaml: not found; it must say what the columns of other.csv are"):
        read_labels(tmp_path / "other.csv")


def test_the_physics_labels_carry_their_credit(physics: LabelTable) -> None:
    assert (physics.columns.licence, len(physics.rows), len(physics.runs)) == ("MIT, Copyright (c) 2024 Zhongzhou Chen", 267, 13)
    assert "Copyright (c) 2024 Zhongzhou Chen" in PHYSICS.with_name("README.md").read_text()
