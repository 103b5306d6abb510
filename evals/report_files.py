"""A report as files: HTML to read, Markdown for a pull request, JSON, CSV for a spreadsheet, JUnit for a build server.

Cases of the report split are in every figure. Their single verdicts are in no file: who reads them tunes for them.
"""

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from agent import wording
from agent.errors import ConfigurationError
from agent.rendering import escaped
from agent.text import clean
from evals.compare import Compared, Flip
from evals.comparing import comparison_json, noise_of
from evals.report import Report
from evals.report_diff import prompt_diffs, settings_diff
from evals.report_figures import Line, confusion_rows
from evals.report_html import as_html
from evals.run import Row, Run
from evals.summary import calibrated, run_summary

REPORTS = Path("data/evals/reports")
MOST_LINES = 60  # of the Markdown: what a reviewer reads
MOST_CANDIDATES = 5
MOST_CRITERIA = 12
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet takes for the beginning of a formula


# --- JSON -------------------------------------------------------------------------------------------------------


def as_json(report: Report) -> str:
    """Everything; a figure that is not defined is null."""
    return json.dumps(defined({**summary_json(report), "items": _items(report)}), ensure_ascii=False, indent=1, allow_nan=False)


def summary_json(report: Report) -> dict[str, Any]:
    """The figures, without single verdicts."""
    return {
        "id": report.id,
        "looks": report.looks,
        "notes": report.notes,
        "runs": [_run_json(run) for run in report.runs],
        "lines": [{"name": one.name, "kind": one.kind, **asdict(one.found), "intervals": one.intervals} for one in report.lines],
        "comparisons": [_compared_json(one, report.metric) for one in report.compared],
    }


def _run_json(run: Run) -> dict[str, Any]:
    dumped = run.model_dump(include={"grader", "splits", "sections", "dataset", "corpus", "prompts", "thresholds", "section_scores", "case_scores"})
    bins = [asdict(one) for one in calibrated(run).bins]
    return {**run_summary(run), **dumped, "confusion": [asdict(row) for row in confusion_rows(run)], "calibration_bins": bins}


def _compared_json(one: Compared, metric: str) -> dict[str, Any]:
    effects = [flip.effect for flip in one.flips]
    return {
        "base": one.base.id,
        "candidate": one.candidate.id,
        "passes_gate": one.passes,
        **comparison_json(one.comparison),
        "noise": noise_of(one.base, metric),
        "flips": {"lost": effects.count(-1), "won": effects.count(1), "neither": effects.count(0)},
        "criteria": [asdict(change) for change in one.criteria],
        "prompts": [asdict(diff) for diff in prompt_diffs(one.base, one.candidate)],
        "thresholds": [asdict(setting) for setting in settings_diff(one.base, one.candidate)],
    }


def _items(report: Report) -> dict[str, Any]:
    rows = list(_shown(report))
    return {
        "withheld": len(report.base.rows) - len(rows),
        "verdicts": [
            {
                **first.model_dump(include={"case", "section", "criterion", "tier", "trial", "gold"}),
                "runs": {run.id: row.model_dump(include={"status", "confidence", "reason", "quote", "turn", "attempts"}) for run, row in given},
            }
            for first, given in rows
        ],
    }


def defined(value: Any) -> Any:
    """Plain values with None for what is not a number: JSON has no nan."""
    if isinstance(value, dict):
        return {key: defined(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [defined(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _shown(report: Report) -> Iterator[tuple[Row, list[tuple[Run, Row]]]]:
    """Every item that may be read: the base's verdict, and each run's."""
    hidden = set(report.base.figures_only)
    tables = [(run, {(row.case, row.item): row for row in run.rows}) for run in report.runs]
    for row in report.base.rows:
        if row.case not in hidden:
            yield row, [(run, table[row.case, row.item]) for run, table in tables]


# --- CSV --------------------------------------------------------------------------------------------------------


def as_csv(report: Report) -> str:
    """A line a verdict."""
    file = io.StringIO()
    writer = csv.writer(file)
    suffixes = [""] if not report.compared else [f" {name}" for name in report.names]
    writer.writerow(
        ["case", "section", "criterion", "tier", "trial", *(f"verdict{one}" for one in suffixes), "gold", *(f"confidence{one}" for one in suffixes)]
    )
    for first, given in _shown(report):
        place = (first.case, first.section, first.criterion, first.tier, str(first.trial + 1))
        verdicts, sure = [row.status for _, row in given], [f"{row.confidence:.4f}" for _, row in given]
        writer.writerow(map(spreadsheet_safe, (*place, *verdicts, "/".join(first.gold), *sure)))
    return file.getvalue()


def spreadsheet_safe(cell: str) -> str:
    """A cell that no spreadsheet runs as a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell


# --- JUnit ------------------------------------------------------------------------------------------------------


def as_junit(report: Report) -> str:
    """A suite a run, a test case for each section of each interview."""
    flips: dict[str, tuple[Flip, ...]] = {one.candidate.id: one.flips for one in report.compared}
    root = ElementTree.Element("testsuites", name=clean(report.id))
    for place, run in enumerate(report.runs):
        root.append(_suite(run, flips.get(run.id, ()) if place else (), report))
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _suite(run: Run, flips: Iterable[Flip], report: Report) -> ElementTree.Element:
    lost: dict[tuple[str, str], list[Flip]] = {}
    for flip in flips:
        if flip.effect < 0:
            lost.setdefault((flip.base.case, flip.base.section), []).append(flip)
    scores: dict[tuple[str, str], list[str | None]] = {}  # case and section -> why each trial is unscored; None: it is scored
    for one in run.section_scores:
        scores.setdefault((one.case, one.section), []).append(None if one.score is not None else one.note or "no score")
    suite = ElementTree.Element("testsuite", name=clean(run.id), tests=str(len(scores)), errors="0")
    for (case, section), notes in scores.items():
        test = ElementTree.SubElement(suite, "testcase", classname=clean(case), name=clean(wording.section_title(section, report.library)))
        if notes[0] is not None and None not in notes:
            ElementTree.SubElement(test, "skipped", message=clean(f"unscored: {notes[0]}"))
        elif (case, section) in lost:
            _failure(test, lost[case, section], hidden=case in run.figures_only)
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    return suite


def _failure(test: ElementTree.Element, flips: list[Flip], hidden: bool) -> None:
    count = f"{len(flips)} verdict{'s' if len(flips) > 1 else ''} no longer agree{'' if len(flips) > 1 else 's'} with gold"
    failure = ElementTree.SubElement(test, "failure", type="lost agreement", message=count)
    lines = [f"{flip.base.criterion}: {flip.base.status} -> {flip.candidate.status} (gold {'/'.join(flip.base.gold)})" for flip in flips]
    failure.text = "A case of the report split: figures only." if hidden else clean("\n".join(lines))


# --- Markdown ---------------------------------------------------------------------------------------------------


def as_markdown(report: Report) -> str:
    """The verdict first, then the least that a reviewer needs; never more than MOST_LINES lines."""
    head = [*_verdicts(report), *_table(report.lines), "", *_looked(report)]
    return "\n".join([*head, *_changes(report, MOST_LINES - len(head))]) + "\n"


def _verdicts(report: Report) -> Iterator[str]:
    if not report.compared:
        yield f"**{escaped(report.base.title)}** on {escaped(report.base.cases)}: agreement with gold over {len(report.base.rows)} verdicts."
        yield ""
        return
    for one in report.compared[:MOST_CANDIDATES]:
        gate = "passes" if one.passes else "does not pass"
        yield f"**{escaped(one.comparison.sentence)}**"
        yield ""
        yield f"{escaped(one.base.title)} → {escaped(one.candidate.title)} on {escaped(one.base.cases)}; it {gate} the gate."
        yield noise_of(one.base, report.metric)
        yield ""
    if len(report.compared) > MOST_CANDIDATES:
        yield f"... and {len(report.compared) - MOST_CANDIDATES} more candidates: see report.html."
        yield ""


def _table(lines: list[Line]) -> Iterator[str]:
    yield "| | verdicts | accuracy | 95 % interval | macro F1 | kappa | coverage |"
    yield "|---|--:|--:|--:|--:|--:|--:|"
    runs = [one for one in lines if one.kind in ("base", "candidate")]
    for one in [*runs[: MOST_CANDIDATES + 1], *(one for one in lines if one not in runs)]:
        ends = one.intervals["accuracy"]
        cells = (
            _number(one.found.accuracy),
            f"{_number(ends[0])} to {_number(ends[1])}" if ends else "–",
            *map(_number, (one.found.macro_f1, one.found.kappa, one.found.coverage)),
        )
        yield f"| {escaped(one.name)} | {one.found.items} | {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.2f}"


def _looked(report: Report) -> Iterator[str]:
    if report.looks is not None:
        yield f"The report split has been looked at {report.looks} times."
        yield ""
    for note in report.notes:
        yield f"Note: {escaped(note)}"
        yield ""


def _changes(report: Report, room: int) -> list[str]:
    """The criteria that flipped, as many as there is room for."""
    lines: list[str] = []
    for name, one in list(zip(report.names[1:], report.compared, strict=True))[:MOST_CANDIDATES]:
        if not one.criteria:
            lines += [f"No verdict of {name} flipped.", ""]
            continue
        shown = one.criteria[:MOST_CRITERIA]
        rows = [f"| {escaped(c.criterion)} | {escaped(c.section)} | {c.flips} | {c.better} | {c.worse} | {c.p:.3f} |" for c in shown]
        lines += [
            f"Criteria that flipped most ({name}; {len(shown)} of {len(one.criteria)}):",
            "",
            "| criterion | section | flips | towards gold | away | p (Holm) |",
            "|---|--:|--:|--:|--:|--:|",
            *rows,
            "",
        ]
    return lines if len(lines) <= room else [*lines[: room - 2], "", "More is in report.html."]


FILES: dict[str, Callable[[Report], str]] = {
    "report.html": as_html,
    "report.md": as_markdown,
    "report.json": as_json,
    "verdicts.csv": as_csv,
    "junit.xml": as_junit,
}


def write_report(report: Report, folder: Path | None = None) -> dict[str, Path]:
    """Write every file of a report; format -> file. Files of an earlier report are replaced."""
    home = folder or REPORTS / report.id
    try:
        home.mkdir(parents=True, exist_ok=True)
        for name, made in FILES.items():
            (home / name).write_text(made(report), encoding="utf-8", newline="")
    except OSError as error:
        raise ConfigurationError(f"{home} cannot be written: {error.strerror}. Choose another folder with --out.") from None
    return {name.rpartition(".")[2]: home / name for name in FILES}
