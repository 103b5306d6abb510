"""The start screen: the problems to choose from, the length and what it gives each section, and interviews to go on with."""

from agent.clock import divide
from agent.library import GENERAL, Library
from agent.schema import LANGUAGES, LEVELS, PERSONAS, Scenario
from agent.session import InterviewSession
from agent.settings import EMBEDDED
from page.words import escaped

USUAL_LEVEL = "senior"
MOST_LISTED = 8


def welcome(badge: str) -> str:
    """The first lines."""
    return (
        f'<header class="welcome"><div class="welcome-line"><h1>System design interview</h1>{badge}</div>'
        "<p>Design a system aloud, section by section against the clock. An interviewer asks and follows up; "
        "a scorecard quotes you for every point it gives.</p></header>"
    )


def cards(library: Library) -> str:
    """The scenarios as a group of radio buttons; the last is a problem of the candidate's own."""
    shown = [scenario for scenario in library.scenarios.values() if scenario.id != GENERAL]
    options = "".join(_card(scenario, first=number == 0) for number, scenario in enumerate(shown))
    own = (
        f'<div class="card own-card"><label>{_radio("scenario", "own", False)}<span class="card-title">Something else</span>'
        '<span class="card-brief">Name your own problem; the facts you ask for are then ordinary ones.</span></label>'
        '<label class="own-label" for="own-title">Build</label>'
        '<input type="text" id="own-title" maxlength="120" placeholder="a parking app" autocomplete="off" /></div>'
    )
    return f'<fieldset class="cards"><legend>What do you want to build?</legend>{options}{own}</fieldset>'


def levels() -> str:
    """The levels as a group of radio buttons."""
    options = "".join(f"<label>{_radio('level', level, level == USUAL_LEVEL)}<span>{level.capitalize()}</span></label>" for level in LEVELS)
    return f'<fieldset class="levels"><legend>Level</legend><div>{options}</div></fieldset>'


def personas() -> str:
    """The interviewer's tone as a group of radio buttons."""
    options = "".join(
        f"<label>{_radio('persona', persona, persona == PERSONAS[0])}<span>{persona.capitalize()}</span></label>" for persona in PERSONAS
    )
    return f'<fieldset class="levels"><legend>Interviewer <small>(tone only)</small></legend><div>{options}</div></fieldset>'


def languages(interviewer: str) -> str:
    """The language that a model speaks; the embedded interviewer has only one."""
    if interviewer == EMBEDDED:
        return ""
    options = "".join(f'<option value="{language}">{language}</option>' for language in LANGUAGES)
    return f'<label class="language">Language of the interview <select id="language">{options}</select></label>'


def plan(library: Library, minutes: float) -> str:
    """The minutes that each section gets in an interview of this length."""
    budget = divide(library.sections, minutes)
    rows = "".join(
        f"<li><span class='number'>{section.id}</span><span class='name'>{escaped(section.title)}</span>"
        f"<span class='value'>{'~' if section.id in budget.flexible else ''}{round(budget.planned[section.id] / 60, 1):g}</span></li>"
        for section in library.sections
    )
    return f'<p class="plan-head">Minutes per section</p><ol class="plan">{rows}</ol>'


async def kept(sessions: list[InterviewSession]) -> str:
    """Interviews of this browser: unfinished ones to go on with, finished ones with their scorecard."""
    if not sessions:
        return ""
    unfinished = [await _unfinished(one) for one in sessions if not one.interview.finished][:MOST_LISTED]
    finished = [_finished(one) for one in sessions if one.interview.finished][:MOST_LISTED]
    parts = []
    if unfinished:
        parts.append(f"<h2>Go on</h2><ul>{''.join(unfinished)}</ul>")
    if finished:
        parts.append(f"<h2>Your scorecards</h2><ul>{''.join(finished)}</ul>")
    return f'<section class="kept" aria-label="Your interviews">{"".join(parts)}</section>'


def _card(scenario: Scenario, first: bool) -> str:
    return (
        f'<label class="card">{_radio("scenario", scenario.id, first)}<span class="card-title">{escaped(scenario.title)}</span>'
        f'<span class="card-brief">{escaped(first_sentence(scenario.brief))}</span>'
        f'<span class="card-hard">{escaped(scenario.challenge)}</span></label>'
    )


def _radio(name: str, value: str, checked: bool) -> str:
    return f'<input type="radio" name="{name}" value="{escaped(value)}"{" checked" if checked else ""} />'


def first_sentence(text: str) -> str:
    """A text up to its first full stop."""
    head, stop, _ = text.strip().partition(". ")
    return head + "." if stop else head


async def _unfinished(session: InterviewSession) -> str:
    interview = session.interview
    left = max(0.0, interview.budget.total - await session.elapsed())
    where = f"Continue at section {interview.section.id}" if interview.section else "Begin"
    minutes = "less than a minute" if left < 60 else "1 minute" if left < 120 else f"{int(left // 60)} minutes"
    return _link(session, f"{where}, {minutes} left")


def _finished(session: InterviewSession) -> str:
    scores = [result.score for result in session.interview.results.values() if result.score is not None]
    count = f"{len(scores)} section{'' if len(scores) == 1 else 's'} graded" if scores else "nothing graded yet"
    return _link(session, f"Open the scorecard, {count}")


def _link(session: InterviewSession, words: str) -> str:
    started = session.interview.started
    return (
        f'<li><a href="?interview={escaped(session.id)}"><span class="kept-title">{escaped(started.scenario.title)}, {started.level}</span>'
        f'<span class="kept-words">{escaped(words)}</span></a></li>'
    )
