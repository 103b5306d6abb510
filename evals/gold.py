"""The statistics of a gold set: how far its two annotation passes agreed, what was said of how much, and what length has to do with it."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from agent.scoring import CREDIT
from evals.dataset import LABELS, Case, GoldVerdict
from evals.metrics import agreement, confusion
from evals.statistics import GradedItem, agreement_interval


def gold_statistics(cases: Sequence[Case]) -> dict[str, Any]:
    """Figures of a gold set: kappa between the passes over all, by section and by split; labels; correlation of length and score."""
    rows = [(case, verdict) for case in cases for verdict in case.gold.verdicts]
    sections = sorted({verdict.section for _, verdict in rows}, key=int)
    lengths, scores = [case.words for case in cases], [mean_credit(case.gold.verdicts) for case in cases]
    return {
        "cases": len(cases),
        "verdicts": len(rows),
        "words": {"least": min(lengths), "median": float(np.median(lengths)), "most": max(lengths)},
        "turns": {"least": min(len(case.transcript.turns) for case in cases), "most": max(len(case.transcript.turns) for case in cases)},
        "labels": dict(Counter(verdict.verdict for _, verdict in rows)),
        "passes": {
            "all": _passes(rows),
            **{split: _passes([row for row in rows if row[0].entry.split == split]) for split in sorted({case.entry.split for case in cases})},
            **{f"section {section}": _passes([row for row in rows if row[1].section == section]) for section in sections},
        },
        "disagreed": sum(verdict.passes[0] != verdict.passes[1] for _, verdict in rows),
        "length_and_score_r": _correlation(lengths, scores),
        "mean_credit_by_quality": {
            quality: round(float(np.mean([score for case, score in zip(cases, scores, strict=True) if case.entry.quality == quality])), 3)
            for quality in sorted({case.entry.quality for case in cases})
        },
    }


def _correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    varied = len(set(first)) > 1 and len(set(second)) > 1
    return round(float(np.corrcoef(first, second)[0, 1]), 3) if varied else None


def mean_credit(verdicts: Iterable[GoldVerdict]) -> float:
    """Mean credit of some verdicts: met 1, partial 0.5."""
    return float(np.mean([CREDIT[verdict.verdict] for verdict in verdicts]))


def _passes(rows: Sequence[tuple[Case, GoldVerdict]]) -> dict[str, float | int | None]:
    first, second = [verdict.passes[0] for _, verdict in rows], [(verdict.passes[1],) for _, verdict in rows]
    found = agreement(confusion(first, second))
    items = [GradedItem(case.id, verdict.criterion, verdict.passes[0], (verdict.passes[1],)) for case, verdict in rows]
    interval = agreement_interval(items, "kappa")
    return {
        "verdicts": len(rows),
        "kappa": _rounded(found.kappa),
        "low": _rounded(interval.low),
        "high": _rounded(interval.high),
        "quadratic_kappa": _rounded(found.quadratic_kappa),
        "same": _rounded(found.accuracy),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else round(value, 3)


def _cell(value: float | None) -> str:
    return f"{'' if value is None else format(value, '.2f'):>6}"


def describe(figures: dict[str, Any]) -> str:
    """The figures as a text."""
    labels = ", ".join(f"{figures['labels'].get(label, 0)} {label}" for label in reversed(LABELS))
    words = figures["words"]
    lines = [
        f"{figures['cases']} cases, {figures['verdicts']} gold verdicts ({labels}); the candidate says {words['least']} to {words['most']} words.",
        f"Length and gold score correlate at r = {figures['length_and_score_r']}.",
        f"Mean credit by intended quality: {', '.join(f'{name} {value}' for name, value in figures['mean_credit_by_quality'].items())}.",
        f"The two passes disagreed on {figures['disagreed']} verdicts, which were adjudicated. Before that:",
        f"  {'':12} {'verdicts':>8} {'same':>6} {'kappa':>6} {'95 % interval':>15} {'quadratic':>9}",
    ]
    for name, row in figures["passes"].items():
        interval = "" if row["low"] is None else f"{row['low']:.2f} to {row['high']:.2f}"
        lines.append(f"  {name:12} {row['verdicts']:8} {_cell(row['same'])} {_cell(row['kappa'])} {interval:>15} {_cell(row['quadratic_kappa']):>9}")
    return "\n".join(lines)
