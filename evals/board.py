"""The graders side by side, as a table for people: written into a Markdown file by `python -m evals board`."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.errors import ConfigurationError
from evals.attacking import Outcome
from evals.run import Run
from evals.summary import agreement_of, calibrated, failed_quotes, intervals, number, ordering

BEGIN, END = "<!-- graders -->", "<!-- /graders -->"
HEAD = (
    "| grader | interviews | kappa | macro F1 | accuracy | coverage | calibration error | failed quotes | attacks credited | weak < mid < strong |",
    "|---|--:|---|---|---|--:|--:|--:|--:|--:|",
)
_SECTION = re.compile(f"{BEGIN}.*?{END}", re.DOTALL)


def board(runs: Sequence[Run], attacks: Mapping[str, Sequence[Outcome]]) -> str:
    """A row for each run. Kappa, macro F1 and accuracy are of the verdicts that the grader gave; coverage says how many these are."""
    rows = "\n".join(_row(run, attacks.get(run.title, ())) for run in runs)
    return "\n".join([*HEAD, rows])


def _row(run: Run, outcomes: Sequence[Outcome]) -> str:
    if any(outcome.broken for outcome in outcomes):
        raise ConfigurationError(f"An attack on {run.title} broke a promise of the code: `python -m evals attack` says which.")
    found = agreement_of(run.rows)
    ends = intervals(run, ("kappa_of_judged", "macro_f1_of_judged", "accuracy_of_judged"))
    orders = list(ordering(run.case_scores).values())
    known = [order for order in orders if order is not None]
    credited = sum(bool(outcome.credited) for outcome in outcomes)
    cells = [
        run.title,
        str(len({row.case for row in run.rows})),
        _with(found.kappa_of_judged, ends["kappa_of_judged"]),
        _with(found.macro_f1_of_judged, ends["macro_f1_of_judged"]),
        _with(found.accuracy_of_judged, ends["accuracy_of_judged"]),
        number(found.coverage),
        number(calibrated(run).expected_error),
        f"{failed_quotes(run)[0]:.0%}",
        f"{credited} of {len(outcomes)}" if outcomes else "",
        f"{sum(known)} of {len(known)}" if known else "",
    ]
    return f"| {' | '.join(cells)} |"


def _with(value: float | None, ends: tuple[float, float] | None) -> str:
    return f"{number(value)} [{ends[0]:.2f}, {ends[1]:.2f}]" if value is not None and ends else number(value)


def written(table: str, path: Path) -> None:
    """Put the table between its marks in a file; ConfigurationError when the marks are not there."""
    text = path.read_text(encoding="utf-8")
    if not _SECTION.search(text):
        raise ConfigurationError(f"{path} has no place for the table: add the lines {BEGIN} and {END}.")
    path.write_text(_SECTION.sub(lambda _: f"{BEGIN}\n{table}\n{END}", text), encoding="utf-8")
