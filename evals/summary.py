"""The figures of one run: agreement with gold as a whole and by section, tier, scenario and criterion, and what follows from it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np
from rich.table import Table

from agent.schema import LEVELS
from evals.dataset import QUALITIES
from evals.metrics import LABELS, Agreement, Calibration, agreement, calibration, confusion
from evals.run import CaseScore, Row, Run
from evals.statistics import GradedItem, agreement_interval

SLICES: dict[str, Callable[[Row], str]] = {
    "section": lambda row: row.section,
    "tier": lambda row: row.tier,
    "scenario": lambda row: row.case.rsplit("-", 1)[0],
    "criterion": lambda row: row.criterion,
}


def agreement_of(rows: Iterable[Row]) -> Agreement:
    """How far some verdicts agree with gold."""
    rows = list(rows)
    return agreement(confusion([row.status for row in rows], [row.gold for row in rows]))


def by(rows: Sequence[Row], key: Callable[[Row], str]) -> dict[str, Agreement]:
    """Agreement by a property of the verdicts, in the order in which its values appear."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(key(row), []).append(row)
    return {name: agreement_of(group) for name, group in groups.items()}


def intervals(run: Run, metrics: Sequence[str] = ("accuracy", "kappa", "macro_f1")) -> dict[str, tuple[float, float] | None]:
    """95 % intervals over transcripts; None where a figure is not defined."""
    items = [GradedItem(row.case, row.item, row.status, row.gold) for row in run.rows]
    found = {metric: agreement_interval(items, metric) for metric in metrics}
    return {metric: (one.low, one.high) if isfinite(one.low) else None for metric, one in found.items()}


def calibrated(run: Run) -> Calibration:
    """Whether the confidences of the judged verdicts mean what they say."""
    judged = [row for row in run.rows if row.status in LABELS]
    right = [sum(label == row.status for label in row.gold) / len(row.gold) for row in judged]
    return calibration([row.confidence for row in judged], right)


def score_error(run: Run) -> float | None:
    """Mean distance of a section's score from gold's, in points of 100; None when no section was scored."""
    distances = [abs(one.score - one.gold) for one in run.section_scores if one.score is not None and one.gold is not None]
    return float(np.mean(distances)) if distances else None


def ordering(scores: Iterable[CaseScore]) -> dict[str, bool | None]:
    """Scenario -> whether weak, mid and strong were scored in this order, strictly; None when one of them has no score.

    Interviews of a different length are compared by their overall score, which is a mean over the sections that were reached.
    """
    found: dict[str, dict[str, list[float | None]]] = {}
    for one in scores:
        found.setdefault(one.scenario, {}).setdefault(one.quality, []).append(one.score)
    result: dict[str, bool | None] = {}
    for scenario, by_quality in found.items():
        means = [_mean(by_quality.get(quality, [])) for quality in QUALITIES]
        known = [mean for mean in means if mean is not None]
        result[scenario] = all(low < high for low, high in pairwise(known)) if len(known) == len(QUALITIES) else None
    return result


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None


def failed_quotes(run: Run) -> tuple[float, float]:
    """Shares of the verdicts that did not pass the check of their quotes, or were left out, at the first try, and still at the second."""
    total = len(run.rows) or 1
    again = [row for row in run.rows if row.attempts > 1]
    return len(again) / total, sum(row.status == "unscored" for row in again) / total


def signals_right(run: Run) -> float:
    """Share of the interviews whose level signal is gold's."""
    return float(np.mean([one.signal == one.gold_signal for one in run.case_scores])) if run.case_scores else 0.0


def run_summary(run: Run) -> dict[str, Any]:
    """Everything as plain values, for JSON."""
    first, still = failed_quotes(run)
    sure = calibrated(run)
    return {
        "id": run.id,
        "variant": run.variant,
        "model": run.model,
        "cases": run.cases,
        "trials": run.trials,
        "verdicts": len(run.rows),
        "overall": asdict(agreement_of(run.rows)),
        "intervals": intervals(run),
        "calibration": {"brier": sure.brier, "expected_error": sure.expected_error},
        "failed_quotes": {"first": first, "still": still},
        "unclear": sum(row.status == "unclear" for row in run.rows),
        "unscored": sum(row.status == "unscored" for row in run.rows),
        "section_score_error": score_error(run),
        "ordering": ordering(run.case_scores),
        "level_signal_right": signals_right(run),
        "calls": run.calls.model_dump(),
        **{f"by_{name}": {value: asdict(found) for value, found in by(run.rows, key).items()} for name, key in SLICES.items()},
    }


def run_table(run: Run) -> Table:
    """The figures for a terminal: overall with intervals, then by section and by tier."""
    table = Table(title=f"{run.title} on {run.cases}: {len(run.rows)} verdicts, {len(run.case_scores)} interviews", title_justify="left")
    for column in ("", "verdicts", "accuracy", "macro F1", "kappa", "quadratic", "coverage", "bias"):
        table.add_column(column, justify="left" if not column else "right", no_wrap=True)
    found = intervals(run)
    overall = agreement_of(run.rows)
    table.add_row("all", *_cells(overall))
    ends = [f"{one[0]:.2f} to {one[1]:.2f}" if (one := found[metric]) else "" for metric in ("accuracy", "macro_f1", "kappa")]
    table.add_row("95 % interval", "", *ends, "", "", "")
    table.add_section()
    for name, part in by(run.rows, SLICES["section"]).items():
        table.add_row(f"section {name}", *_cells(part))
    table.add_section()
    tiers = by(run.rows, SLICES["tier"])
    for level in (level for level in LEVELS if level in tiers):
        table.add_row(level, *_cells(tiers[level]))
    table.caption = remarks(run)
    table.caption_justify = "left"
    return table


def remarks(run: Run) -> str:
    """What does not fit in the table, in lines."""
    first, still = failed_quotes(run)
    orders = ordering(run.case_scores)
    error, sure, calls = score_error(run), calibrated(run), run.calls
    cost = "" if calls.cost is None else f", ${calls.cost:.2f}"
    lines = [
        f"Section scores are off by {'?' if error is None else f'{error:.1f}'} points on average; level signal right in {signals_right(run):.0%}.",
        f"Order weak < mid < strong: {', '.join(f'{name} {_yes(right)}' for name, right in orders.items())}.",
        f"Calibration error {number(sure.expected_error)}, Brier {number(sure.brier)}; "
        f"quotes that failed: {first:.1%} at first, {still:.1%} in the end.",
        f"{calls.asked} requests, {calls.failed} failed, {calls.invalid_first} with a first answer that did not fit the form; "
        f"{calls.tokens_in:,} tokens in, {calls.tokens_out:,} out{cost}; median {number(calls.seconds_median)} s as recorded.",
    ]
    return "\n".join(lines)


def _cells(found: Agreement) -> list[str]:
    figures = (found.accuracy, found.macro_f1, found.kappa, found.quadratic_kappa, found.coverage, found.bias)
    return [str(found.items), *(number(figure) for figure in figures)]


def number(value: float | None) -> str:
    """A figure with two decimals; nothing where it is not defined."""
    return "" if value is None else f"{value:.2f}"


def _yes(value: bool | None) -> str:
    return "unknown" if value is None else "yes" if value else "no"
