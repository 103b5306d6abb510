"""Reads who said what from a labelled text, and who of them is the candidate."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.errors import UnreadableTranscript
from agent.lines import CANDIDATE, EITHER, INTERVIEWER, SURE, Label, Line, heading, label, reflowed, time_alone
from agent.schema import Speaker
from agent.sectioning import Utterance
from agent.text import words

WALL_CLOCK = 7200.0  # seconds: a first time later than this is the time of day, and is counted from there
OFTEN = 2  # how often a bare name must stand before a colon to be a speaker's
_PAIRS = [set(pair.split()) for pair in ("i c", "q a", "i r", "i a", "question answer", "assistant user", "ai user", "me you", "int cand")]
Naming = Callable[[str], str | None]


@dataclass
class Said:
    """The lines under one label, while a file is read."""

    label: Label
    line: int
    at: float | None
    section: str | None
    lines: list[str]


def read_dialogue(name: str, lines: Sequence[Line], named: Naming, subtitles: bool = False) -> list[Utterance] | None:
    """What was said in a labelled text; None if it has no labels. `named` tells which section a heading names.

    Text before the first label is nobody's. In subtitles the cues of one speaker in a row are one utterance. Raises
    UnreadableTranscript when there are labels but nobody can be the candidate; `name` is the file, for the message.
    """
    labels = _speakers(lines, [label(line.text) for line in lines])
    spoken = [one for one in _gathered(lines, labels, named, subtitles) if any(line.strip() for line in one.lines)]
    if not any(labels):
        return None
    roles = _roles(spoken)
    if "candidate" not in roles.values():
        found = ", ".join(sorted({one.label.name for one in spoken})) or "labels without words"
        at = spoken[0].line if spoken else lines[0].number
        advice = "Label the candidate's turns 'Candidate:' and the others 'Interviewer:'."
        raise UnreadableTranscript(f"{name}: line {at}: nobody is the candidate; the speakers are: {found}. {advice}")
    first = next((one.at for one in spoken if one.at is not None), 0.0)
    start = first if first > WALL_CLOCK else 0.0
    return [Utterance(roles[one.label.key], reflowed(one.lines), None if one.at is None else max(0.0, one.at - start), one.section) for one in spoken]


def _speakers(lines: Sequence[Line], found: Sequence[Label | None]) -> list[Label | None]:
    """The labels that are speakers. Roles and names with times are; a bare name is when a dialogue is made of such names."""
    counts = Counter(one.key for one in found if one)
    stated = {one.key for one in found if one and one.sure} | {key for pair in _PAIRS if pair <= set(counts) for key in pair}
    if stated:
        stated |= set(counts) & (EITHER | {word for word in INTERVIEWER | CANDIDATE if len(word) > 1})
    hints = {one.key: one.role for one in found if one and one.role}
    if {"interviewer", "candidate"} <= {_stated(key, hints.get(key, ""), stated) for key in stated}:
        return [one if one and one.key in stated else None for one in found]
    starts = [one for line, before, one in zip(lines, [Line(0, ""), *lines], found, strict=False) if _begins(line, before)]
    throughout = len(counts) > 1 and sum(one is not None for one in starts) >= 0.8 * len(starts)
    names = {key for key, count in counts.items() if count >= OFTEN or throughout}
    if stated or (len(names) > 1 and starts and starts[0] is not None):
        stated |= names
    return [one if one and one.key in stated else None for one in found]


def _begins(line: Line, before: Line) -> bool:
    """Whether a paragraph of somebody's words begins here."""
    gap = not before.text.strip() or time_alone(before.text) is not None
    return gap and bool(line.text.strip()) and heading(line.text) is None and time_alone(line.text) is None


def _gathered(lines: Sequence[Line], labels: Sequence[Label | None], named: Naming, subtitles: bool) -> list[Said]:
    spoken: list[Said] = []
    section: str | None = None
    at: float | None = None
    for line, one in zip(lines, labels, strict=True):
        title, time = heading(line.text), time_alone(line.text)
        if one is not None:
            at = one.at if one.at is not None else at
            if subtitles and spoken and spoken[-1].label.key == one.key:
                spoken[-1].lines.append(one.text)
            else:
                spoken.append(Said(one, line.number, at, section, [one.text]))
        elif time is not None:
            at = time
        elif title is not None:
            section = named(title) or section
        elif spoken:
            spoken[-1].lines.append(line.text)
    return spoken


# --- who is the candidate ---------------------------------------------------------------------------------------


def _roles(spoken: Sequence[Said]) -> dict[str, Speaker]:
    """The role of every speaker. Where nobody is called the candidate, it is who speaks much and asks little."""
    keys = list(dict.fromkeys(one.label.key for one in spoken))
    hints = {one.label.key: one.label.role for one in spoken if one.label.role}
    known = set(keys)
    roles = {key: _stated(key, hints.get(key, ""), known) for key in keys}
    if None in roles.values() and "candidate" not in roles.values():
        count, asked = Counter[str](), Counter[str]()
        for one in spoken:
            count[one.label.key] += sum(len(words(line)) for line in one.lines)
            asked[one.label.key] += sum(line.count("?") for line in one.lines)
        # of two who are equal, the one who speaks later: an interviewer begins
        roles[max((key for key in reversed(keys) if roles[key] is None), key=lambda key: count[key] / (1 + asked[key]))] = "candidate"
    return {key: role or "interviewer" for key, role in roles.items()}


def _stated(key: str, hint: str, known: set[str]) -> Speaker | None:
    """The role that a label states; None for a name, "me", "speaker 1" or a letter whose partner is missing."""
    found = set(words(f"{key} {hint}")) | {word.rstrip("0123456789") for word in key.split()}
    whole = len(key) > 1 or any(key in pair and pair <= known for pair in _PAIRS)
    for role, names in (("candidate", CANDIDATE), ("interviewer", INTERVIEWER)):
        if found & names & SURE or (key in names and whole):
            return "candidate" if role == "candidate" else "interviewer"
    return None
