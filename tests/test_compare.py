"""Is a candidate better than the base? Flips, the gate, several candidates at once, and what nobody may read of the report split."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from agent.errors import ConfigurationError
from agent.library import Library
from evals.compare import Compared, compare_runs
from evals.comparing import as_json, noise_of, repeats, show
from evals.dataset import Dataset
from evals.looks import look
from evals.run import Run
from evals.statistics import holm
from tests.eval_cases import graded_run, small_dataset

WALKED, HANDED, PLANNED = "main-request-walked", "wait-or-hand-off", "framing-time-plan"
SILENT = ("edge-work", "framing-risk-tolerance")  # nobody says anything to it


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, library: Library) -> Dataset:
    return small_dataset(tmp_path_factory.mktemp("cases"), library, tune=6)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, library: Library) -> Dataset:
    return small_dataset(tmp_path_factory.mktemp("both"), library, tune=6, report=3)


@pytest.fixture(scope="module")
def right(dataset: Dataset, library: Library) -> Run:
    return graded_run(dataset, library)


@pytest.fixture(scope="module")
def half(dataset: Dataset, library: Library) -> Run:
    """Section 0 is wrong."""
    return graded_run(dataset, library, lambda case, criterion, trial: criterion.startswith("framing"), "half")


def compared(base: Run, candidate: Run, metric: str = "accuracy", margin: float = 0.02) -> Compared:
    return compare_runs(base, [candidate], metric, margin)[0]


def shown(*found: Compared, most: int = 8) -> str:
    out = io.StringIO()
    show(found, "accuracy", Console(file=out, width=120, soft_wrap=True), most)
    return out.getvalue()


# --- the outcome ------------------------------------------------------------------------------------------------


def test_a_candidate_that_lost_agreement_everywhere_is_worse_and_does_not_pass(right: Run, half: Run) -> None:
    found = compared(right, half)
    assert found.comparison.outcome == "worse" and not found.passes
    assert found.comparison.clusters == 6 and found.comparison.items == len(right.rows)
    assert found.comparison.difference == pytest.approx(-9 / 19)


def test_the_other_way_round_it_is_better_and_passes(right: Run, half: Run) -> None:
    found = compared(half, right)
    assert found.comparison.outcome == "better" and found.passes
    assert found.comparison.difference == pytest.approx(9 / 19)


def test_the_same_again_is_no_worse_than_the_margin(right: Run) -> None:
    found = compared(right, right)
    assert found.comparison.outcome == "no worse than the margin" and found.passes
    assert found.flips == () and found.criteria == ()


def test_a_loss_within_the_margin_passes_and_beyond_it_does_not(right: Run, dataset: Dataset, library: Library) -> None:
    once = graded_run(dataset, library, lambda case, criterion, trial: (case, criterion) == ("team-chat-a", SILENT[1]))
    assert compared(right, once, margin=0.06).passes
    assert not compared(right, once, margin=0.0).passes


def test_an_unknown_metric_is_refused_with_the_known_ones(right: Run) -> None:
    with pytest.raises(ConfigurationError, match="'f1' is no metric: use accuracy"):
        compared(right, right, metric="f1")


# --- what can be compared ---------------------------------------------------------------------------------------


def test_runs_over_different_cases_are_refused(right: Run, both: Dataset, library: Library) -> None:
    with pytest.raises(ConfigurationError, match=r"different datasets \(small \w{16}, small \w{16}\): run both again"):
        compared(right, graded_run(both, library))


def test_runs_over_different_sections_or_trials_are_refused(right: Run, dataset: Dataset, library: Library) -> None:
    part = right.model_copy(update={"rows": tuple(row for row in right.rows if row.section == "0")})
    with pytest.raises(ConfigurationError, match=r"different sections or trials: 60 verdicts are in one only"):
        compared(right, part)
    with pytest.raises(ConfigurationError, match="114 verdicts are in one only"):
        compared(right, graded_run(dataset, library, trials=2))


# --- flips ------------------------------------------------------------------------------------------------------


def test_flips_that_lost_agreement_come_first_then_those_that_won_it_then_the_rest(right: Run, dataset: Dataset, library: Library) -> None:
    base = graded_run(dataset, library, lambda case, criterion, trial: criterion == PLANNED)
    candidate = graded_run(dataset, library, lambda case, criterion, trial: criterion == WALKED)
    rows = list(candidate.rows)
    odd = next(n for n, row in enumerate(rows) if (row.case, row.criterion) == ("url-shortener-a", PLANNED))
    assert rows[odd].gold == ("not_observed",)
    rows[odd] = rows[odd].model_copy(update={"status": "partial"})  # neither it nor the base's "met" is gold
    found = compared(base, candidate.model_copy(update={"rows": tuple(rows)}))
    effects = [flip.effect for flip in found.flips]
    assert effects == [-1] * 6 + [1] * 5 + [0]
    assert {flip.base.criterion for flip in found.flips[:6]} == {WALKED}
    assert [flip.base.case for flip in found.flips[:6]] == sorted(flip.base.case for flip in found.flips[:6])
    assert all(flip.base.status != flip.candidate.status for flip in found.flips)


def test_criteria_are_counted_with_their_flips_for_better_and_worse(dataset: Dataset, library: Library) -> None:
    base = graded_run(dataset, library, lambda case, criterion, trial: criterion == PLANNED and case.startswith("team"))
    candidate = graded_run(dataset, library, lambda case, criterion, trial: criterion == WALKED)
    changes = {change.criterion: change for change in compared(base, candidate).criteria}
    assert list(changes) == [WALKED, PLANNED], "most flips first"
    assert (changes[WALKED].items, changes[WALKED].flips, changes[WALKED].better, changes[WALKED].worse) == (6, 6, 0, 6)
    assert (changes[PLANNED].flips, changes[PLANNED].better, changes[PLANNED].worse) == (3, 3, 0)
    assert changes[WALKED].section == "2"
    assert changes[WALKED].p == pytest.approx(min(1.0, 19 * 2 / 64)), "six clusters at most give 2/64, times all criteria (Holm)"


# --- several candidates -----------------------------------------------------------------------------------------


def test_several_candidates_are_corrected_for_their_number(right: Run, half: Run, dataset: Dataset, library: Library) -> None:
    alone = compared(right, half).comparison
    second = graded_run(dataset, library, lambda case, criterion, trial: criterion == WALKED and case < "url")
    found = compare_runs(right, [half, second])
    p_values = [one.comparison.p for one in found]
    assert [one.comparison.adjusted for one in found] == pytest.approx(holm(p_values))
    assert alone.p == pytest.approx(2 / 64) and alone.adjusted is None
    assert found[0].comparison.adjusted == pytest.approx(4 / 64), "twice as much as alone"
    assert alone.outcome == "worse" and found[0].comparison.outcome != "worse", "2/64 alone is enough at 0.05, twice that is not"
    assert [one.candidate.variant for one in found] == ["half", "shipped"]
    assert "corrected" in found[0].comparison.sentence and "corrected" not in alone.sentence


# --- trials -----------------------------------------------------------------------------------------------------


def test_trials_tell_the_noise_floor_and_a_single_one_how_to_get_it(right: Run, dataset: Dataset, library: Library) -> None:
    run = graded_run(dataset, library, lambda case, criterion, trial: trial == 1 and criterion == WALKED, trials=3)
    assert [len(items) for items in repeats(run).values()] == [114] * 3
    assert "3 repeats of the same differ by up to 5.3 points; 3.5% of the labels change" in noise_of(run, "accuracy")
    assert "run the base with --trials 3" in noise_of(right, "accuracy")
    assert compared(run, run).passes


# --- what is shown ----------------------------------------------------------------------------------------------


def test_a_comparison_shows_reasons_and_quotes_of_flips_side_by_side(right: Run, dataset: Dataset, library: Library) -> None:
    candidate = graded_run(dataset, library, lambda case, criterion, trial: criterion == WALKED, "try[bold]")
    text = shown(compared(right, candidate))
    assert "6 verdicts flipped: 6 away from gold, 0 towards it, 0 neither." in text
    assert "try[bold]" in text, "a name is no markup"
    assert "url-shortener-a, main-request-walked (gold: partial): away from gold" in text
    assert "base: partial" in text and "candidate: not_observed" in text and "Reason of main-request-walked." in text
    assert "Bergen" in text and "(no quote)" in text
    assert "... and 4 more" in shown(compared(right, candidate), most=2)


def test_hostile_reasons_are_shown_as_they_are(right: Run) -> None:
    rows = list(right.rows)
    rows[0] = rows[0].model_copy(update={"status": "not_observed", "reason": "[red]gold[/red] [/] [link=x]"})
    assert "[red]gold[/red] [/] [link=x]" in shown(compared(right, right.model_copy(update={"rows": tuple(rows)})))


def test_a_comparison_as_json_is_strict_and_whole(right: Run, half: Run) -> None:
    value = json.loads(json.dumps(as_json(compared(right, half)), allow_nan=False))
    assert (value["outcome"], value["passes_gate"], len(value["flips"])) == ("worse", False, 54)
    assert value["flips"][0]["effect"] == -1 and value["flips"][0]["base"]["reason"].startswith("Reason of")
    assert value["difference"] == pytest.approx(-9 / 19)


def test_a_comparison_that_tells_nothing_is_strict_json_too(right: Run) -> None:
    alone = right.model_copy(update={"rows": tuple(row for row in right.rows if row.case == "team-chat-a")})
    value = json.loads(json.dumps(as_json(compared(alone, alone)), allow_nan=False))
    assert (value["outcome"], value["low"], value["detectable"]) == ("undecided", None, None)


# --- the report split -------------------------------------------------------------------------------------------


def test_nothing_that_was_said_in_the_report_split_is_shown(both: Dataset, library: Library) -> None:
    base = graded_run(both, library)
    candidate = graded_run(both, library, lambda case, criterion, trial: criterion in (WALKED, SILENT[1]), "worse")
    found = compared(base, candidate)
    assert len(found.flips) == 18 and found.comparison.items == 171, "it counts in every figure"
    for text in (shown(found, most=100), json.dumps(as_json(found))):
        assert not any(words in text for words in ("ticket-sales", "Split", "Gent", "Tartu"))
        assert "Bergen" in text, "what may be read is there"
    assert "6 of them are in the report split, of which only figures are shown" in shown(found)
    assert {change["criterion"] for change in as_json(found)["criteria"]} == {WALKED, SILENT[1]}, "how often is a figure"
    assert len(as_json(found)["flips"]) == 12


def test_looks_at_the_report_split_are_counted_and_the_same_look_once(both: Dataset, right: Run, library: Library, tmp_path: Path) -> None:
    path, run = tmp_path / "looks.jsonl", graded_run(both, library)
    other = run.model_copy(update={"id": "another"})
    assert look("run", [right], path) is None and not path.exists(), "the tune split may be looked at"
    assert look("run", [run], path) == 1
    assert look("run", [run], path) == 1
    assert look("compare", [run, other], path) == 2
    assert look("report", [other, run], path) == 2, "the same figures again, whoever shows them"
    assert look("compare", [right, other], path) == 3
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["runs"] for line in lines] == [[run.id], sorted([run.id, "another"]), ["another"]]
    assert all(set(line) == {"at", "command", "runs"} for line in lines)


@pytest.mark.parametrize("line", ["<<<<<<< HEAD", "{}", "[1]", ""])
def test_a_list_of_looks_that_somebody_spoilt_is_named(both: Dataset, library: Library, tmp_path: Path, line: str) -> None:
    (tmp_path / "looks.jsonl").write_text(f'{{"at": "", "command": "run", "runs": []}}\n{line}\n')
    with pytest.raises(ConfigurationError, match=r"looks\.jsonl:2: not a look"):
        look("run", [graded_run(both, library)], tmp_path / "looks.jsonl")
