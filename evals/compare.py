"""Two runs over the same items: which verdicts flipped, and is the candidate better?"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from agent.errors import ConfigurationError
from evals.run import Row, Run
from evals.statistics import Comparison, GradedItem, PairedVerdict, compare_paired, holm, pair

PASSING = ("better", "no worse than the margin")  # the gate is non-inferiority
MARGIN = 0.02  # two points: less than what a relabelling of the gold would move


@dataclass(frozen=True)
class Flip:
    """An item whose verdict changed, with what each run gave as its reason."""

    base: Row
    candidate: Row

    @property
    def effect(self) -> int:
        """1: it agrees with gold now; -1: it did before; 0: neither does."""
        return (self.candidate.status in self.candidate.gold) - (self.base.status in self.base.gold)


@dataclass(frozen=True)
class CriterionChange:
    """One criterion over all cases. `p` is corrected for all the criteria (Holm)."""

    criterion: str
    section: str
    items: int
    flips: int
    better: int  # flips towards gold
    worse: int  # flips away from it
    p: float


@dataclass(frozen=True)
class Compared:
    """A candidate against a base."""

    base: Run
    candidate: Run
    comparison: Comparison
    flips: tuple[Flip, ...]  # those that lost agreement first, then those that won it
    criteria: tuple[CriterionChange, ...]  # those that changed most first

    @property
    def passes(self) -> bool:
        """The gate is non-inferiority: the candidate is better, or no worse than the margin."""
        return self.comparison.outcome in PASSING


def items_of(run: Run) -> list[GradedItem]:
    """A run's verdicts as items; a cluster is a transcript."""
    return [GradedItem(row.case, row.item, row.status, row.gold) for row in run.rows]


def compare_runs(base: Run, candidates: Sequence[Run], metric: str = "accuracy", margin: float = MARGIN) -> list[Compared]:
    """Each candidate against the base, corrected for their number. Runs over different items are refused (ConfigurationError)."""
    found = []
    for candidate in candidates:
        _same_items(base, candidate)
        paired = pair(items_of(base), items_of(candidate))
        flips = tuple(sorted(_flips(base, candidate), key=_lost_first))
        found.append(Compared(base, candidate, compare_paired(paired, metric, margin), flips, _criteria(base, candidate, metric)))
    if len(found) > 1:
        adjusted = holm([one.comparison.p for one in found])
        found = [
            Compared(one.base, one.candidate, one.comparison.corrected(p), one.flips, one.criteria) for one, p in zip(found, adjusted, strict=True)
        ]
    return found


def _lost_first(flip: Flip) -> tuple[int, str, str, str]:
    return (-1, 1, 0).index(flip.effect), flip.base.section, flip.base.criterion, flip.base.case


def _same_items(base: Run, candidate: Run) -> None:
    if base.dataset != candidate.dataset:
        raise ConfigurationError(
            f"{base.id} and {candidate.id} were made over different datasets ({base.cases} {base.dataset}, {candidate.cases} {candidate.dataset}): "
            "run both again over the same cases."
        )
    mine, theirs = ({(row.case, row.item) for row in run.rows} for run in (base, candidate))
    if mine != theirs:
        raise ConfigurationError(f"{base.id} and {candidate.id} graded different sections or trials: {len(mine ^ theirs)} verdicts are in one only.")


def _flips(base: Run, candidate: Run) -> list[Flip]:
    other = {(row.case, row.item): row for row in candidate.rows}
    return [Flip(row, now) for row in base.rows if (now := other[row.case, row.item]).status != row.status]


def _criteria(base: Run, candidate: Run, metric: str) -> tuple[CriterionChange, ...]:
    """Every criterion that flipped, with a p-value that is corrected for all of them."""
    other = {(row.case, row.item): row for row in candidate.rows}
    rows = sorted(base.rows, key=lambda row: row.criterion)
    changes: list[CriterionChange] = []
    for criterion, group in groupby(rows, key=lambda row: row.criterion):
        pairs = [(row, other[row.case, row.item]) for row in group]
        flips = [Flip(row, now) for row, now in pairs if row.status != now.status]
        verdicts = [PairedVerdict(row.case, row.item, row.status, now.status, row.gold) for row, now in pairs]
        p = compare_paired(verdicts, metric, draws=1000).p if flips else 1.0
        effects = [flip.effect for flip in flips]
        changes.append(CriterionChange(criterion, pairs[0][0].section, len(pairs), len(flips), effects.count(1), effects.count(-1), p))
    adjusted = holm([change.p for change in changes])
    corrected = [CriterionChange(c.criterion, c.section, c.items, c.flips, c.better, c.worse, p) for c, p in zip(changes, adjusted, strict=True)]
    return tuple(sorted((c for c in corrected if c.flips), key=lambda c: (-c.flips, c.criterion)))
