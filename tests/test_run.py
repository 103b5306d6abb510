"""A run on file: every verdict beside gold, the scores that follow from them, what it cost, and the figures that people read."""

import json
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from agent.errors import ConfigurationError, ModelUnavailable
from agent.library import Library
from agent.llm import Filled, ScriptedChatModel
from agent.recorded import Reply
from agent.replies import Kept, Message, Rejected, ReplyStore, Usage
from agent.schema import Move, SectionResult, Verdict
from agent.scoring import section_score, without_verdicts
from evals import harness
from evals.dataset import Case, Dataset
from evals.executors.concurrent import ConcurrentExecutor
from evals.loopback import verdicts
from evals.prices import Price, price_of
from evals.run import Run, Setup, gold_result, load_run, save_run, score_run
from evals.runner import Work, jobs_of
from evals.summary import (
    SLICES,
    agreement_of,
    by,
    calibrated,
    failed_quotes,
    intervals,
    ordering,
    remarks,
    run_summary,
    run_table,
    score_error,
    signals_right,
)
from evals.variant import BASE, Thresholds, Variant, load_variant
from tests.eval_cases import SAID, graded, graded_run, small_dataset

A, C = "url-shortener-a", "url-shortener-c"


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, library: Library) -> Dataset:
    return small_dataset(tmp_path_factory.mktemp("cases"), library, tune=6, report=3)


@pytest.fixture(scope="module")
def run(dataset: Dataset, library: Library) -> Run:
    """Everything right, but one criterion that is never found."""
    return graded_run(dataset, library, lambda case, criterion, trial: criterion == "main-request-walked")


# --- rows and scores --------------------------------------------------------------------------------------------


def test_a_row_stands_for_every_criterion_of_every_section_that_was_reached(run: Run, dataset: Dataset, library: Library) -> None:
    wanted = {(case.id, c.id) for case in dataset for section in ("0", "2") for c in library.rubrics[section].criteria}
    assert {(row.case, row.criterion) for row in run.rows} == wanted and len(run.rows) == len(wanted)
    assert {row.tier for row in run.rows if row.criterion == "wait-or-hand-off"} == {"senior"}
    row = next(row for row in run.rows if (row.case, row.criterion) == (C, "framing-time-plan"))
    assert (row.status, row.gold, row.turn, row.confidence) == ("met", ("met",), 2, 0.8)
    assert row.quote == SAID["framing-time-plan"][1].format(place="Lodz")


def test_scores_are_computed_from_verdicts_and_gold_by_the_product_s_own_rule(run: Run, dataset: Dataset, library: Library) -> None:
    score = next(one for one in run.section_scores if (one.case, one.section) == (C, "2"))
    case = dataset.case(C)
    right = [Verdict(criterion=c.id, status=case.by_criterion[c.id].verdict, confidence=1, reason="") for c in library.rubrics["2"].criteria]
    missed = [v.model_copy(update={"status": "not_observed"}) if v.criterion == "main-request-walked" else v for v in right]
    assert score.gold == section_score(right, library.rubrics["2"], "senior")
    assert score.score == section_score(missed, library.rubrics["2"], "senior") != score.gold
    assert len(run.case_scores) == len(dataset)
    whole = next(one for one in run.case_scores if one.case == C)
    assert whole.score is not None and whole.gold is not None and whole.score < whole.gold
    assert whole.words == case.words and whole.scenario == "url-shortener" and whole.quality == "strong"


def test_gold_pays_for_hints_as_the_grader_does(dataset: Dataset, library: Library) -> None:
    case = dataset.case(C)
    first = case.transcript.turns[0].model_copy(update={"move": Move(kind="hint", criterion="framing-time-plan", hint=0)})
    hinted = replace(case, transcript=case.transcript.model_copy(update={"turns": (first, *case.transcript.turns[1:])}))
    plain, helped = (gold_result(one, "0", library).score for one in (case, hinted))
    assert plain is not None and helped is not None and helped < plain


def scored(dataset: Dataset, library: Library, work: Work, store: ReplyStore, setup: Setup | None = None) -> Run:
    return score_run(setup or Setup(cases="small", model="gpt-4o-mini"), load_variant(BASE), dataset, library, work, store, "gpt-4o-mini")


def one_case(case: Case) -> Dataset:
    return Dataset((case,), "digest")


def test_a_section_that_failed_is_unscored_and_one_that_was_not_graded_is_left_out(dataset: Dataset, library: Library) -> None:
    case, work, store = dataset.case(C), Work(), ReplyStore()
    first, second = jobs_of([case], 1)
    work.results[first] = without_verdicts(library.section("0"), "unscored", note="The model is down.")
    run = scored(one_case(case), library, work, store)
    assert {(row.section, row.status, row.reason) for row in run.rows} == {("0", "unscored", "The model is down.")}
    assert [(one.section, one.score, one.note) for one in run.section_scores] == [("0", None, "The model is down.")]
    assert run.case_scores[0].score is None, "an unscored section is no low score"
    work.results[second] = graded(second.assessment, case, library)
    both = scored(one_case(case), library, work, store)
    assert both.case_scores[0].score == both.section_scores[1].score
    store.close()


def test_trials_stand_side_by_side(dataset: Dataset, library: Library) -> None:
    run = graded_run(dataset, library, lambda case, criterion, trial: trial == 1, trials=2)
    assert len(run.case_scores) == 2 * len(dataset)
    assert agreement_of(row for row in run.rows if row.trial == 0).accuracy == 1
    assert agreement_of(row for row in run.rows if row.trial == 1).accuracy == 0
    assert len({row.item for row in run.rows}) == 2 * 19


def test_the_report_split_is_marked_as_figures_only(run: Run, dataset: Dataset) -> None:
    assert run.splits == ("tune", "report")
    assert run.figures_only == tuple(case.id for case in dataset if case.entry.split == "report") and len(run.figures_only) == 3


# --- calls ------------------------------------------------------------------------------------------------------


def test_calls_are_counted_with_tokens_cost_and_seconds_as_recorded(dataset: Dataset, library: Library) -> None:
    work, store = Work(), ReplyStore()
    work.asked = {f"{number:064x}" for number in range(5)}
    for number in range(4):
        store.keep(Kept(f"{number:064x}", "gpt-4o-mini", "{}", Usage(1_000_000, 100_000), seconds=float(number)))
    store.keep(Kept("f" * 64, "gpt-4o-mini", "{}", Usage(5, 5)))  # of another run
    for again in (1, 2):
        store.reject(Rejected(f"{0:064x}", f"no JSON {again}", "why"))
    work.failures[f"{4:064x}"] = ModelUnavailable("down")
    calls = scored(dataset, library, work, store).calls
    assert (calls.asked, calls.failed, calls.invalid_first) == (5, 1, 1)
    assert (calls.tokens_in, calls.tokens_out) == (4_000_000, 400_000)
    assert calls.cost == pytest.approx(4 * 0.15 + 0.4 * 0.6)
    assert calls.seconds_median == 1.5 and calls.seconds_p95 == pytest.approx(2.85)
    store.close()


def test_a_run_without_calls_has_no_times_and_an_unknown_model_no_cost(run: Run) -> None:
    assert (run.calls.asked, run.calls.cost, run.calls.seconds_median, run.calls.seconds_p95) == (0, None, None, None)


def test_prices_go_by_the_longest_name_that_fits() -> None:
    mini, whole = price_of("gpt-4o-mini-2024-07-18"), price_of("gpt-4o-2024-08-06")
    assert mini is not None and whole is not None and mini.per_million_in < whole.per_million_in
    assert price_of("gpt-4o") == whole
    assert price_of("gpt-4omega") is None and price_of("embedded") is None
    assert Price(2.0, 8.0).cost(Usage(500_000, 250_000)) == pytest.approx(3.0)


@pytest.mark.parametrize("text", ["models: [test]", "models: {test: {in: 1}}", "models: {test: {in: x, out: 1}}", "[", "", "models:"])
def test_a_price_list_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "prices.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"prices\.yaml: each model needs"):
        price_of("test", tmp_path / "prices.yaml")


# --- its name, and on file --------------------------------------------------------------------------------------


def test_a_run_s_id_changes_with_all_that_its_verdicts_depend_on(dataset: Dataset, library: Library, tmp_path: Path) -> None:
    shipped, store = load_variant(BASE), ReplyStore()
    (tmp_path / "p.md").write_text("---\nversion: 1\ninputs: [hint]\n---\n{{hint}}!")
    setup = Setup(cases="/some/where/small set", model="meta/llama")

    def identity(setup: Setup = setup, variant: Variant = shipped, over: Dataset = dataset, corpus: Library = library, grader: str = "g") -> str:
        return score_run(setup, variant, over, corpus, Work(), store, grader).id

    ids = {
        identity(),
        identity(setup.model_copy(update={"trials": 2})),
        identity(setup.model_copy(update={"sections": ("2",)})),
        identity(setup.model_copy(update={"only": (A,)})),
        identity(setup.model_copy(update={"model": "meta/llama2"})),
        identity(variant=load_variant(BASE, {"move_hint": tmp_path / "p.md"})),
        identity(variant=replace(shipped, thresholds=Thresholds(sure=0.6))),
        identity(over=replace(dataset, digest="other")),
        identity(corpus=replace(library, digest="other")),
        identity(grader="other"),
    }
    assert len(ids) == 10 and identity() in ids
    assert identity().startswith("shipped-meta-llama-small-set-")
    store.close()


def test_a_run_is_written_and_found_by_id_by_its_beginning_or_by_file(run: Run, tmp_path: Path) -> None:
    path = save_run(run, tmp_path / "new" / "runs")
    other = run.model_copy(update={"id": "shipped-other-1"})
    longer = run.model_copy(update={"id": "shipped-other-12"})
    for one in (other, longer):
        save_run(one, path.parent)
    assert load_run(run.id, path.parent) == load_run(str(path)) == load_run("shipped-test", path.parent) == run
    assert load_run("shipped-other-1", path.parent) == other, "a whole id is never taken for a beginning"
    with pytest.raises(ConfigurationError, match=r"fits several runs\. On file: shipped-other-1, shipped-other-12"):
        load_run("shipped-o", path.parent)


@pytest.mark.parametrize("named", ["mystery", "", "*", "**", "[", "../x", "a/b"])
def test_a_run_that_is_not_on_file_is_refused_with_those_that_are(run: Run, tmp_path: Path, named: str) -> None:
    with pytest.raises(ConfigurationError, match="none yet"):
        load_run(named, tmp_path / "empty")
    save_run(run, tmp_path)
    with pytest.raises(ConfigurationError, match=rf"is no run\. On file: {run.id}\. `python -m evals run`"):
        load_run(named, tmp_path)


@pytest.mark.parametrize("text", [b"", b"{}", b"\xff", b'{"id": 1'])
def test_a_file_that_is_no_run_is_named(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "odd.json").write_bytes(text)
    with pytest.raises(ConfigurationError, match=r"odd\.json cannot be read as a run"):
        load_run(str(tmp_path / "odd.json"))


# --- figures ----------------------------------------------------------------------------------------------------


def test_agreement_is_told_as_a_whole_and_by_slice(run: Run) -> None:
    said = 9  # cases, in each of which it was said
    assert agreement_of(run.rows).accuracy == pytest.approx(1 - said / len(run.rows))
    sections = by(run.rows, SLICES["section"])
    assert sections["0"].accuracy == 1 and sections["2"].accuracy == pytest.approx(1 - said / 90)
    assert by(run.rows, SLICES["criterion"])["main-request-walked"].accuracy == 0
    assert set(by(run.rows, SLICES["scenario"])) == {"url-shortener", "team-chat", "ticket-sales"}
    assert set(by(run.rows, SLICES["tier"])) == {"mid", "senior", "staff"}


def test_scores_signals_and_the_order_of_qualities_are_held_against_gold(run: Run) -> None:
    distances = [abs(one.score - one.gold) for one in run.section_scores if one.score is not None and one.gold is not None]
    assert score_error(run) == pytest.approx(sum(distances) / len(distances)) and sum(distances) > 0
    assert ordering(run.case_scores) == {"url-shortener": True, "team-chat": True, "ticket-sales": True}
    assert signals_right(run) == sum(one.signal == one.gold_signal for one in run.case_scores) / 9


def test_an_order_that_is_broken_or_unknown_is_told(run: Run) -> None:
    scores = {(one.scenario, one.quality): one for one in run.case_scores}

    def changed(scenario: str, quality: str, score: float | None) -> list[bool | None]:
        other = [one.model_copy(update={"score": score}) if (one.scenario, one.quality) == (scenario, quality) else one for one in run.case_scores]
        return list(ordering(other).values())

    middle = scores["team-chat", "mid"].score
    assert changed("team-chat", "weak", middle) == [True, False, True], "equal is not in order"
    assert changed("team-chat", "strong", None) == [True, None, True]
    assert ordering(one for one in run.case_scores if one.quality != "weak")["team-chat"] is None


def test_quotes_that_failed_are_shares_of_all_verdicts(run: Run) -> None:
    rows = list(run.rows)
    rows[0] = rows[0].model_copy(update={"attempts": 2})
    rows[1] = rows[1].model_copy(update={"attempts": 2, "status": "unscored"})
    assert failed_quotes(run.model_copy(update={"rows": tuple(rows)})) == (2 / len(rows), 1 / len(rows))
    assert failed_quotes(run) == (0, 0)


def test_confidence_is_calibrated_over_judged_verdicts_only(run: Run) -> None:
    right = sum(row.status == row.gold[0] for row in run.rows) / len(run.rows)
    assert calibrated(run).expected_error == pytest.approx(right - 0.8)
    unscored = tuple(
        row.model_copy(update={"status": "unscored", "confidence": 0.0}) if row.criterion == "main-request-walked" else row for row in run.rows
    )
    assert calibrated(run.model_copy(update={"rows": unscored})).expected_error == pytest.approx(0.2)


def test_intervals_hold_the_figure_and_are_undefined_for_one_case(run: Run) -> None:
    low, high = intervals(run)["macro_f1"] or (2.0, 2.0)
    assert 0 < low < (agreement_of(run.rows).macro_f1 or 0) < high < 1
    alone = run.model_copy(update={"rows": tuple(row for row in run.rows if row.case == A)})
    assert intervals(alone) == {"accuracy": None, "kappa": None, "macro_f1": None}


def test_the_summary_is_strict_json_and_holds_no_text_of_anybody(run: Run) -> None:
    unscored = run.model_copy(update={"rows": tuple(row.model_copy(update={"status": "unscored"}) for row in run.rows if row.case == A)})
    for one in (run, unscored):
        text = json.dumps(run_summary(one), allow_nan=False)
        assert "Reason of" not in text and "MySQL" not in text
    summary = run_summary(run)
    assert summary["verdicts"] == len(run.rows) and set(summary["by_section"]) == {"0", "2"}


def test_the_table_and_its_remarks_can_be_read(run: Run) -> None:
    console = Console(width=120, file=StringIO())
    console.print(run_table(run))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for words in ("171 verdicts, 9 interviews", "section 0", "senior", "95 % interval", "url-shortener yes", "0 requests"):
        assert words in text, words
    assert "Section scores are off by" in remarks(run)


def test_a_result_without_verdicts_does_not_stop_the_figures(dataset: Dataset, library: Library) -> None:
    work, store, case = Work(), ReplyStore(), dataset.case(A)
    for job in jobs_of([case], 1):
        work.results[job] = SectionResult(id=job.section, title="", status="unscored", note="down")
    run = scored(one_case(case), library, work, store)
    assert score_error(run) is None and ordering(run.case_scores) == {"url-shortener": None}
    json.dumps(run_summary(run), allow_nan=False)
    run_table(run)
    store.close()


class DearModel(ScriptedChatModel):
    """Answers everything, at a dollar a call: 100,000 tokens out at ten dollars a million."""

    async def fill(self, messages: Sequence[Message], form: type[Reply]) -> Filled[Reply]:
        return replace(await super().fill(messages, form), usage=Usage(0, 100_000))


@pytest.mark.parametrize(("most", "graded_jobs"), [(2.0, 2), (None, 6)])
async def test_a_run_stops_when_its_calls_have_cost_what_may_be_spent(library: Library, tmp_path: Path, most: float | None, graded_jobs: int) -> None:
    dataset = small_dataset(tmp_path, library)
    model = DearModel([lambda messages: json.dumps(verdicts([vars(message) for message in messages]))], name="gpt-4o", repeat=True)
    setup = Setup(cases=str(tmp_path), model="gpt-4o")
    evaluation = await harness.prepare(setup, harness.Inputs(load_variant(BASE), dataset, library), ReplyStore())
    await evaluation.fill(ConcurrentExecutor(model, in_flight=1), most=most)
    assert len(evaluation.runner.work.results) == graded_jobs
