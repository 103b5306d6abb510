"""Conducts a whole interview against a simulated candidate on a manual clock: `python -m agent play`."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass

from agent.assembly import Parts
from agent.candidate import Candidate
from agent.clock import ManualClock
from agent.errors import InterviewError
from agent.schema import Level, Scenario, Scorecard, Transcript
from agent.session import InterviewSession
from agent.state import Interview
from agent.store import EventStore
from agent.updates import Update

MOST_TURNS = 400  # a guard: an interview that needs more would never end
TICK = 5.0  # seconds between two signs of life of an open page


@dataclass(frozen=True)
class Played:
    """An interview that is over, and its scorecard."""

    interview: Interview
    transcript: Transcript
    card: Scorecard


class BrokenOff(InterviewError):
    """An interview that could not be played to its end; `transcript` keeps what was said until then."""

    def __init__(self, message: str, transcript: Transcript) -> None:
        super().__init__(message)
        self.transcript = transcript


async def play(parts: Parts, scenario: Scenario, level: Level, minutes: float, candidate: Candidate, seed: int = 0) -> Played:
    """One interview from welcome to scorecard. While the candidate thinks and speaks, the clock runs and the page shows signs of life.

    Raises BrokenOff when the candidate cannot answer, or the interview does not end within MOST_TURNS answers.
    """
    with tempfile.TemporaryDirectory() as folder:
        store, clock = EventStore(f"sqlite:///{folder}/play.db"), ManualClock()
        try:
            session = await parts.desk(store, clock, grace=None).start(scenario, level, minutes, seed=seed)
            await asyncio.to_thread(parts.warm)
            return await _conducted(session, clock, candidate)
        finally:
            store.close()


async def _conducted(session: InterviewSession, clock: ManualClock, candidate: Candidate) -> Played:
    await _heard(session.go_on())
    for _ in range(MOST_TURNS):
        if session.interview.finished:
            break
        try:
            said = await candidate.answer(session.interview)
        except InterviewError as error:
            await _heard(session.grade())  # no grading is left running
            raise BrokenOff(f"The candidate {candidate.name} broke off: {error}", session.transcript()) from error
        await _pass(session, clock, said.seconds)
        await _heard(session.reply(said.text))
    await _heard(session.grade())
    card = session.scorecard()
    if card is None:
        raise BrokenOff(f"The interview did not end within {MOST_TURNS} answers.", session.transcript())
    return Played(session.interview, session.transcript(), card)


async def _pass(session: InterviewSession, clock: ManualClock, seconds: float) -> None:
    """Let time go by as it does before an open page, which may be told meanwhile how much is left."""
    end = clock.now() + seconds
    while clock.now() + TICK < end:
        clock.advance(TICK)
        await _heard(session.tick())
    clock.advance(end - clock.now())


async def _heard(updates: AsyncIterator[Update]) -> None:
    async for _ in updates:
        pass
