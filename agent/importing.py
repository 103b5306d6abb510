"""Reads the transcripts that coaches hand in: our own JSON, a real interview as text, Markdown or subtitles, or an essay."""

import html
import json
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from agent.dialogue import read_dialogue
from agent.errors import UnreadableTranscript
from agent.essay import read_essay
from agent.library import Library
from agent.lines import Line, depth, heading, numbered, remarks
from agent.schema import LEVELS, Level, Transcript
from agent.sectioning import Sectioner, Utterance
from agent.text import clean, normalised, words

__all__ = ["Sectioner", "read_transcript"]

LARGEST = 2_000_000  # bytes: twenty hours of talk; more is another kind of file
_KINDS = {
    b"%PDF": "a PDF",
    b"PK\x03\x04": "a Word or Zip file",
    b"\xd0\xcf\x11\xe0": "an old Word file",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}
_SUBTITLES = re.compile(r"^[ \t]*(?:\d+:)?\d+:\d+[.,]\d+[ \t]*-->", re.MULTILINE)
_ESCAPE = re.compile(r"\\(?=[!-/:-@\[-`{-~]|$)", re.MULTILINE)


def read_transcript(path: Path, library: Library, sectioner: Sectioner, scenario: str | None = None, level: Level | None = None) -> Transcript:
    """The transcript in a file. `scenario` and `level`, if given, win over what the file says.

    Raises UnreadableTranscript, which names the file, the line where it is known, and what to do.
    """
    text = read_text(path)
    if path.suffix.lower() == ".json" or re.match(r"\s*(?:\{|\[\s*[\{\]])", text):
        transcript = _from_json(path, text, library, sectioner)
    else:
        transcript = _from_text(path, text, library, sectioner)
    known = {"scenario": scenario, **_scenario(scenario, library)} if scenario else {}
    return transcript.model_copy(update={**known, **({"level": level} if level else {})})


# --- bytes ------------------------------------------------------------------------------------------------------


def read_text(path: Path) -> str:
    """The text of a file in UTF-8, UTF-16 or, if it looks like text, the Western code page."""
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise UnreadableTranscript(
                f"{path}: {size / 1e6:.1f} MB is too large for one interview (most: {LARGEST // 1_000_000} MB). Split the file."
            )
        raw = path.read_bytes()
    except OSError as error:
        raise UnreadableTranscript(f"{path}: cannot be read: {error.strerror}.") from None
    kind = next((kind for magic, kind in _KINDS.items() if raw.startswith(magic)), None)
    text = None if kind else _decoded(raw)
    if text is None:
        raise UnreadableTranscript(f"{path}: this is {kind or 'not text'}. Save the transcript as plain text, Markdown or JSON in UTF-8.")
    if not clean(text):
        raise UnreadableTranscript(f"{path}: the file is empty. It must hold a transcript.")
    return text


def _decoded(raw: bytes) -> str | None:
    """None when no encoding makes text of it."""
    wide = raw[:2] in (b"\xff\xfe", b"\xfe\xff")
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp1252", "latin-1"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        strange = sum(char not in "\t\n\r\f\v" and (char < " " or "\x7f" <= char < "\xa0") for char in text)
        plain = sum(char.isalnum() or char.isspace() or char in ".,;:!?'\"()-" for char in text)
        if "\0" not in text and strange <= max(2, len(text) / 500) and (encoding == "utf-8-sig" or wide or plain >= 0.85 * len(text)):
            return text
    return None


# --- JSON -------------------------------------------------------------------------------------------------------


def _from_json(path: Path, text: str, library: Library, sectioner: Sectioner) -> Transcript:
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        raise UnreadableTranscript(f"{path}: line {error.lineno}, column {error.colno}: not JSON: {error.msg}.") from None
    except RecursionError:
        raise UnreadableTranscript(f"{path}: the JSON is nested too deeply to be a transcript.") from None
    if isinstance(found, dict) and "turns" not in found and isinstance(found.get("transcript"), dict):
        found = found["transcript"]
    if not isinstance(found, dict) or not isinstance(found.get("turns"), list):
        raise UnreadableTranscript(
            f'{path}: this JSON is no transcript: it needs a list "turns", each with "speaker" and "text" ("schema transcript" prints the form).'
        )
    turns = [_turn(path, number, turn, library) for number, turn in enumerate(found["turns"], 1)]
    turns = _renumbered(path, [turn for turn in turns if turn["text"]])
    if not any(turn["speaker"] == "candidate" for turn in turns):
        raise UnreadableTranscript(f"{path}: the candidate says nothing in these turns, so there is nothing to grade.")
    _check_sections(path, found.get("sections_reached") or (), library)
    said = [Utterance(turn["speaker"], turn["text"], section=turn.get("section")) for turn in turns]
    for turn, section in zip(turns, sectioner.assign(said), strict=True):
        turn["section"] = section
    try:
        return Transcript.model_validate({**found, "turns": turns})
    except ValidationError as error:
        raise UnreadableTranscript(f"{path}: {_where(error)}") from None


def _turn(path: Path, number: int, turn: Any, library: Library) -> dict[str, Any]:
    """One turn of the file, with clean text and a checked section (or none)."""
    if not isinstance(turn, dict) or turn.get("speaker") not in ("interviewer", "candidate") or not isinstance(turn.get("text"), str):
        raise UnreadableTranscript(f'{path}: turn {number} must have a "text" and a "speaker", which is "interviewer" or "candidate".')
    section = turn.get("section")
    if section is not None:
        section = str(section)
        _check_sections(path, [section], library, f"turn {number}: ")
    return {**turn, "text": clean(turn["text"]), "section": section}


def _check_sections(path: Path, sections: Sequence[Any], library: Library, where: str = "") -> None:
    known = [section.id for section in library.sections]
    for section in sections:
        if str(section) not in known:
            raise UnreadableTranscript(
                f"{path}: {where}there is no section {section!r}; the framework has {', '.join(known)}. Leave it out to have it inferred."
            )


def _renumbered(path: Path, turns: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The turns with rising numbers. Missing and repeated ones are given anew; falling ones leave the order open, and are refused."""
    numbers = [turn["n"] for turn in turns if isinstance(turn.get("n"), int) and turn["n"] > 0]
    if len(numbers) < len(turns):
        return [{**turn, "n": position} for position, turn in enumerate(turns, 1)]
    for position, (number, following) in enumerate(pairwise(numbers), 2):
        if following < number:
            raise UnreadableTranscript(
                f"{path}: the turns are not in order: number {following} (turn {position} of the file) comes after {number}. "
                'Put them in the order in which they were spoken, or leave out "n".'
            )
    return turns if len(set(numbers)) == len(numbers) else [{**turn, "n": position} for position, turn in enumerate(turns, 1)]


def _where(error: ValidationError) -> str:
    first = error.errors()[0]
    place = [f"turn {part + 1}" if isinstance(part, int) else str(part) for part in first["loc"] if part != "turns"]
    return f"{', '.join(place)}: {first['msg']}."


# --- text -------------------------------------------------------------------------------------------------------


def _from_text(path: Path, text: str, library: Library, sectioner: Sectioner) -> Transcript:
    if path.suffix.lower() in (".md", ".markdown"):
        text = html.unescape(_ESCAPE.sub("", text))
    lines = numbered(text)
    said_about, end = remarks(lines)
    title = _title(lines, sectioner)
    body = [line for line in lines[end:] if line.text.strip() != f"# {title}"]
    subtitles = bool(_SUBTITLES.search(text))
    said = read_dialogue(str(path), body, sectioner.named, subtitles)
    essay = said is None
    if essay and subtitles:
        raise UnreadableTranscript(f"{path}: these subtitles do not say who speaks. Begin the cues with 'Interviewer:' and 'Candidate:'.")
    said = read_essay(body, sectioner.named) if said is None else said
    if not any(one.text for one in said):
        raise UnreadableTranscript(f"{path}: there are headings but no text to grade.")
    about = said_about.get("scenario") or said_about.get("problem") or said_about.get("title") or said_about.get("topic") or title
    stated = next((word for word in words(said_about.get("level", "")) if word in LEVELS), None)
    return Transcript.model_validate(
        {
            **(_scenario(about, library) if about else {}),
            **({"level": stated} if stated else {}),
            "model": "imported",
            "turns": _turns(sectioner.sectioned([one for one in said if one.text], essay)),
        }
    )


def _turns(said: Sequence[Utterance]) -> list[dict[str, Any]]:
    """Turns with rising times: an utterance without a time has that of the one before."""
    turns: list[dict[str, Any]] = []
    at = 0.0
    for number, one in enumerate(said, 1):
        at = max(at, one.at or 0.0)
        turns.append({"n": number, "section": one.section, "speaker": one.speaker, "text": one.text, "at": at})
    return turns


def _title(lines: Sequence[Line], sectioner: Sectioner) -> str | None:
    """The first heading, if it is the only one of its depth and names no section."""
    tops = [line for line in lines if heading(line.text) is not None and depth(line.text) == 1]
    title = heading(tops[0].text) if len(tops) == 1 else None
    return title if title and sectioner.named(title) is None else None


def _scenario(name: str, library: Library) -> dict[str, str]:
    """Id and title of the scenario that is called so. Of a problem that the library does not have, the title alone."""
    wanted = _bare(name)
    for scenario in library.scenarios.values():
        if name == scenario.id or wanted in (_bare(scenario.title), _bare(scenario.thing), _bare(scenario.id)):
            return {"scenario": scenario.id, "title": scenario.title}
    return {"title": name}


def _bare(name: str) -> str:
    """ "Build a URL shortener" and "url-shortener" as "url shortener"."""
    name = re.sub(r"[^\w]+", " ", normalised(name)).strip()
    return re.sub(r"^(?:(?:build|design|create|system design interview|system design|interview|a|an|the|of|for) )*", "", name)
