"""Candidates as `play` hears them: what is said in answer to the interview so far, and the seconds that it takes."""

import json
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import yaml

from agent.errors import UnreadableTranscript
from agent.state import Interview
from agent.text import words

WORDS_A_MINUTE = 130.0
SPENT = "I have nothing more to add here, let's go on to the next section."
NOD = "Yes, that is what I mean."
Answers = dict[str, list[str]]  # section -> what is said there, in turn


@dataclass(frozen=True)
class Spoken:
    """An answer, and the seconds from the interviewer's last word to the candidate's."""

    text: str
    seconds: float


class Candidate(Protocol):
    """Somebody who is interviewed. One candidate is for one interview: it may remember what it said."""

    name: str

    async def answer(self, interview: Interview) -> Spoken:
        """What is said next. Raises ModelUnavailable when a model plays the candidate and fails."""
        ...


class Scripted:
    """Says the answers of a section one after the other, at the pace of speech, and then that there is nothing to add."""

    def __init__(self, answers: Answers, name: str = "scripted") -> None:
        self.name = name
        self._left = {section: deque(said) for section, said in answers.items()}

    async def answer(self, interview: Interview) -> Spoken:
        """The next answer of the open section."""
        if asked_back(interview):
            return spoken(NOD)
        return spoken(self.next(open_section(interview)) or SPENT)

    def next(self, section: str) -> str | None:
        """The next answer of a section; None when all were given."""
        queue = self._left.get(section)
        return queue.popleft() if queue else None


def asked_back(interview: Interview) -> bool:
    """Whether the interviewer has just asked whether he understood a question rightly."""
    move = interview.turns[-1].move
    return move is not None and bool(move.checks)


def spoken(text: str, thought: float = 0.0) -> Spoken:
    """A text after `thought` seconds, at the pace of speech. A sound takes as long as a word."""
    return Spoken(text, thought + 60.0 * max(1, len(words(text))) / WORDS_A_MINUTE)


def open_section(interview: Interview) -> str:
    """The id of the section that is open. Only who was asked something answers, so there is one."""
    assert interview.section is not None
    return interview.section.id


def read_candidate(path: Path) -> Answers:
    """Scripted answers from a file. UnreadableTranscript says what is wrong with it."""
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise UnreadableTranscript(f"{path}: {error.strerror}.") from None
    except (UnicodeDecodeError, json.JSONDecodeError, yaml.YAMLError) as error:
        raise UnreadableTranscript(f"{path} is neither YAML nor JSON: {error}") from None
    if not isinstance(found, dict):
        raise UnreadableTranscript(f"{path} must map a section to a list of answers, such as '1': [\"Who are the users?\"].")
    answers: Answers = {}
    for section, said in found.items():
        said = [said] if isinstance(said, str) else said
        if not isinstance(said, list) or not all(isinstance(answer, str) for answer in said):
            raise UnreadableTranscript(f"{path}: section {section} must hold a list of texts.")
        answers[str(section)] = [answer for answer in said if answer.strip()]
    return answers
