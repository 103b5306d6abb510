"""What happens when the candidate does something. Each handler checks whose interview it is and yields what changes on the page."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Any, cast

import gradio as gr

from agent.assembly import Parts
from agent.desk import Desk
from agent.drafting import draft_scenario
from agent.errors import Conflict, InterviewError, NotFound
from agent.events import Intent, Label
from agent.schema import Level, Persona, Scenario
from agent.session import InterviewSession
from agent.settings import EMBEDDED
from agent.updates import Graded, Restarted, ScorecardReady, Token, TurnAdded, Update
from page import chat, results, start
from page.candidate import owner_of
from page.layout import Layout
from page.view import View, screen

log = logging.getLogger(__name__)
Changes = dict[Any, Any]
FRAME = 1 / 12  # seconds between two updates of the words that are being spoken


class Handlers:
    """The handlers of one page."""

    def __init__(self, desk: Desk, parts: Parts, layout: Layout) -> None:
        self._desk, self._parts, self._page = desk, parts, layout
        self._view = View(desk, parts, layout)

    # -- coming and starting --

    async def arrive(self, interview: str, request: gr.Request) -> AsyncIterator[Changes]:
        """The page was opened: the interview in its address where it stood, or the start screen."""
        if not interview:
            yield await self._start_screen(request)
            return
        try:
            session = await self._mine(interview, request)
        except InterviewError as error:
            said = "That interview is not among yours: it was erased, or started in another browser." if isinstance(error, NotFound) else str(error)
            yield await self._start_screen(request) | {self._page.notice: chat.problem(InterviewError(said))}
            return
        session.start_grading()
        async for changes in self._go_on(session):
            yield changes

    async def begin(
        self, choice: str, own: str, level: Level, persona: Persona, language: str, minutes: float, request: gr.Request
    ) -> AsyncIterator[Changes]:
        """Start an interview on a scenario or on a typed title."""
        try:
            scenario = await self._scenario(choice, own)
            session = await self._desk.start(scenario, level, float(minutes), owner_of(request.cookies), persona=persona, language=language)
        except Exception as error:
            yield {self._page.notice: self._words(error), self._page.screen: screen("start")}
            return
        async for changes in self._go_on(session):
            yield changes

    async def practise(self, interview: str, request: gr.Request) -> AsyncIterator[Changes]:
        """Start a short interview on the two weakest sections of a finished one."""
        try:
            old = await self._mine(interview, request)
            first = old.interview.started
            weak = results.weakest(old.interview.results)
            session = await self._desk.start(
                first.scenario, first.level, results.PRACTICE_MINUTES, first.owner, weak, persona=first.persona, language=first.language
            )
        except Exception as error:
            yield {self._page.ungraded: self._words(error)}
            return
        async for changes in self._go_on(session):
            yield changes

    # -- the interview --

    async def send(self, text: str, message: str, interview: str, request: gr.Request) -> AsyncIterator[Changes]:
        """The candidate sends an answer. A message that was received before is acknowledged again and nothing else."""
        try:
            session = await self._mine(interview, request)
        except Exception as error:
            yield self._view.failed(self._words(error))
            return
        async for changes in self._conducted(session, session.reply(text, message[:64] or None), message):
            yield changes

    async def command(self, intent: Intent, interview: str, request: gr.Request) -> AsyncIterator[Changes]:
        """The candidate uses a control."""
        try:
            session = await self._mine(interview, request)
            if intent == "pause":
                await session.pause()
                yield await self._view.interview(session)
                return
        except Exception as error:
            yield self._view.failed(self._words(error))
            return
        async for changes in self._conducted(session, session.click(intent), onwards=intent == "done"):
            yield changes

    async def resume(self, interview: str, request: gr.Request) -> AsyncIterator[Changes]:
        """Let the clock run again."""
        try:
            session = await self._mine(interview, request)
            await session.resume()
        except Exception as error:
            yield self._view.failed(self._words(error))
            return
        async for changes in self._go_on(session):
            yield changes

    async def refresh(self, interview: str, request: gr.Request) -> AsyncIterator[Changes]:
        """Something happened that this page did not ask for: a nudge, a grade, another tab."""
        try:
            session = await self._mine(interview, request)
        except Exception as error:
            yield self._view.failed(self._words(error))
            return
        if session.interview.finished:
            async for changes in self._graded(session):
                yield changes
        else:
            yield await self._view.interview(session)

    # -- afterwards --

    async def regrade(self, section: str, interview: str, request: gr.Request) -> AsyncIterator[Changes]:
        """Grade a section again whose grader failed."""
        try:
            session = await self._mine(interview, request)
        except Exception as error:
            yield {self._page.ungraded: self._words(error)}
            return
        async for changes in self._graded(session, again=section):
            yield changes

    async def disagree(self, section: str, criterion: str, verdict: str, why: str, interview: str, request: gr.Request) -> AsyncIterator[Changes]:
        """Keep what the candidate thinks of a verdict; an empty `verdict` takes it back."""
        try:
            session = await self._mine(interview, request)
            await session.disagree(section, criterion, cast("Label", verdict) or None, why)
        except Exception as error:
            yield {self._page.complaint: self._words(error)}
            return
        card, settled = session.scorecard(), {self._page.complaint: ""}
        if card is not None:
            settled[self._page.card] = await asyncio.to_thread(results.body, session, card, self._parts)
        yield settled

    async def length(self, minutes: float) -> str:
        """The minutes per section of an interview of this length."""
        return start.plan(self._parts.library, float(minutes))

    # -- what they have in common --

    async def _go_on(self, session: InterviewSession) -> AsyncIterator[Changes]:
        if session.interview.finished:
            async for changes in self._graded(session):
                yield changes
            return
        if not session.interview.paused:
            await session.attend()
        yield await self._view.interview(session)
        if session.interview.unanswered and not session.interview.paused:
            async for changes in self._conducted(session, session.go_on(), onwards=session.interview.section is None):
                yield changes

    async def _conducted(
        self, session: InterviewSession, updates: AsyncIterator[Update], message: str = "", onwards: bool = False
    ) -> AsyncIterator[Changes]:
        """Paint what a move of the interview brings, word by word; then the scorecard, if it was the last.

        `onwards`: the words open the next section, so they stand below its line from the first one on.
        """
        said, painted = "", 0.0
        heading = chat.coming(session.interview, self._parts.library, session.interview.elapsed) if onwards else ""
        try:
            async for update in updates:
                if isinstance(update, Token):
                    said += update.text
                    if time.monotonic() - painted >= FRAME:
                        painted = time.monotonic()
                        yield {self._page.live: chat.speaking(said, heading)}
                elif isinstance(update, Restarted):
                    said = ""
                    yield {self._page.live: ""}
                elif isinstance(update, TurnAdded):
                    said = ""
                    yield await self._view.interview(session, message, speaking=update.turn.speaker == "candidate")
            yield await self._view.interview(session, message)
        except Exception as error:
            yield await self._after(error, session, message)
            return
        if session.interview.finished:
            async for changes in self._graded(session):
                yield changes

    async def _after(self, error: Exception, session: InterviewSession, message: str) -> Changes:
        """The page after a failure: as the log has it, with the failure in words unless the message had arrived before."""
        try:
            kept = await self._desk.open(session.id)
        except InterviewError:
            return self._view.failed(self._words(error))
        arrived = bool(message) and message in kept.interview.messages
        view = await self._view.interview(kept, message if arrived else "")
        if not (arrived and isinstance(error, Conflict)):
            view[self._page.problem] = self._words(error)
        return view

    async def _graded(self, session: InterviewSession, again: str = "") -> AsyncIterator[Changes]:
        """The scorecard screen, filling as the grades arrive."""
        page, known = self._page, dict(session.interview.results)
        if again:
            known.pop(again, None)
        card = None
        try:
            if again or session.scorecard() is None:
                yield self._view.grading(session, known)
            async for update in session.grade(again=[again] if again else ()):  # nothing to do is quick
                if isinstance(update, Graded):
                    known[update.result.id] = update.result
                    yield {page.card: results.progress(session, known, self._parts.library)}
                elif isinstance(update, ScorecardReady):
                    card = update.card
            if card is not None:
                yield await asyncio.to_thread(self._view.scorecard, session, card)
        except Exception as error:
            yield {page.ungraded: self._words(error), page.screen: screen("scorecard", session.id)}

    async def _start_screen(self, request: gr.Request) -> Changes:
        try:
            mine = await self._desk.mine(owner_of(request.cookies))
            return {self._page.screen: screen("start"), self._page.kept: await start.kept(mine)}
        except Exception as error:
            return {self._page.screen: screen("start"), self._page.notice: self._words(error)}

    async def _scenario(self, choice: str, own: str) -> Scenario:
        library = self._parts.library
        if choice != "own":
            return library.scenario(choice)
        if not own.strip():
            raise InterviewError("Say what you want to build, or choose one of the problems.")
        return await draft_scenario(self._parts.drafter, self._parts.prompts, library, own)

    async def _mine(self, interview: str, request: gr.Request) -> InterviewSession:
        return await self._desk.open(interview, owner_of(request.cookies))

    @staticmethod
    def _words(error: Exception) -> str:
        if not isinstance(error, InterviewError):
            log.error("A handler failed.", exc_info=error)
        return chat.problem(error)


def brain_of(parts: Parts) -> str:
    """The name of who interviews."""
    return parts.interviewer.name or EMBEDDED
