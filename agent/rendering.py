"""Scorecard and transcript as text that people read. Markdown is written here; HTML comes from `rendering_html`.

Nothing that a candidate typed or a model wrote can become structure: every value goes through `escaped`.
"""

import re
from collections.abc import Iterable, Iterator

from agent import wording
from agent.library import Library
from agent.rendering_html import NONE, Disagreements, report_css, report_html, scorecard_fragment, transcript_fragment
from agent.schema import ChangeVerdict, Finding, NextStep, Scorecard, SectionResult, Transcript, Turn
from agent.text import clean

__all__ = ["report_css", "report_html", "report_markdown", "scorecard_fragment", "transcript_fragment", "transcript_markdown"]

_ANYWHERE = re.compile(r"([\\`*_\[\]~|$])")
_LINE_START = re.compile(r"^([#>+=-]|\d{1,9}(?=[.)](?:\s|$)))")
_ENTITY = re.compile(r"&(?=#?\w+;)")
_LINKED = re.compile(r"(?i)(?<=\bhttp)(?=:)|(?<=\bhttps)(?=:)|(?<=\bftp)(?=:)|(?<=\bmailto)(?=:)|(?<=\bxmpp)(?=:)|(?<=\bwww)(?=\.)|(?=@)")
_HARD_BREAK = "\\\n"


def escaped(text: str) -> str:
    """Text on one line that Markdown shows as it is: no markup, no HTML, no link that a viewer makes by itself."""
    return _escaped_line(" ".join(clean(text).split()))


def escaped_block(text: str) -> str:
    """The same for a text with lines and paragraphs, which are kept."""
    paragraphs = re.split(r"\n\s*\n", "\n".join(line.strip() for line in clean(text).splitlines()))
    return "\n\n".join(_HARD_BREAK.join(_escaped_line(line) for line in paragraph.splitlines() if line) for paragraph in paragraphs)


def _escaped_line(line: str) -> str:
    line = _ANYWHERE.sub(r"\\\1", _ENTITY.sub("&amp;", line)).replace("<", "&lt;")
    line = _LINKED.sub(r"\\", line)
    start = _LINE_START.match(line)
    if start is None:
        return line
    return f"{start[1]}\\{line[start.end() :]}" if start[1].isdigit() else f"\\{line}"


# --- the report -------------------------------------------------------------------------------------------------


def report_markdown(card: Scorecard, transcript: Transcript | None, library: Library, disagreements: Disagreements = NONE) -> str:
    """The whole report: scorecard, every criterion, the transcript if there is one, and what it all rests on."""
    parts = [
        f"# {escaped(card.title or 'System design interview')}",
        *_signal(card),
        *_sections(card),
        *_findings("Strengths", card.strengths, transcript, library, "No criterion was fully met in the sections that were graded."),
        *_findings("Gaps", card.gaps, transcript, library, "Nothing that the level expects was missing in the sections that were graded."),
        *_next_steps(card.next_steps, library),
        "## Every criterion",
        *(part for row in card.sections for part in _section(row, card, transcript, library, disagreements)),
    ]
    if transcript is not None:
        parts += ["## Transcript", *_turns(transcript, library, "###")]
    parts += ["## How this was graded", "\n".join(f"- {name}: {escaped(value)}" for name, value in wording.basis(card))]
    return "\n\n".join(parts) + "\n"


def _signal(card: Scorecard) -> Iterator[str]:
    yield f"**{wording.signal(card)}.** {escaped(card.signal_reason)} You aimed for {card.level}."
    graded = f"{card.overall.sections_graded} of {len(card.sections)} sections graded"
    score = "No score" if card.overall.score is None else f"{wording.points(card.overall.score)} of 100"
    yield f"**{score}**{', estimated' if wording.estimated(card) else ''}; {graded}."
    yield f"*{escaped(wording.grader_name(card.grader))}.* {wording.grader_note(card.grader)}"


def _sections(card: Scorecard) -> Iterator[str]:
    yield "## Sections"
    rows = ["| Section | Score | Expected | |", "|---|--:|--:|---|"]
    for row in card.sections:
        expected = f"{wording.points(row.expected[0])} to {wording.points(row.expected[1])}" if row.expected and row.score is not None else ""
        rows.append(f"| {row.id} {escaped(row.title)} | {wording.scored(row)} | {expected} | {_state(row)} |")
    yield "\n".join(rows)


def _state(row: SectionResult) -> str:
    if row.status == "not_reached":
        return "not reached"
    if row.status == "unscored":
        return f"unscored: {escaped(row.note)}" if row.note else "unscored"
    return wording.standing(row)


def _findings(title: str, findings: Iterable[Finding], transcript: Transcript | None, library: Library, none: str) -> Iterator[str]:
    yield f"## {title}"
    empty = True
    for found in findings:
        empty = False
        yield f"**{escaped(found.statement)}** ({escaped(wording.section_title(found.section, library))})"
        if found.quote:
            yield _cited(found.quote, found.turn, transcript)
        if title == "Gaps":
            yield from _wanted(wording.better(found.criterion, found.advice, library))
    if empty:
        yield none


def _cited(quote: str, number: int | None, transcript: Transcript | None) -> str:
    turn = wording.turn_named(number, transcript)
    where = f" ([turn {turn.n}](#turn-{turn.n}), {wording.clock(turn.at)})" if turn else f" (turn {number})" if number else ""
    return f"> \u201c{escaped(quote)}\u201d{where}"


def _wanted(counts: tuple[str, ...]) -> Iterator[str]:
    if counts:
        yield "A better answer would have had:"
        yield "\n".join(f"- {escaped(point)}" for point in counts)


def _next_steps(steps: Iterable[NextStep], library: Library) -> Iterator[str]:
    yield "## Next steps"
    empty = True
    for step in steps:
        empty = False
        yield f"### {escaped(f'{step.subsection} {step.title}')}\n\n{escaped(step.why)}"
        listed = wording.reading_list(step.subsection, library)
        if listed:
            yield "\n".join(f"- **{escaped(name)}.** {escaped(text)}" for name, text in listed)
    if empty:
        yield "Nothing to study stands out."


def _section(row: SectionResult, card: Scorecard, transcript: Transcript | None, library: Library, disagreements: Disagreements) -> Iterator[str]:
    score = f": {wording.scored(row)} of 100" if row.score is not None else ""
    yield f"### {escaped(f'{row.id} {row.title}')}{score}"
    if row.status == "not_reached":
        yield f"Not reached. {wording.NOT_REACHED}"
    elif row.status == "unscored":
        yield f"Unscored. {escaped(row.note) + ' ' if row.note else ''}{wording.UNSCORED}"
    else:
        yield f"{wording.tally(row)}."
    for verdict in row.verdicts:
        seen = wording.read(verdict, row, card, library)
        sure = f" ({seen.certainty})" if seen.certainty else ""
        yield f"**{seen.word}**{sure}: {escaped(seen.statement)}"
        if verdict.quote:
            yield _cited(verdict.quote, verdict.turn, transcript)
        remarks = f" *{'; '.join(seen.remarks)}.*" if seen.remarks else ""
        yield f"{escaped(verdict.reason)}{remarks}"
        yield from _wanted(seen.better)
        kept = disagreements.get(verdict.criterion)
        if kept is not None:
            yield f"**{wording.disagreed(kept)}**"
            if kept.why:
                yield "\n".join(f"> {line}" for line in escaped_block(kept.why).split("\n"))
    if row.change is not None:
        yield from _change(row.change, row.grader or card.grader, transcript)


def _change(change: ChangeVerdict, grader: str, transcript: Transcript | None) -> Iterator[str]:
    """What became of the changed constraint: the interviewer's words, both quotes, the reason, and what a better answer would have had."""
    sure = wording.certainty(change, grader)
    yield f"#### {wording.CHANGED}"
    yield f"*{wording.CHANGE_RULE}*"
    yield "The interviewer said:"
    yield _cited(change.said, change.turn, transcript)
    yield f"**{wording.VERDICTS[change.status]}**{f' ({sure})' if sure else ''}: {escaped(change.reason)}"
    if change.before is not None:
        yield "You had said before:"
        yield _cited(change.before.quote, change.before.turn, transcript)
    if change.after is not None:
        if change.before is None:
            yield wording.NOTHING_BEFORE
        yield "And after the change:"
        yield _cited(change.after.quote, change.after.turn, transcript)
    yield from _wanted(wording.better_response(change))


# --- the transcript ---------------------------------------------------------------------------------------------


def transcript_markdown(transcript: Transcript, library: Library) -> str:
    """The interview as it was spoken. The heading of a turn is its anchor: viewers make `#turn-N` of it."""
    title = escaped(transcript.title or "System design interview")
    length = f", {transcript.minutes:g} minutes" if transcript.minutes else ""
    return "\n\n".join([f"# {title}", f"System design interview, {transcript.level} level{length}.", *_turns(transcript, library, "##")]) + "\n"


def _turns(transcript: Transcript, library: Library, heading: str) -> Iterator[str]:
    section = None
    for turn in transcript.turns:
        if turn.section != section:
            section = turn.section
            yield f"{heading} {escaped(wording.section_title(section, library))}"
        yield f"{heading}# Turn {turn.n}"
        yield f"*{_head(turn)}*"
        yield escaped_block(turn.text)
    if section is None:
        yield "Nothing was said."


def _head(turn: Turn) -> str:
    tag = wording.tag(turn)
    passages = f" on {escaped(', '.join(turn.passages))}" if tag and turn.passages else ""
    return f"{wording.speaker(turn)}, {wording.clock(turn.at)}{f', {tag}' if tag else ''}{passages}"
