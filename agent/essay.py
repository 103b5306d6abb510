"""Reads a design that the candidate wrote down: no labels, all of it the candidate's, a paragraph a turn."""

import re
from collections.abc import Callable, Sequence

from agent.lines import Line, depth, heading, reflowed
from agent.sectioning import Utterance
from agent.text import words

SHORT = 12  # words: a shorter paragraph leads in to the next one
LONGEST_HEADING = 6  # words of a line by itself that may be a heading without marks
UNMARKED = 6  # the depth of such a heading: within any heading that has marks
_RULE = re.compile(r"^\s*(?:[-=*_]\s*){3,}$")
_FENCE = re.compile(r"^\s*(?:```|~~~)")


def read_essay(lines: Sequence[Line], named: Callable[[str], str | None]) -> list[Utterance]:
    """The paragraphs of an essay. A heading that names a section holds until the next one of its depth; other headings stay in the text."""
    found: list[Utterance] = []
    held: list[str] = []  # what waits for the next paragraph
    count = 0  # its words, but for headings
    section: str | None = None
    top = 0  # depth of the heading that named the section
    for paragraph in _paragraphs(lines, named):
        title = _title(paragraph, named)
        if title is None:
            held += ["", *paragraph]
            count += sum(len(words(line)) for line in paragraph)
            if count >= SHORT:
                found.append(Utterance("candidate", reflowed(held), section=section))
                held, count = [], 0
            continue
        deep = depth(paragraph[0]) if heading(paragraph[0]) is not None else UNMARKED
        if section is not None and deep > top:
            held += ["", title]
            continue
        _close(found, held, section)
        section, top, count = named(title), deep, 0
        held = [title] if section is None else []
    _close(found, held, section)
    return found


def _close(found: list[Utterance], held: list[str], section: str | None) -> None:
    """Put what is left before a heading or the end to the paragraph before it, if that is of the same section."""
    text = reflowed(held)
    if not text:
        return
    if found and found[-1].section == section:
        found[-1] = Utterance("candidate", f"{found[-1].text}\n\n{text}", section=section)
    else:
        found.append(Utterance("candidate", text, section=section))


def _paragraphs(lines: Sequence[Line], named: Callable[[str], str | None]) -> list[list[str]]:
    """The lines between empty ones; a heading is by itself, a block of code is not torn apart."""
    paragraphs: list[list[str]] = [[]]
    fenced = False
    for line, following in zip(lines, [*lines[1:], Line(0, "")], strict=True):
        fenced ^= bool(_FENCE.match(line.text))
        if fenced:
            paragraphs[-1].append(line.text)
        elif not line.text.strip():
            paragraphs.append([])
        elif _is_heading(line.text, following.text) or (not paragraphs[-1] and _unmarked(line.text, named)):
            paragraphs += [[line.text], []]
        elif not _RULE.match(line.text):
            paragraphs[-1].append(line.text)
    return [paragraph for paragraph in paragraphs if paragraph]


def _is_heading(line: str, following: str) -> bool:
    """Whether a line is marked as a heading, by its own signs or by a rule below it."""
    return heading(line) is not None or (bool(_RULE.match(following)) and 0 < len(line.split()) <= LONGEST_HEADING and not _RULE.match(line))


def _unmarked(line: str, named: Callable[[str], str | None]) -> bool:
    """Whether a line reads as a heading without marks: "Scaling", "6) Data storage", "**Frontend**"."""
    bare = line.strip().strip("*_ ")
    short = 0 < len(bare.split()) <= LONGEST_HEADING and not bare.endswith((".", "?", "!", ",", ";"))
    return short and ":" not in bare[:-1] and not line.lstrip().startswith(("- ", "* ", "+ ")) and named(bare) is not None


def _title(paragraph: list[str], named: Callable[[str], str | None]) -> str | None:
    if len(paragraph) != 1:
        return None
    marked = heading(paragraph[0])
    if marked is not None:
        return marked
    return paragraph[0].strip().strip("*_ ") if _unmarked(paragraph[0], named) else None
