"""A run as Inspect reads it, and the schema of a case folder."""

import asyncio
import json
from pathlib import Path

import pytest
from inspect_ai.log import read_eval_log

from agent.library import Library
from agent.replies import ReplyStore
from evals import harness
from evals.dataset import SHIPPED, Dataset, case_schema, load_dataset
from evals.inspecting import write_log
from evals.run import Run, Setup
from evals.variant import BASE, load_variant
from tests.eval_cases import write_cases


async def scored(dataset: Dataset, library: Library, cases: str) -> Run:
    inputs = harness.Inputs(load_variant(BASE), dataset, library)
    return (await harness.prepare(Setup(cases=cases, model="always-met"), inputs, ReplyStore())).scored()


@pytest.mark.parametrize("suffix", ["eval", "json"])
def test_inspect_reads_a_run_with_every_verdict(library: Library, tmp_path: Path, suffix: str) -> None:
    folder = write_cases(tmp_path / "cases", library, report=1)
    dataset = load_dataset(library, str(folder))
    run = asyncio.run(scored(dataset, library, str(folder)))
    log = read_eval_log(str(write_log(run, dataset, tmp_path / f"run.{suffix}")))
    assert log.status == "success" and log.eval.model == "always-met"
    assert log.samples is not None
    found = {(sample.metadata["case"], name): score for sample in log.samples for name, score in (sample.scores or {}).items()}
    assert {(row.case, row.criterion) for row in run.rows} == set(found)
    for row in run.rows:
        score = found[row.case, row.criterion]
        assert score.answer == row.status and score.metadata is not None and score.metadata["gold"] == list(row.gold)
        assert (score.explanation is None) == (row.case in run.figures_only)


def test_the_report_split_is_exported_without_its_text(library: Library, tmp_path: Path) -> None:
    folder = write_cases(tmp_path / "cases", library, report=1)
    dataset = load_dataset(library, str(folder))
    run = asyncio.run(scored(dataset, library, str(folder)))
    assert run.figures_only
    text = write_log(run, dataset, tmp_path / "run.json").read_text()
    for case in dataset:
        said = [json.dumps(turn.text)[1:-1] for turn in case.transcript.turns if turn.speaker == "candidate"]
        assert any(words in text for words in said) == (case.id not in run.figures_only)


def test_the_schema_beside_the_cases_is_that_of_the_code() -> None:
    assert json.loads((SHIPPED / "schema.json").read_text()) == case_schema()
