"""Conducts a whole interview against scripted answers on a manual clock: `python -m agent play`."""

import asyncio
import json
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from pathlib import Path

import yaml

from agent.assembly import Parts
from agent.clock import ManualClock
from agent.errors import InterviewError, UnreadableTranscript
from agent.schema import Level, Scenario, Scorecard, Transcript
from agent.session import InterviewSession
from agent.store import EventStore
from agent.text import words
from agent.updates import Update

WORDS_A_MINUTE = 130.0
SPENT = "I have nothing more to add here, let's go on to the next section."
MOST_TURNS = 400  # a guard: an interview that needs more would never end


def read_candidate(path: Path) -> dict[str, list[str]]:
    """Scripted answers: section -> what is said there, in turn. UnreadableTranscript says what is wrong with the file."""
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
    except OSError as error:
        raise UnreadableTranscript(f"{path}: {error.strerror}.") from None
    except (UnicodeDecodeError, json.JSONDecodeError, yaml.YAMLError) as error:
        raise UnreadableTranscript(f"{path} is neither YAML nor JSON: {error}") from None
    if not isinstance(found, dict):
        raise UnreadableTranscript(f"{path} must map a section to a list of answers, such as '1': [\"Who are the users?\"].")
    answers: dict[str, list[str]] = {}
    for section, said in found.items():
        said = [said] if isinstance(said, str) else said
        if not isinstance(said, list) or not all(isinstance(answer, str) for answer in said):
            raise UnreadableTranscript(f"{path}: section {section} must hold a list of texts.")
        answers[str(section)] = [answer for answer in said if answer.strip()]
    return answers


async def play(
    parts: Parts, scenario: Scenario, level: Level, minutes: float, answers: dict[str, list[str]], seed: int = 0
) -> tuple[Transcript, Scorecard]:
    """The transcript and the scorecard of one interview. An answer takes as long as it takes to speak."""
    with tempfile.TemporaryDirectory() as folder:
        store, clock = EventStore(f"sqlite:///{folder}/play.db"), ManualClock()
        try:
            session = await parts.desk(store, clock, grace=None).start(scenario, level, minutes, seed=seed)
            await asyncio.to_thread(parts.warm)
            return await _conducted(session, clock, answers)
        finally:
            store.close()


async def _conducted(session: InterviewSession, clock: ManualClock, answers: dict[str, list[str]]) -> tuple[Transcript, Scorecard]:
    left = {section: deque(said) for section, said in answers.items()}
    await _heard(session.go_on())
    for _ in range(MOST_TURNS):
        if session.interview.finished or session.interview.section is None:
            break
        queue = left.get(session.interview.section.id)
        said = queue.popleft() if queue else SPENT
        clock.advance(60.0 * max(1, len(words(said))) / WORDS_A_MINUTE)
        await _heard(session.reply(said))
    await _heard(session.grade())
    card = session.scorecard()
    if card is None:
        raise InterviewError(f"The interview did not end within {MOST_TURNS} answers.")
    return session.transcript(), card


async def _heard(updates: AsyncIterator[Update]) -> None:
    async for _ in updates:
        pass
