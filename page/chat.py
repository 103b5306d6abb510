"""The conversation as HTML: turns, hand-overs, tags with the passages behind a question, and what went wrong."""

from collections.abc import Mapping

from agent.errors import Conflict, InterviewError
from agent.events import Answered, AnyEvent, Asked
from agent.library import Library
from agent.schema import Subsection, Turn
from agent.state import Interview
from page.words import escaped, formatted, long_time

NAMES = {"interviewer": "Interviewer", "candidate": "You"}
MOST_TAGS = 2


def conversation(interview: Interview, library: Library, notices: Mapping[int, str]) -> str:
    """All turns in order. `notices`: turn number -> why the embedded interviewer spoke instead of the model."""
    parts: list[str] = []
    section = ""
    for turn in interview.turns:
        if turn.section != section:
            section = turn.section
            parts.append(handover(library, section, interview.sections[section].seconds))
        parts.append(_turn(turn, interview, library))
        if turn.n in notices:
            parts.append(f'<p class="notice">{escaped(notices[turn.n])}</p>')
    return f'<div id="log" role="log" aria-live="polite" aria-label="Conversation">{"".join(parts)}</div>'


def speaking(text: str, heading: str = "") -> str:
    """The utterance that is being spoken, in the form it will have in the conversation; `heading`: the hand-over that it begins with."""
    return heading + f'<div class="turn interviewer" aria-hidden="true"><p class="who">Interviewer</p><div class="said">{formatted(text)}</div></div>'


def handover(library: Library, section: str, seconds: float) -> str:
    """The line between two sections."""
    return f'<h2 class="handover"><span>{escaped(section)} {escaped(library.section(section).title)}, {long_time(seconds)}</span></h2>'


def coming(interview: Interview, library: Library, elapsed: float) -> str:
    """The hand-over line of the section that opens next; nothing when there is none."""
    following = interview.next_section
    return handover(library, following, interview.budget.on_opening(following, elapsed)) if following else ""


def passages(interview: Interview, library: Library) -> str:
    """The passages that tags of finished sections open; those of the open section are withheld until it is over."""
    shown = dict.fromkeys(name for turn in interview.turns for name in _tags(turn, library) if turn.section in interview.closed)
    return "".join(_passage(library.subsections[name]) for name in shown)


def notices(events: list[AnyEvent]) -> dict[int, str]:
    """Turn number -> notice, from the log."""
    spoken = [event for event in events if isinstance(event, Asked | Answered)]
    return {n: event.notice for n, event in enumerate(spoken, 1) if isinstance(event, Asked) and event.notice}


def problem(error: Exception) -> str:
    """What went wrong, in the chat's own place: what happened, what is safe, what to do."""
    if not isinstance(error, InterviewError):
        what = f"The server failed ({type(error).__name__}). What arrived is kept, and what did not is still in the box. Reload the page, then go on."
    elif isinstance(error, Conflict):
        what = f"{error} Everything said so far is kept."
    else:
        what = str(error)
    return f'<p class="problem" role="alert">{escaped(what)}</p>'


def _turn(turn: Turn, interview: Interview, library: Library) -> str:
    if turn.speaker == "candidate":
        said = f'<div class="said own" dir="auto">{escaped(turn.text)}</div>'
    else:
        said = f'<div class="said">{formatted(turn.text)}</div>'
    tags = "".join(_tag(library.subsections[name], turn.section in interview.closed) for name in _tags(turn, library))
    tags = f'<p class="tags">{tags}</p>' if tags else ""
    return f'<div class="turn {turn.speaker}"><p class="who">{NAMES[turn.speaker]}</p>{said}{tags}</div>'


def _tags(turn: Turn, library: Library) -> list[str]:
    return [name for name in dict.fromkeys(turn.passages) if name in library.subsections][:MOST_TAGS]


def _tag(part: Subsection, over: bool) -> str:
    label = f"{part.id} {part.title}"
    if over:
        return f'<button type="button" class="tag" popovertarget="{_target(part)}">{escaped(label)}</button>'
    return f'<span class="tag" title="The passage opens when this section is over">{escaped(label)}</span>'


def _passage(part: Subsection) -> str:
    points = "".join(
        f"<dt>{escaped(point.name)}</dt><dd>{formatted(point.text)}"
        + (f'<div class="good"><b>In a good answer:</b> {formatted(point.good)}</div>' if point.good else "")
        + "</dd>"
        for point in part.points
    )
    close = f'<button type="button" class="close" popovertarget="{_target(part)}" popovertargetaction="hide">Close</button>'
    return (
        f'<div popover class="passage" id="{_target(part)}" role="dialog" aria-label="{escaped(part.title)}">'
        f'<p class="passage-head">{escaped(part.id)} {escaped(part.title)}</p>{close}<dl tabindex="0">{points}</dl></div>'
    )


def _target(part: Subsection) -> str:
    return f"passage-{part.id.replace('.', '-')}"
