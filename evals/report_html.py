"""The report as one HTML document that asks for nothing from outside.

Reasons, quotes and transcripts are hostile text: the template engine escapes every value, here and only here.
"""

import re
from functools import cache
from math import isfinite
from pathlib import Path
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from agent import wording
from agent.rendering import report_css
from agent.rendering_html import escaping
from agent.text import clean
from evals import report_diff, report_figures, report_plots, summary
from evals.compare import Compared
from evals.comparing import noise_of, repeats
from evals.metrics import LABELS
from evals.report import Report
from evals.statistics import NoiseFloor, noise_floor

HERE = Path(__file__).parent
BADGES = {"better": "good", "no worse than the margin": "good", "worse": "bad", "undecided": "warn"}
_EDGES = re.compile(r"\A([ \n\t]*)(.*?)([ \n\t]*)\Z", re.DOTALL)


def as_html(report: Report) -> str:
    """The whole document."""
    css = Markup(report_css() + (HERE / "report.css").read_text(encoding="utf-8"))
    dataset = report.dataset
    return (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            css=css,
            base=report.base,
            runs=list(zip(report.names, report.runs, strict=True)),
            comparisons=[_compared(name, one, report.metric) for name, one in zip(report.names[1:], report.compared, strict=True)],
            slices={name: report_figures.sliced(report.runs, key) for name, key in summary.SLICES.items()},
            signals=list(zip(*(run.case_scores for run in report.runs), strict=True)),
            scores=list(zip(*(run.section_scores for run in report.runs), strict=True)),
            abouts={case.id: case.entry for case in dataset} if dataset else {},
        )
    )


def _compared(name: str, one: Compared, metric: str) -> dict[str, Any]:
    floor: NoiseFloor | None = noise_floor(repeats(one.base), metric) if one.base.trials > 1 else None
    return {
        "name": name,
        "one": one,
        "noise": noise_of(one.base, metric),
        "plot": report_plots.interval_plot(one.comparison, floor),
        "floor": floor,
        "prompts": report_diff.prompt_diffs(one.base, one.candidate),
        "settings": report_diff.settings_diff(one.base, one.candidate),
        "effects": [sum(flip.effect == effect for flip in one.flips) for effect in (-1, 1, 0)],
    }


@cache
def _environment() -> Environment:
    made = escaping(HERE / "templates", _visible)
    made.globals.update(words=wording, figures=report_figures, plots=report_plots, summary=summary, badges=BADGES, labels=LABELS)
    made.filters.update(figure=figure, amount=amount, chance=chance)
    return made


def _visible(value: object) -> object:
    """Text without characters that reorder or hide other text; spaces at its ends stay, since a turn comes in pieces."""
    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    edges = _EDGES.match(value)
    return f"{edges[1]}{clean(edges[2])}{edges[3]}" if edges else value


def figure(value: float | None, digits: int = 2, sign: str = "") -> str:
    """A figure, or a dash where it is not defined; a minus is written as one."""
    if value is None or not isfinite(value):
        return "–"
    rounded = round(value, digits)
    return f"{rounded:{sign}.{digits}f}".replace("-", "\u2212") if rounded else f"{0:.{digits}f}"


def chance(p: float) -> str:
    """A p-value."""
    return "< 0.001" if p < 0.001 else figure(p, 3)


def amount(value: float, metric: str, sign: str = "") -> str:
    """A share in points of 100, a kappa as it is."""
    return figure(value, 3, sign) if "kappa" in metric else f"{figure(100 * value, 1, sign)} points"
