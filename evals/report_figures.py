"""The figures of a report: several runs, yardsticks and the annotators, side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean

from agent.schema import LEVELS
from evals.dataset import QUALITIES, Dataset, Quality
from evals.metrics import GIVEN, LABELS, Agreement, confusion
from evals.run import CaseScore, Row, Run
from evals.summary import agreement_of, by, intervals, ordering


@dataclass(frozen=True)
class Line:
    """Somebody's agreement with gold, with 95 % intervals over transcripts."""

    name: str
    kind: str  # base, candidate, yardstick or annotators
    found: Agreement
    intervals: dict[str, tuple[float, float] | None]  # None: not defined


def line(name: str, kind: str, run: Run) -> Line:
    """A run as a line."""
    return Line(name, kind, agreement_of(run.rows), intervals(run))


def annotators(run: Run, dataset: Dataset) -> Run | None:
    """The two annotation passes as a run: the first held against the second, over the verdicts of `run`; None if gold knows none of them."""
    verdicts = {(case.id, verdict.criterion): verdict.passes for case in dataset for verdict in case.gold.verdicts}
    rows = [
        row.model_copy(update={"status": passes[0], "gold": (passes[1],)})
        for row in run.rows
        if row.trial == 0 and (passes := verdicts.get((row.case, row.criterion))) is not None
    ]
    return run.model_copy(update={"rows": tuple(rows)}) if rows else None


@dataclass(frozen=True)
class SliceRow:
    """One value of a property of the verdicts, with each run's agreement."""

    name: str
    found: tuple[Agreement, ...]


def sliced(runs: Sequence[Run], key: Callable[[Row], str]) -> list[SliceRow]:
    """Agreement by a property, run by run; tiers and sections in their order, the rest as it appears."""
    tables = [by(run.rows, key) for run in runs]
    names = sorted(tables[0], key=_place)
    return [SliceRow(name, tuple(table[name] for table in tables)) for name in names]


def _place(name: str) -> int:
    tiers = [str(level) for level in LEVELS]
    return tiers.index(name) if name in tiers else int(name) if name.isdecimal() else 0


@dataclass(frozen=True)
class ConfusionRow:
    """How often a label was given, by what gold says."""

    given: str
    counts: tuple[float, ...]  # in the order of LABELS
    shares: tuple[float, ...]  # of gold's label: where what gold calls so went


def confusion_rows(run: Run) -> list[ConfusionRow]:
    """The confusion matrix; a label of the grader that never occurs is left out if gold cannot say it."""
    counts = confusion([row.status for row in run.rows], [row.gold for row in run.rows])
    totals = [max(float(total), 1e-9) for total in counts.sum(axis=0)]
    rows = [
        ConfusionRow(label, tuple(map(float, found)), tuple(float(n) / t for n, t in zip(found, totals, strict=True)))
        for label, found in zip(GIVEN, counts, strict=True)
    ]
    return [row for row in rows if row.given in LABELS or any(row.counts)]


@dataclass(frozen=True)
class OrderRow:
    """A scenario's mean overall score by intended quality (0 to 100; None: unscored, or no such interview)."""

    scenario: str
    scores: dict[Quality, float | None]
    right: bool | None


def order_rows(scores: Sequence[CaseScore]) -> list[OrderRow]:
    """Whether weak, mid and strong were scored in this order, by scenario."""
    right = ordering(scores)
    return [OrderRow(name, {quality: _mean(scores, name, quality) for quality in QUALITIES}, right[name]) for name in right]


def gold_scores(run: Run) -> list[CaseScore]:
    """The same interviews as gold scores them."""
    return [one.model_copy(update={"score": one.gold}) for one in run.case_scores]


def _mean(scores: Sequence[CaseScore], scenario: str, quality: Quality) -> float | None:
    found = [one.score for one in scores if (one.scenario, one.quality) == (scenario, quality)]
    known = [score for score in found if score is not None]
    return fmean(known) if known and len(known) == len(found) else None
