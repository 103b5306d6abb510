"""The rail: the sections of an interview with time, state and score. It is the clock."""

from agent.clock import NUDGE_AT, as_clock
from agent.library import Library
from agent.state import Interview
from page.status import Status
from page.words import escaped


def rail(interview: Interview, library: Library, status: Status) -> str:
    """The list of sections, and for narrow pages a strip that opens to it. The script repaints the times in between."""
    rows = "".join(_row(interview, library, section, status) for section in interview.started.sections)
    data = escaped(status.model_dump_json())
    return (
        f'<nav id="rail" aria-label="Sections" data-status="{data}"><ol class="rail-list">{rows}</ol>'
        f'<details class="strip"><summary>{_now(library, status)}</summary><ol class="rail-list">{rows}</ol></details></nav>'
    )


def header(interview: Interview, badge: str, status: Status) -> str:
    """The line above the interview: problem, level, who interviews, and the time left."""
    started = interview.started
    return (
        f'<div class="topbar">{HOME}<h1>{escaped(started.scenario.title)}</h1><span class="level">{started.level}</span>{badge}'
        f'<p class="total" role="timer" aria-label="Time left"><b data-clock="total">{as_clock(status.total_left)}</b> left</p></div>'
    )


HOME = (
    '<a class="home" href="./" aria-label="All interviews"><svg viewBox="0 0 32 32" width="28" height="28" aria-hidden="true">'
    '<rect width="32" height="32" rx="7" fill="var(--accent)"/>'
    '<path d="M8 9h16M8 16h11M8 23h6" stroke="var(--on-accent)" stroke-width="3" stroke-linecap="round"/></svg></a>'
)


def _row(interview: Interview, library: Library, section: str, status: Status) -> str:
    state, text, spoken = _state(interview, section, status)
    current = ' aria-current="step"' if state.startswith("now") else ""
    clock = ' data-clock="section"' if state.startswith("now") else ""
    return (
        f'<li class="{state}"{current}><span class="number">{section}</span><span class="name">{escaped(library.section(section).title)}</span>'
        f'<span class="value"{clock} title="{escaped(spoken)}">{escaped(text)}</span><span class="sr">{escaped(spoken)}</span></li>'
    )


def _state(interview: Interview, section: str, status: Status) -> tuple[str, str, str]:
    """CSS class, text and spoken words of a section."""
    if section in interview.results:
        result = interview.results[section]
        if result.status == "not_reached":
            return "missed", "not reached", "not reached"
        if result.score is None:
            return "failed", "not graded", "the grader failed; it can be graded again"
        return "done", f"{result.score:.0f}", "points of 100"
    if section in interview.closed:
        return "grading", "grading", "over, being graded"
    if section == status.section:
        over = status.section_left <= (1 - NUDGE_AT) * status.section_seconds
        return ("now late" if over else "now"), as_clock(status.section_left), "left in this section"
    if status.finished:
        return "missed", "not reached", "not reached"
    about = "~" if section in interview.budget.flexible else ""
    return "ahead", about + as_clock(interview.budget.planned[section]), "planned"


def _now(library: Library, status: Status) -> str:
    if status.section is None:
        return "Sections"
    name = f'<span class="number">{status.section}</span> <span class="name">{escaped(library.section(status.section).title)}</span>'
    return f'{name} <b data-clock="section">{as_clock(status.section_left)}</b>'
