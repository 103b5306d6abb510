"""What the page shows of an interview: components and their values."""

import asyncio
import time
from typing import Any

import gradio as gr

from agent.assembly import Parts
from agent.desk import Desk
from agent.schema import Scorecard, SectionResult
from agent.session import InterviewSession
from agent.settings import EMBEDDED
from page import chat, results
from page.aside import aside
from page.layout import Layout
from page.rail import header, rail
from page.status import Status, status_of
from page.words import badge, escaped


def screen(name: str, interview: str = "", message: str = "", status: Status | None = None, speaking: bool = False) -> str:
    """Which screen shows and what the script should know. `message`: the candidate's message that was acknowledged."""
    known = {"screen": name, "interview": interview, "message": message, "speaking": "yes" if speaking else "", "at": str(time.monotonic_ns())}
    if status is not None:
        known |= {"turns": str(status.turns), "results": str(len(status.results)), "paused": "yes" if status.paused else "", "server": status.server}
    return f'<div id="screen" {" ".join(f"data-{key}={chr(34)}{escaped(value)}{chr(34)}" for key, value in known.items())}></div>'


class View:
    """Renders an interview into the components of the layout."""

    def __init__(self, desk: Desk, parts: Parts, layout: Layout) -> None:
        self._desk, self._parts, self._page = desk, parts, layout

    async def interview(self, session: InterviewSession, message: str = "", speaking: bool = False) -> dict[Any, Any]:
        """The interview screen as the session knows it. `speaking`: the interviewer's words are still to come."""
        page, library, interview = self._page, self._parts.library, session.interview
        status = status_of(session, await session.elapsed())
        model = interview.started.model
        notices = {} if model == EMBEDDED else chat.notices(await asyncio.to_thread(self._desk.store.events, session.id))
        return {
            page.screen: screen("interview", session.id, message, status, speaking),
            page.header: header(interview, badge(model), status),
            page.rail: rail(interview, library, status),
            page.history: chat.conversation(interview, library, notices),
            page.live: "",
            page.passages: chat.passages(interview, library),
            page.aside: aside(interview),
            page.problem: "",
        }

    def failed(self, words: str) -> dict[Any, Any]:
        """The screen as it is, with what went wrong."""
        return {self._page.problem: words, self._page.live: ""}

    def grading(self, session: InterviewSession, known: dict[str, SectionResult]) -> dict[Any, Any]:
        """The scorecard screen while grades arrive."""
        page = self._page
        return {
            page.screen: screen("scorecard", session.id),
            page.headline: results.headline(session),
            page.ungraded: "",
            page.card: results.progress(session, known, self._parts.library),
            page.complaint: "",
            page.said: "",
            page.downloads: results.downloads(session.id, complete=False),
            page.practise: gr.update(visible=False),
        }

    def scorecard(self, session: InterviewSession, card: Scorecard) -> dict[Any, Any]:
        """The scorecard screen."""
        page, graded = self._page, {result.id: result for result in card.sections}
        weak = results.weakest(graded)
        return {
            page.screen: screen("scorecard", session.id),
            page.headline: results.headline(session),
            page.ungraded: results.ungraded(graded, self._parts.library),
            page.card: results.body(session, card, self._parts),
            page.complaint: "",
            page.said: results.said(session, self._parts),
            page.downloads: results.downloads(session.id, complete=True),
            page.practise: gr.update(visible=bool(weak), value=_practise(weak)),
        }


def _practise(weak: list[str]) -> str:
    return "Practise the two weakest sections" if len(weak) == 2 else "Practise this section again"
