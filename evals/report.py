"""A report on one run, or on a base and its candidates: what is in it. `report_files` writes it."""

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from agent.errors import ConfigurationError
from agent.library import Library
from agent.replies import ReplyStore
from evals import harness
from evals.compare import MARGIN, Compared, compare_runs
from evals.dataset import Dataset, load_dataset
from evals.report_drill import Group, flip_groups, missed_group
from evals.report_figures import Line, annotators, line
from evals.run import Run, Setup
from evals.variant import BASE, load_variant
from evals.yardsticks import YARDSTICKS

LONGEST_ID = 120  # characters of a folder's name


@dataclass(frozen=True)
class Report:
    """What a report tells. Without the cases of the runs (`dataset`) it has no transcripts and no yardsticks; `notes` say why."""

    base: Run
    compared: tuple[Compared, ...]  # empty: a report on one run
    metric: str
    library: Library
    dataset: Dataset | None
    yardsticks: tuple[Run, ...]
    looks: int | None  # at the report split so far; None: none of its cases is here
    notes: tuple[str, ...]  # what is missing, and why

    @property
    def runs(self) -> tuple[Run, ...]:
        """The base first."""
        return (self.base, *(one.candidate for one in self.compared))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What the runs are called in tables."""
        if not self.compared:
            return ("run",)
        return ("base", *(["candidate"] if len(self.compared) == 1 else [f"candidate {n}" for n, _ in enumerate(self.compared, 1)]))

    @property
    def id(self) -> str:
        """Readable, and safe as the name of a folder."""
        joined = "--".join(run.id for run in self.runs)
        plain = "".join(char if char.isalnum() or char in "-._" else "-" for char in joined).lstrip(".") or "report"
        return plain if len(plain) <= LONGEST_ID else f"{plain[:LONGEST_ID]}-{hashlib.sha256(joined.encode()).hexdigest()[:6]}"

    @cached_property
    def lines(self) -> list[Line]:
        """The overall figures of all who judged these items."""
        runs = [line(name, "base" if place == 0 else "candidate", run) for place, (name, run) in enumerate(zip(self.names, self.runs, strict=True))]
        people = annotators(self.base, self.dataset) if self.dataset else None
        others = [line(run.model, "yardstick", run) for run in self.yardsticks]
        return [*runs, *others, *([line("first annotation pass against the second", "annotators", people)] if people else [])]

    @cached_property
    def groups(self) -> list[tuple[str, list[Group]]]:
        """The drill-down: flips by candidate, then what no run judges as gold does."""
        named = dict(zip(self.names, self.runs, strict=True))
        flips = [(name, flip_groups(one, self.dataset, name)) for name, one in zip(self.names[1:], self.compared, strict=True)]
        return [*flips, ("", [missed_group(named, self.dataset)])]


def make_report(runs: Sequence[Run], library: Library, metric: str = "accuracy", margin: float = MARGIN) -> Report:
    """Everything about some runs; the first is the base. ConfigurationError when they cannot be compared or hold no verdict.

    It computes the yardsticks anew, which takes an event loop of its own: not for use within one.
    """
    base, *candidates = runs
    empty = [run.id for run in runs if not run.rows]
    if empty:
        raise ConfigurationError(f"{', '.join(empty)} holds no verdict: make it again with `python -m evals run`.")
    compared = compare_runs(base, candidates, metric, margin) if candidates else []
    dataset, notes = _cases(base, library)
    yardsticks, more = asyncio.run(_yardsticks(base, dataset, library)) if dataset else ([], [])
    return Report(base, tuple(compared), metric, library, dataset, tuple(yardsticks), None, (*notes, *more))


def _cases(run: Run, library: Library) -> tuple[Dataset | None, list[str]]:
    """The cases that a run was made over, if they are still as they were."""
    try:
        dataset = load_dataset(library, run.cases, run.only)
    except ConfigurationError as error:
        return None, [f"The cases cannot be read, so there are no transcripts, yardsticks and annotators here: {str(error).splitlines()[0]}"]
    if dataset.digest != run.dataset:
        return None, ["The cases or their gold changed since the run was made, so there are no transcripts, yardsticks and annotators here."]
    return dataset, []


async def _yardsticks(run: Run, dataset: Dataset, library: Library) -> tuple[list[Run], list[str]]:
    """What graders that any real one must beat make of the same cases."""
    found, notes = [], []
    for name in YARDSTICKS:
        store = ReplyStore()
        try:
            inputs = harness.Inputs(load_variant(BASE), dataset, library)
            evaluation = await harness.prepare(
                Setup(cases=run.cases, only=run.only, model=name, sections=run.sections, elsewhere=run.elsewhere), inputs, store
            )
            found.append(evaluation.scored())
        except ConfigurationError as error:
            notes.append(f"The yardstick {name} could not be computed: {str(error).splitlines()[0]}")
        finally:
            store.close()
    return found, notes
