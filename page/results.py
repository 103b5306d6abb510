"""What follows an interview: the progress of the grading, then the scorecard, the downloads and what to practise."""

from agent.assembly import Parts
from agent.library import Library
from agent.schema import Scorecard, SectionResult
from agent.session import InterviewSession
from page.rail import HOME
from page.words import escaped

PRACTICE_MINUTES = 10.0
MOST_PRACTISED = 2


def headline(session: InterviewSession) -> str:
    """The line above the scorecard: what was built, and how the interview ended."""
    started = session.interview.started
    title = f'<h1 tabindex="-1">{escaped(started.scenario.title)}</h1>'
    return f'<header class="card-head">{HOME}{title}<p>{started.level}, {started.minutes:g} minutes</p></header>'


def progress(session: InterviewSession, results: dict[str, SectionResult], library: Library) -> str:
    """The sections graded so far, while the rest are being graded."""
    reached = list(session.interview.sections)
    done = sum(1 for section in reached if section in results)
    rows = "".join(_row(library, section, results.get(section)) for section in reached)
    return (
        f'<section class="progress" aria-label="Grading"><p role="status">Your answers are being graded: {done} of {len(reached)} sections. '
        f'You can close this page; the scorecard will be here.</p><ol class="rail-list">{rows}</ol></section>'
    )


def body(session: InterviewSession, card: Scorecard, parts: Parts) -> str:
    """The scorecard itself."""
    from agent.rendering import scorecard_fragment

    return scorecard_fragment(card, session.transcript(), parts.library, session.interview.disagreements, interactive=True)


def said(session: InterviewSession, parts: Parts) -> str:
    """The whole conversation, folded; the scorecard's quotes lead into it."""
    from agent.rendering import transcript_fragment

    shown = transcript_fragment(session.transcript(), parts.library)
    return f'<details class="transcript"><summary>The whole conversation</summary><div>{shown}</div></details>'


def ungraded(results: dict[str, SectionResult], library: Library) -> str:
    """Sections whose grader failed, each with a button to grade it again."""
    failed = [name for name, result in results.items() if result.failed]
    if not failed:
        return ""
    rows = "".join(
        f"<li><span>{escaped(name)} {escaped(library.section(name).title)}: {escaped(_failure(results[name]))}</span>"
        f'<button type="button" class="plain" data-grade="{escaped(name)}" aria-label="Grade section {escaped(name)} again">Grade again</button></li>'
        for name in failed
    )
    lead = "<h2>Not graded</h2><p>This counts in no figure. Nothing you said is lost.</p>"
    return f'<section class="ungraded">{lead}<ul>{rows}</ul></section>'


def _failure(result: SectionResult) -> str:
    """What was not graded, and why."""
    return f"{'the response to the changed constraint. ' if result.status == 'graded' else ''}{result.failure}"


def downloads(interview: str, complete: bool) -> str:
    """Links to the files."""
    reports = {"html": "Report (HTML)", "md": "Report (Markdown)"} if complete else {}
    files = reports | {"json": "Transcript (JSON)"}
    links = "".join(f'<a href="download/{interview}.{kind}" download>{words}</a>' for kind, words in files.items())
    return f'<p class="downloads"><span>Download</span>{links}</p>'


def weakest(results: dict[str, SectionResult]) -> list[str]:
    """The graded sections with the lowest scores, in the order of the framework."""
    graded = [result for result in results.values() if result.score is not None]
    lowest = sorted(graded, key=lambda result: (result.score, int(result.id)))[:MOST_PRACTISED]
    return sorted((result.id for result in lowest), key=int)


def _row(library: Library, section: str, result: SectionResult | None) -> str:
    if result is None:
        state, text = "grading", "grading"
    elif result.score is None:
        state, text = "failed", "not graded"
    else:
        state, text = "done", f"{result.score:.0f}"
    name = f'<span class="number">{section}</span><span class="name">{escaped(library.section(section).title)}</span>'
    return f'<li class="{state}">{name}<span class="value">{text}</span></li>'
