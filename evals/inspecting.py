"""A run as a log of Inspect, whose viewer opens it (`pip install 'system-design-interviewer[inspect]'`, then `inspect view`)."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.errors import ConfigurationError
from agent.schema import Transcript
from agent.scoring import CREDIT
from evals.dataset import Dataset
from evals.run import Row, Run
from evals.summary import agreement_of


def write_log(run: Run, dataset: Dataset, path: Path) -> Path:
    """Write a log: a sample a section of a case, an epoch a trial, a score a criterion. ConfigurationError when Inspect is not installed."""
    try:
        from inspect_ai import log
    except ImportError:
        raise ConfigurationError("Inspect is not installed: pip install 'system-design-interviewer[inspect]'.") from None
    now = datetime.now(UTC).isoformat(timespec="seconds")
    groups: dict[tuple[str, str, int], list[Row]] = {}
    for row in run.rows:
        groups.setdefault((row.case, row.section, row.trial), []).append(row)
    hidden = set(run.figures_only)
    samples = [_sample(log, key, rows, None if key[0] in hidden else dataset.case(key[0]).transcript) for key, rows in groups.items()]
    made = log.EvalLog(
        status="success",
        eval=log.EvalSpec(
            created=now,
            task="grade_section",
            model=run.model,
            dataset=log.EvalDataset(name=run.cases, samples=len(samples), sample_ids=[str(sample.id) for sample in samples]),
            config=log.EvalConfig(epochs=run.trials),
            metadata={"run": run.id, "variant": run.variant, "dataset": run.dataset, "corpus": run.corpus},
        ),
        results=_results(log, run, len(samples)),
        samples=samples,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    log.write_eval_log(made, str(path), format="json" if path.suffix == ".json" else "eval")
    return path


def _results(log: Any, run: Run, samples: int) -> Any:
    found = agreement_of(run.rows)
    figures = {"accuracy": found.accuracy, "kappa": found.kappa, "macro_f1": found.macro_f1, "coverage": found.coverage}
    metrics = {name: log.EvalMetric(name=name, value=value) for name, value in figures.items() if value is not None}
    return log.EvalResults(
        total_samples=samples, completed_samples=samples, scores=[log.EvalScore(name="agreement", scorer="agreement", metrics=metrics)]
    )


def _sample(log: Any, key: tuple[str, str, int], rows: list[Row], transcript: Transcript | None) -> Any:
    from inspect_ai.scorer import Score

    case, section, trial = key
    scores = {
        row.criterion: Score(
            value=CREDIT.get(row.status, "unscored"),
            answer=row.status,
            explanation=row.reason if transcript else None,
            metadata={"gold": list(row.gold), "quote": row.quote if transcript else None, "agrees": row.status in row.gold},
        )
        for row in rows
    }
    return log.EvalSample(
        id=f"{case}/{section}",
        epoch=trial + 1,
        input=_said(transcript, section) if transcript else "(report split: figures only)",
        target=[f"{row.criterion}: {', '.join(row.gold)}" for row in rows],
        scores=scores,
        metadata={"case": case, "section": section},
    )


def _said(transcript: Transcript, section: str) -> str:
    return "\n\n".join(f"{turn.speaker} ({turn.n}): {turn.text}" for turn in transcript.turns if turn.section == section)
