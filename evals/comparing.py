"""A comparison in words and tables, for a terminal."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from evals.compare import Compared, Flip
from evals.judges import EMBEDDED
from evals.run import Run
from evals.statistics import Comparison, GradedItem, NoiseFloor, noise_floor

SHOWN_FLIPS = 8


def repeats(run: Run) -> dict[str, list[GradedItem]]:
    """The trials of a run as runs of their own: what differs between them is noise."""
    found: dict[str, list[GradedItem]] = {}
    for row in run.rows:
        found.setdefault(f"trial {row.trial + 1}", []).append(GradedItem(row.case, row.criterion, row.status, row.gold))
    return found


def noise_line(floor: NoiseFloor) -> str:
    """A noise floor in a sentence."""
    scale, unit = (1, "") if "kappa" in floor.metric else (100, " points")
    return (
        f"Noise floor: {len(floor.values)} repeats of the same differ by up to {scale * floor.largest:.1f}{unit}; "
        f"{floor.changed:.1%} of the labels change from one to the next."
    )


def noise_of(run: Run, metric: str) -> str:
    """The noise floor of a run that has trials, or how to get one."""
    if run.model == EMBEDDED:
        return "Noise floor: none; the embedded grader gives the same every time."
    if run.trials < 2:
        return "Noise floor: not known; run the base with --trials 3 (a model at temperature 0 still varies)."
    return noise_line(noise_floor(repeats(run), metric))


def show(found: Sequence[Compared], metric: str, console: Console, most: int = SHOWN_FLIPS) -> None:
    """Print every comparison: the verdict, what it rests on, and which verdicts flipped."""
    for one in found:
        console.print(f"\n[bold]{escape(one.base.title)} -> {escape(one.candidate.title)}[/bold] on {escape(one.base.cases)}")
        console.print(one.comparison.sentence, markup=False)
        console.print(noise_of(one.base, metric), markup=False)
        hidden = set(one.base.figures_only)
        open_flips = [flip for flip in one.flips if flip.base.case not in hidden]
        console.print(_counts(one, len(one.flips) - len(open_flips)), markup=False)
        if one.criteria:
            console.print(_criteria(one))
        for flip in open_flips[:most]:
            console.print(_flip(flip))
        if len(open_flips) > most:
            console.print(f"... and {len(open_flips) - most} more; `python -m evals report` shows all.", markup=False)


def _counts(one: Compared, hidden: int) -> str:
    effects = [flip.effect for flip in one.flips]
    withheld = f" {hidden} of them are in the report split, of which only figures are shown." if hidden else ""
    return (
        f"{len(effects)} verdicts flipped: {effects.count(-1)} away from gold, {effects.count(1)} towards it, {effects.count(0)} neither.{withheld}"
    )


def _criteria(one: Compared) -> Table:
    table = Table(title="Criteria that flipped", title_justify="left")
    for column in ("criterion", "section", "items", "flips", "better", "worse", "p (Holm)"):
        table.add_column(column, justify="left" if column == "criterion" else "right")
    for change in one.criteria[:12]:
        figures = (change.items, change.flips, change.better, change.worse)
        table.add_row(change.criterion, change.section, *map(str, figures), f"{change.p:.3f}")
    return table


def _flip(flip: Flip) -> Table:
    effect = {-1: "away from gold", 0: "neither is gold", 1: "towards gold"}[flip.effect]
    title = f"{flip.base.case}, {flip.base.criterion} (gold: {', '.join(flip.base.gold)}): {effect}"
    table = Table(title=escape(title), title_justify="left", show_lines=True)
    for row, name in ((flip.base, "base"), (flip.candidate, "candidate")):
        table.add_column(f"{name}: {row.status}", ratio=1, overflow="fold")
    table.add_row(*(escape(f"{row.reason}\n{_quoted(row.quote, row.turn)}") for row in (flip.base, flip.candidate)))
    return table


def _quoted(quote: str | None, turn: int | None) -> str:
    return f'"{quote}" (turn {turn})' if quote else "(no quote)"


def as_json(one: Compared) -> dict[str, Any]:
    """A comparison as plain values."""
    hidden = set(one.base.figures_only)
    return {
        "base": one.base.id,
        "candidate": one.candidate.id,
        "passes_gate": one.passes,
        **comparison_json(one.comparison),
        "criteria": [vars(change) for change in one.criteria],
        "flips": [
            {
                "case": flip.base.case,
                "criterion": flip.base.criterion,
                "gold": flip.base.gold,
                "effect": flip.effect,
                "base": {"verdict": flip.base.status, "reason": flip.base.reason, "quote": flip.base.quote},
                "candidate": {"verdict": flip.candidate.status, "reason": flip.candidate.reason, "quote": flip.candidate.quote},
            }
            for flip in one.flips
            if flip.base.case not in hidden
        ],
    }


def comparison_json(found: Comparison) -> dict[str, Any]:
    """The statistics of a comparison as plain values; shares, not points. None where a figure is not defined: JSON knows no nan."""
    values = {
        "outcome": found.outcome,
        "sentence": found.sentence,
        "metric": found.metric,
        "clusters": found.clusters,
        "items": found.items,
        "before": found.base,
        "now": found.candidate,
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "p": found.p,
        "p_adjusted": found.adjusted,
        "margin": found.margin,
        "detectable": found.detectable,
        "more_clusters": found.more_clusters,
    }
    return {name: None if isinstance(value, float) and not isfinite(value) else value for name, value in values.items()}
