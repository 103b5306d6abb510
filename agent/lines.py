"""What a single line of a transcript's text is: a speaker's label, a time, a heading, a remark at the top of the file.

Labels come in many forms: "Candidate: ...", "**Bob:** ...", "[00:12:31] I: ...", "INTERVIEWER - ...", "Bob (candidate)  0:12" with
the words on the next line (Zoom, Otter, Teams), `<v Bob>` in a WebVTT cue, and "*Candidate, 00:12*" in our own export.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.text import clean, words

_STAMP = r"[\[(]?\b(?:\d{1,2}:)?\d{1,3}:\d{2}(?:[.,]\d{1,3})?\b(?:\s?[ap]\.?m\b\.?)?[\])]?"
_NAME = r"[^\W\d_][\w.'\u2019]*(?:[ \t]+[\w.'\u2019]+){0,3}?"
_LABEL = re.compile(
    rf"^(?P<item>[-+*]\s+)?[>#\s]*(?P<before>{_STAMP})?[\s*_\u2013-]*[\[<]?(?:From\s+)?(?P<name>{_NAME})(?:\s+to\s+Everyone)?[\]>]?"
    rf"\s*(?:[\[(](?P<role>[A-Za-z ]{{1,30}})[\])])?[*_\s,]*(?P<after>{_STAMP})?[*_]*\s*"
    r"(?P<mark>:|\s[-\u2013\u2014]+(?=\s|$)|$)[*_\s]*(?P<text>.*)$",
    re.IGNORECASE,
)
_STAMPED = re.compile(rf"^(?P<name>{_NAME})\s+(?P<after>{_STAMP})\s+(?P<text>\S.*)$", re.IGNORECASE)
_EXPORTED = re.compile(rf"^\*(?P<name>Interviewer|Candidate), (?P<after>{_STAMP})(?:, [^*]*)?\*$")
_TIME = re.compile(rf"^[\s*_-]*(?P<stamp>{_STAMP})[\s*_-]*$", re.IGNORECASE)
_CUE = re.compile(r"^\s*(?P<start>(?:\d+:)?\d{1,2}:\d{1,2}[.,]\d{1,3})\s*-->")
_VOICE = re.compile(r"^<v(?:\.\S+)?\s+(?P<name>[^>]+)>(?P<text>.*?)(?:</v>)?$")
_TAG = re.compile(r"</?[a-z][^>]*>")
_HEADING = re.compile(
    r"^\s{0,3}(?:(?P<depth>#{1,6})\s+(?P<hash>.+?)\s*#*|[-=]{2,}\s*(?P<rule>[^-=\s].*?)\s*[-=]{2,}|\[(?P<square>[^\]\d][^\]]*)\])\s*$"
)
_ITEM = re.compile(r"^\s*(?:[-*+\u2022]|\d+[.)])\s|^\s*\|")
_REMARK = re.compile(
    r"^[-*#>\s]*(?P<key>scenario|problem|title|topic|level|date|time|duration|length|role|position|participants|attendees|company|interview|recorded"
    r"|recording|transcript|transcribed by|meeting|source)\**\s*:\s*\**\s*(?P<value>.{0,120})$",
    re.IGNORECASE,
)

LONGEST_LABEL, LONGEST_HEADING = 160, 200  # characters: what is longer is speech
INTERVIEWER = frozenset("interviewer int i q question host moderator panel panelist recruiter examiner assistant ai bot chatgpt".split())
CANDIDATE = frozenset("candidate cand c a answer interviewee applicant respondent r user".split())
SURE = frozenset("interviewer moderator panelist candidate interviewee applicant respondent speaker spk".split())  # even if it stands there once
EITHER = frozenset({"me", "you"})
# Words before a colon in notes and essays that are nobody's name.
_NOT_NAMES = frozenset(
    """note notes example examples pros cons pro con option options step steps read reads write writes storage database cache latency
    throughput availability api get post put delete client server flow path problem solution summary conclusion requirements functional
    nonfunctional assumptions scale cost risks risk why what how where when result total todo http https first second third finally also""".split()
)


@dataclass(frozen=True)
class Line:
    """A line of the file; `number` counts from 1."""

    number: int
    text: str


@dataclass(frozen=True)
class Label:
    """The beginning of somebody's words, perhaps: a word and a colon can also begin a list."""

    name: str  # as written
    role: str  # "candidate" of "Bob (candidate)"
    at: float | None
    text: str  # what follows on the same line
    sure: bool  # a role, or a name with a time beside it

    @property
    def key(self) -> str:
        """The name as it is compared: "**BOB**" and "Bob" are one."""
        return " ".join(words(self.name))


def numbered(text: str) -> list[Line]:
    """The lines of a text. Of subtitles, what was said and when; numbers, notes and the gaps between the cues are left out."""
    lines = [Line(number, line) for number, line in enumerate(text.splitlines(), 1)]
    if not any(_CUE.match(line.text) for line in lines):
        return lines
    plain: list[Line] = []
    for line, following in zip(lines, [*lines[1:], Line(0, "")], strict=True):
        cue, voice, said = _CUE.match(line.text), _VOICE.match(line.text.strip()), line.text.strip()
        if cue:
            plain.append(Line(line.number, cue["start"].replace(",", ".")))
        elif said and not said.startswith(("WEBVTT", "NOTE", "STYLE", "REGION")) and not _CUE.match(following.text):
            plain.append(Line(line.number, _TAG.sub("", f"{voice['name']}: {voice['text']}" if voice else said)))
    return plain


def label(line: str) -> Label | None:
    """The label that a line begins with, if it may be one."""
    line = line.strip()
    head, rest = line[:LONGEST_LABEL], line[LONGEST_LABEL:]
    match = _EXPORTED.match(head) or _STAMPED.match(head) or _LABEL.match(head)
    if match is None or (rest and not match.groupdict().get("text")):
        return None
    found = {"item": None, "before": None, "role": None, "mark": "", "text": "", **match.groupdict()}
    name, stamp, role = match["name"].strip(), found["before"] or match["after"], found["role"] or ""
    stated = is_role(name) or is_role(role)
    if found["mark"] != ":" and not stated and (stamp is None or found["mark"] or found["text"]):
        return None  # without a colon a name needs a time beside it and the line for itself
    first = words(name)[0] if words(name) else ""
    proper = all(word[0].isupper() or not word[0].isalpha() or is_role(word) for word in name.split())
    if not proper or (not stated and first in _NOT_NAMES):
        return None
    sure = bool(SURE & _bare(f"{name} {role}")) or stamp is not None
    if not sure and not stated and (found["item"] or len(name.split()) > 3):
        return None
    return Label(name, role, seconds(stamp) if stamp else None, (found["text"] or "") + rest, sure)


def is_role(name: str) -> bool:
    """Whether a name says what somebody is rather than who."""
    found = _bare(name)
    return bool(found & SURE) or (len(found) == 1 and bool(found & (INTERVIEWER | CANDIDATE | EITHER)))


def _bare(name: str) -> set[str]:
    """The words of a name without the numbers: "Speaker1" and "SPEAKER_00" are speakers."""
    return {bare for word in words(name) if (bare := word.rstrip("0123456789"))}


def heading(line: str) -> str | None:
    """The text of a Markdown heading, or of a line such as "--- Data storage ---" or "[Data storage]"; None for others."""
    match = _HEADING.match(line) if len(line) <= LONGEST_HEADING else None
    return None if match is None else match["hash"] or match["rule"] or match["square"]


def depth(line: str) -> int:
    """How deep a heading is: 1 for "#"; 2 for the other forms."""
    match = _HEADING.match(line)
    return len(match["depth"]) if match and match["depth"] else 2


def time_alone(line: str) -> float | None:
    """The seconds of a line that holds nothing but a time."""
    match = _TIME.match(line)
    return seconds(match["stamp"]) if match else None


def remarks(lines: Sequence[Line]) -> tuple[dict[str, str], int]:
    """What the top of a file says about the interview ("level" -> "senior"), and how many lines that takes."""
    found: dict[str, str] = {}
    end = 0
    for position, line in enumerate(lines):
        match = _REMARK.match(line.text)
        if match:
            found.setdefault(match["key"].lower(), match["value"].strip(" *\"'"))
            end = position + 1
        elif line.text.strip(" -=") and heading(line.text) is None:
            break
    return found, end


def seconds(stamp: str) -> float:
    """ "00:12:31", "12:31" (minutes and seconds) or "2:05 PM" in seconds."""
    figures = [float(part.replace(",", ".")) for part in re.findall(r"\d+(?:[.,]\d+)?", stamp)]
    half = re.search(r"([ap])\.?m", stamp, re.IGNORECASE)
    if half and len(figures) == 2:
        figures.append(0.0)
    total = 0.0
    for figure in figures:
        total = total * 60 + figure
    return total if half is None else total % 43200 + (43200 if half[1].lower() == "p" else 0)


def reflowed(lines: Sequence[str]) -> str:
    """Lines as one text: a line goes on the one before, unless it is a list item or follows an empty line."""
    parts: list[str] = []
    for line in lines:
        if not line.strip():
            parts += ["\n\n"] if parts and parts[-1] != "\n\n" else []
        else:
            between = "" if not parts or parts[-1] == "\n\n" else "\n" if _ITEM.match(line) else " "
            parts.append(between + line.strip())
    return clean("".join(parts))
