"""Reads who said what from the text of a real interview, whatever the note-taker or the recorder made of the speakers' names.

Understood are labels before the words ("Candidate: ...", "**Bob:** ...", "[00:12:31] I: ...", "INTERVIEWER - ..."), labels on a
line of their own with a time (Zoom, Otter, Teams), and subtitles (WebVTT, SRT). A text without labels is an essay.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from agent.errors import UnreadableTranscript
from agent.schema import Speaker
from agent.sectioning import Utterance
from agent.text import clean, words

_STAMP = r"[\[(]?\b(?:\d{1,2}:)?\d{1,3}:\d{2}(?:[.,]\d{1,3})?\b(?:\s?[ap]\.?m\b\.?)?[\])]?"
_NAME = r"[^\W\d_][\w.'\u2019]*(?:[ \t]+[\w.'\u2019]+){0,3}?"
_LABEL = re.compile(
    rf"^(?P<bullet>[-*+]\s+)?[>#\s]*(?P<before>{_STAMP})?[\s*_\u2013-]*[\[<]?(?:From\s+)?(?P<name>{_NAME})(?:\s+to\s+Everyone)?[\]>]?"
    rf"\s*(?:[\[(](?P<role>[A-Za-z ]{{1,30}})[\])])?[*_\s,]*(?P<after>{_STAMP})?[*_]*\s*(?P<mark>:|\s[-\u2013\u2014]+(?=\s|$)|$)[*_\s]*(?P<text>.*)$",
    re.IGNORECASE,
)
_INLINE = re.compile(rf"^(?P<name>{_NAME})\s+(?P<after>{_STAMP})\s+(?P<text>\S.*)$", re.IGNORECASE)
_ALONE = re.compile(rf"^[\s*_-]*(?P<stamp>{_STAMP})[\s*_-]*$", re.IGNORECASE)
_CUE = re.compile(r"^\s*(?P<start>(?:\d+:)?\d{1,2}:\d{1,2}[.,]\d{1,3})\s*-->")
_VOICE = re.compile(r"^<v(?:\.\S+)?\s+(?P<name>[^>]+)>(?P<text>.*?)(?:</v>)?$")
_TAG = re.compile(r"</?[a-z][^>]*>")
_HEADING = re.compile(r"^\s{0,3}(?:#{1,6}\s+(?P<hash>.+?)\s*#*|[-=*]{2,}\s*(?P<rule>[^-=*\s].*?)\s*[-=*]{2,}|\[(?P<square>[^\]\d][^\]]*)\])\s*$")
_ITEM = re.compile(r"^\s*(?:[-*+\u2022]|\d+[.)]|\|)\s|^\s*\|")

_INTERVIEWER = frozenset("interviewer interviewers int i q question host moderator panel panelist recruiter examiner assistant ai bot chatgpt".split())
_CANDIDATE = frozenset("candidate cand c a answer interviewee applicant respondent r user".split())
_SURE = frozenset("interviewer interviewers candidate interviewee applicant respondent speaker".split())  # a label even if it occurs once
_PAIRS = ({"i", "c"}, {"q", "a"}, {"i", "r"}, {"question", "answer"}, {"assistant", "user"}, {"ai", "user"}, {"me", "you"}, {"int", "cand"})
# Words before a colon in notes and essays that are nobody's name.
_NOT_NAMES = frozenset(
    """note notes example examples pros cons pro con option options step steps answer question read reads write writes storage database cache latency
    throughput availability api get post put delete client server flow path problem solution summary conclusion requirements functional
    nonfunctional assumptions scale cost risks risk why what how where when result total todo http https first second third finally also""".split()
)
_META = re.compile(
    r"^\s*(?:[-*#>]\s*)*\**(?P<key>scenario|problem|title|topic|level|date|time|duration|length|role|position|participants|attendees|company|interview|"
    r"recorded|recording|transcript|transcribed by|meeting|source)\**\s*:\s*\**\s*(?P<value>.{0,120})$",
    re.IGNORECASE,
)
HEADER = 15  # lines at the top that may hold "Level: senior" and the like
WALL_CLOCK = 7200.0  # seconds: a first time later than this is the time of day


@dataclass
class Said:
    """Lines under one label, while a file is read."""

    label: str
    line: int
    at: float | None
    section: str | None
    lines: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Label:
    """A line that may begin somebody's words."""

    name: str
    at: float | None
    text: str
    sure: bool  # a role, or a name with a time: a label even if it occurs once
    own_line: bool


def header(lines: Sequence[str]) -> dict[str, str]:
    """What the first lines say about the interview: "level" -> "senior", in lower-case keys."""
    found = [match for line in lines[:HEADER] if (match := _META.match(line))]
    return {match["key"].lower(): match["value"].strip(" *") for match in reversed(found)}


def is_header(line: str, number: int) -> bool:
    """Whether a line (counted from 0) is about the interview and not part of it."""
    return number < HEADER and _META.match(line) is not None


def heading(line: str) -> str | None:
    """The text of a Markdown heading, or of a line such as "--- Data storage ---" or "[Data storage]"; None for others."""
    match = _HEADING.match(line)
    return None if match is None else match["hash"] or match["rule"] or match["square"]


def read_dialogue(name: str, lines: Sequence[str], named: Callable[[str], str | None]) -> list[Utterance] | None:
    """What was said in a labelled text; None if it has no labels. `named` tells which section a heading names.

    Raises UnreadableTranscript when there are labels but nobody is the candidate. `name` is the file, for the message.
    """
    lines = _uncued(lines)
    labels = _accepted([None if is_header(line, i) else _label(line) for i, line in enumerate(lines)], lines)
    if not any(labels):
        return None
    spoken = [one for one in _gathered(lines, labels, named) if one.lines]
    roles = _roles(spoken)
    if "candidate" not in roles.values():
        first = spoken[0].line if spoken else 1
        found = ", ".join(sorted({one.label for one in spoken})) or "labels without words"
        raise UnreadableTranscript(
            f"{name}: line {first}: nobody is the candidate; the speakers are {found}. Label the candidate's turns 'Candidate:' and the others 'Interviewer:'."
        )
    offset = next((one.at for one in spoken if one.at is not None), 0.0)
    offset = offset if offset > WALL_CLOCK else 0.0
    return [
        Utterance(roles[_key(one.label)], reflowed(one.lines), None if one.at is None else max(0.0, one.at - offset), one.section) for one in spoken
    ]


def reflowed(lines: Sequence[str]) -> str:
    """Lines as one text: a line goes on the one before, unless it is an item or follows an empty line."""
    text = ""
    for line in (clean(line) if not line.startswith((" ", "\t")) else line.rstrip() for line in lines):
        if not line.strip():
            text = f"{text.rstrip()}\n\n" if text else ""
        elif _ITEM.match(line) or not text or text.endswith("\n"):
            text = f"{text.rstrip(' ')}\n{line.strip()}" if text and not text.endswith("\n") else text + line.strip()
        else:
            text = f"{text} {line.strip()}"
    return clean(text)


def seconds(stamp: str) -> float:
    """ "00:12:31", "12:31" (minutes and seconds) or "2:05:10 PM" in seconds."""
    figures = [float(part.replace(",", ".")) for part in re.findall(r"\d+(?:[.,]\d+)?", stamp)]
    half = re.search(r"([ap])\.?m", stamp, re.IGNORECASE)
    if half and len(figures) == 2:
        figures.append(0.0)
    total = 0.0
    for figure in figures:
        total = total * 60 + figure
    if half:
        total = total % 43200 + (43200 if half[1].lower() == "p" else 0)
    return total


def _uncued(lines: Sequence[str]) -> list[str]:
    """Subtitles as plain labelled lines: a cue's time stands on a line of its own, numbers and notes are gone."""
    if not any(_CUE.match(line) for line in lines):
        return list(lines)
    plain: list[str] = []
    for i, line in enumerate(lines):
        cue, following = _CUE.match(line), lines[i + 1] if i + 1 < len(lines) else ""
        if cue:
            plain.append(cue["start"].replace(",", "."))
        elif line.startswith(("WEBVTT", "NOTE", "STYLE", "REGION")) or (_CUE.match(following) and not line.strip().startswith("<")):
            plain.append("")  # the line stays, empty, so that line numbers are the file's
        else:
            voice = _VOICE.match(line.strip())
            plain.append(_TAG.sub("", f"{voice['name']}: {voice['text']}" if voice else line))
    return [line if line.strip() else "\0" for line in plain]  # a pause between cues is no paragraph


def _label(line: str) -> Label | None:
    """The label that a line may begin with."""
    line = line.replace("\0", "").strip()
    match = _LABEL.match(line)
    if match is None or (match["mark"] not in (":", "") and not _is_role(match["name"])):
        match = _INLINE.match(line)  # "Candidate 00:12:31 So I would ..."
        return Label(match["name"], seconds(match["after"]), match["text"], True, False) if match and _is_role(match["name"]) else None
    name, stamp = match["name"].strip(), match["before"] or match["after"]
    role = f" ({match['role']})" if match["role"] else ""
    alone = match["mark"] == ""  # nothing but the label: it must be a role, or have a time beside it
    if alone and not stamp and not _is_role(name) and not _is_role(role):
        return None
    if alone and match["text"]:
        return None
    proper = all(word[0].isupper() or not word[0].isalpha() for word in name.split())
    if not proper and not _is_role(name):
        return None
    sure = bool(_SURE & set(words(name + role))) or (stamp is not None and words(name)[0] not in _NOT_NAMES)
    if not sure and (match["bullet"] or set(words(name)) & _NOT_NAMES - {"answer", "question"} or len(name.split()) > 3):
        return None
    return Label(name + role, seconds(stamp) if stamp else None, match["text"], sure, alone)


def _is_role(name: str) -> bool:
    found = set(words(name))
    return bool(found & _SURE) or (len(found) == 1 and bool(found & (_INTERVIEWER | _CANDIDATE | {"me", "you"})))


def _key(name: str) -> str:
    return " ".join(words(name))


def _accepted(found: list[Label | None], lines: Sequence[str]) -> list[Label | None]:
    """The labels that really are speakers: sure ones, and names that a dialogue is made of."""
    counts = Counter(_key(label.name) for label in found if label)
    sure = {_key(label.name) for label in found if label and label.sure}
    starts = [i for i, line in enumerate(lines) if line.strip() and not is_header(line, i) and not heading(line) and (i == 0 or not lines[i - 1].strip())]
    labelled = sum(found[i] is not None for i in starts)
    everywhere = len(counts) >= 2 and labelled >= 0.8 * len(starts)  # every paragraph begins with somebody's name
    opening = next((found[i] for i in starts), None)
    pairs = {key for pair in _PAIRS if pair <= set(counts) for key in pair}
    both = {"interviewer", "candidate"} <= {_role(key, sure | pairs) for key in sure | pairs}
    speakers = sure | pairs
    if not both and (sure or pairs or everywhere or (opening and len(counts) >= 2)):
        speakers |= {key for key, count in counts.items() if count >= 2 or everywhere}
    if not sure and not pairs and len(speakers) < 2:
        speakers = set()
    return [label if label and _key(label.name) in speakers else None for label in found]


def _gathered(lines: Sequence[str], labels: Sequence[Label | None], named: Callable[[str], str | None]) -> list[Said]:
    spoken: list[Said] = []
    section, at = None, None
    for i, (line, label) in enumerate(zip(lines, labels, strict=True)):
        alone = _ALONE.match(line)
        if label is not None:
            at, before = label.at if label.at is not None else at, at
            if "\0" in lines and spoken and spoken[-1].label == label.name and before is not None:
                spoken[-1].lines.append(label.text)  # the next cue of the same speaker
            else:
                spoken.append(Said(label.name, i + 1, at, section, [label.text] if label.text else []))
        elif alone:
            at = seconds(alone["stamp"])
        elif (title := heading(line)) is not None and not is_header(line, i):
            section = named(title) or section
        elif spoken and line != "\0" and (line.strip() or spoken[-1].lines):
            spoken[-1].lines.append(line)
        if spoken and not any(spoken[-1].lines):
            spoken[-1].at, spoken[-1].section = at, section
    return spoken


# --- who is the candidate ---------------------------------------------------------------------------------------


def _role(key: str, known: set[str]) -> Speaker | None:
    """The role that a label states; None for a name, "me", "speaker 1" or a letter that stands alone."""
    found = set(key.split())
    letters = {"a", "c", "r"} if "i" in known or "q" in known else set()
    for role, names in (("candidate", _CANDIDATE), ("interviewer", _INTERVIEWER)):
        if found & names & _SURE or (len(found) == 1 and found & names and (len(key) > 1 or found & (letters | {"i", "q"}))):
            return "candidate" if role == "candidate" else "interviewer"
    return "interviewer" if found & {"interviewer", "moderator", "panelist"} else None


def _roles(spoken: Sequence[Said]) -> dict[str, Speaker]:
    """The role of every speaker. Nobody stated: the candidate is who speaks much and asks little."""
    keys = list(dict.fromkeys(_key(one.label) for one in spoken))
    roles = {key: _role(key, set(keys)) for key in keys}
    open_ = [key for key in keys if roles[key] is None]
    if open_ and "candidate" not in roles.values():
        said = {key: " ".join(line for one in spoken if _key(one.label) == key for line in one.lines) for key in open_}
        roles[max(open_, key=lambda key: (len(words(said[key])) / (1 + said[key].count("?")), keys.index(key)))] = "candidate"
    return {key: role or "interviewer" for key, role in roles.items()}
