"""All interviews of one server: started, found, listed, erased; and the gradings that run in the background."""

import asyncio
import logging
import secrets
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from agent.clock import LONGEST, SHORTEST, divide
from agent.errors import InterviewError
from agent.events import AnyEvent, Started
from agent.graph import build_assess, build_conduct
from agent.schema import ENGLISH, LANGUAGES, PERSONAS, Level, Persona, Scenario, SectionResult
from agent.session import InterviewSession
from agent.settings import EMBEDDED
from agent.state import Interview, InterviewContext, begin, fold
from agent.store import EventStore

log = logging.getLogger(__name__)
GRACE = 90.0  # seconds without a sign of life after which a page counts as closed; hidden tabs report once a minute


@dataclass
class Desk:
    """Keeps the interviews of one server: starts, finds, lists and erases them."""

    context: InterviewContext
    store: EventStore
    prompts: dict[str, str] = field(default_factory=dict)  # digests, for transcripts
    grace: float | None = GRACE  # None: time passes only on the clock, nobody has to show signs of life

    def __post_init__(self) -> None:
        """Compile the graphs once."""
        self.conduct, self.assess = build_conduct(), build_assess()
        self.server = secrets.token_hex(8)
        self.locks: dict[str, asyncio.Lock] = {}
        self._tasks: dict[tuple[str, str], asyncio.Task[SectionResult]] = {}

    async def start(
        self,
        scenario: Scenario,
        level: Level,
        minutes: float,
        owner: str = "",
        sections: Sequence[str] = (),
        seed: int | None = None,
        persona: Persona = "neutral",
        language: str = ENGLISH,
    ) -> InterviewSession:
        """Start an interview. `sections`: only these (default: all). Raises InterviewError for a length outside 15 to 90 minutes, and for a
        language or a persona that there is not."""
        if persona not in PERSONAS:
            raise InterviewError(f"An interviewer is {', '.join(PERSONAS)}, not {persona!r}.")
        if language not in LANGUAGES:
            raise InterviewError(f"An interview can be held in {', '.join(LANGUAGES)}, not in {language!r}.")
        if language != ENGLISH and self.context.interviewer.name == EMBEDDED:
            raise InterviewError("The embedded interviewer speaks English only. Choose English, or configure a model.")
        if not sections and not SHORTEST <= minutes <= LONGEST:
            raise InterviewError(f"An interview lasts {SHORTEST:.0f} to {LONGEST:.0f} minutes, not {minutes:g}.")
        library = self.context.library
        chosen = tuple(section.id for section in library.sections if not sections or section.id in sections)
        started = Started(
            at=self.context.clock.now(),
            scenario=scenario,
            level=level,
            minutes=minutes,
            sections=chosen,
            model=self.context.interviewer.name,
            grader=self.context.grader.name,
            seed=secrets.randbelow(2**31) if seed is None else seed,
            persona=persona,
            language=language,
            owner=owner,
            corpus=library.digest,
            prompts=self.prompts,
        )
        name = await asyncio.to_thread(self.store.create, started)
        return await self.open(name, owner)

    async def open(self, interview: str, owner: str | None = None) -> InterviewSession:
        """A kept interview. NotFound when there is none, or it belongs to somebody else than `owner`."""
        events = await asyncio.to_thread(self.store.events, interview, owner)
        return InterviewSession(self, interview, self.folded(events))

    def folded(self, events: Sequence[AnyEvent]) -> Interview:
        """The state of an interview from its events."""
        first = events[0]
        assert isinstance(first, Started)
        sections = [section for section in self.context.library.sections if section.id in first.sections]
        return fold(begin(first, divide(sections, first.minutes)), events[1:])

    async def mine(self, owner: str | None = None) -> list[InterviewSession]:
        """All interviews (of one owner), newest first."""
        names = await asyncio.to_thread(self.store.interviews, owner)
        found = []
        for name in names:
            try:
                found.append(await self.open(name, owner))
            except ValidationError as error:  # written by another version: the others are still listed
                log.warning("The interview %s cannot be read: %s", name, error.errors()[0]["msg"])
        return found

    async def erase(self, interview: str, owner: str | None = None) -> None:
        """Remove an interview and everything that was said in it."""
        await asyncio.to_thread(self.store.events, interview, owner)
        for key in [key for key in self._tasks if key[0] == interview]:
            self._tasks.pop(key).cancel()
        await asyncio.to_thread(self.store.erase, interview)

    def is_grading(self, interview: str, section: str) -> bool:
        """Whether a section is being graded now."""
        return (interview, section) in self._tasks

    def grading(self, interview: str, section: str, work: Coroutine[Any, Any, SectionResult]) -> "asyncio.Task[SectionResult]":
        """Run the grading of a section in the background, once."""
        key = (interview, section)
        if key in self._tasks:
            work.close()
            return self._tasks[key]
        task = asyncio.get_running_loop().create_task(work)
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key, None))
        return task
