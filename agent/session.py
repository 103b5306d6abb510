"""One interview as the page, the command line and the evals see it: reply, click, pause, resume, grade.

The only caller of the graphs. Everything that happens is appended to the event log; a session holds nothing that is not
folded from it, so a crash, a second tab or a second server loses nothing.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from typing import TYPE_CHECKING, get_args

from agent import policy
from agent.errors import Conflict, InterviewError
from agent.events import (
    LONGEST_WHY,
    Answered,
    AnyEvent,
    Asked,
    Commanded,
    Disagreed,
    Intent,
    Label,
    Paused,
    Resumed,
    SectionGraded,
    SectionOpened,
)
from agent.schema import Move, Scorecard, SectionResult, Transcript
from agent.scope import Assessment
from agent.scoring import scorecard, without_verdicts
from agent.state import AssessState, ConductState, Interview, fold
from agent.store import Attendance
from agent.text import clean
from agent.updates import Graded, Restarted, ScorecardReady, SectionChanged, Token, TurnAdded, Update

if TYPE_CHECKING:
    from agent.desk import Desk

log = logging.getLogger(__name__)
LONGEST_ANSWER = 20_000  # characters


class InterviewSession:
    """One interview. Make one per request with `Desk.open`; it reads the log, so two of them agree."""

    def __init__(self, desk: "Desk", interview_id: str, interview: Interview) -> None:
        self.desk, self.id, self.interview = desk, interview_id, interview
        self._lock = desk.locks.setdefault(interview_id, asyncio.Lock())

    # -- time --

    async def elapsed(self) -> float:
        """Active seconds since the start, now."""
        return self._elapsed(await asyncio.to_thread(self.desk.store.attendance, self.id))

    def _elapsed(self, kept: Attendance) -> float:
        """The kept seconds, and those since the last sign of life if the page is still open and the server the same."""
        if self.interview.finished:
            return self.interview.elapsed
        reached = max(kept.elapsed, self.interview.elapsed)
        if kept.beat is None or self.interview.paused or kept.server != self.desk.server:
            return reached
        since = max(0.0, self.desk.context.clock.now() - kept.beat)
        return reached if self.desk.grace is not None and since > self.desk.grace else max(reached, kept.elapsed + since)

    async def attend(self) -> float:
        """A sign of life: the clock runs from here on, unless the interviewer is thinking. Returns the active seconds."""
        elapsed = await self.elapsed()
        if not self._lock.locked():
            await self._set_clock(elapsed, running=True)
        return elapsed

    async def leave(self) -> None:
        """The page was closed: the clock stands still until the next sign of life."""
        await self._set_clock(await self.elapsed(), running=False)

    async def _attend(self) -> float:
        """Like `attend`, for who holds the lock."""
        elapsed = await self.elapsed()
        await self._set_clock(elapsed, running=True)
        return elapsed

    async def _set_clock(self, elapsed: float, running: bool) -> None:
        running = running and not self.interview.paused and not self.interview.finished
        now = Attendance(elapsed, self._now() if running else None, self.desk.server)
        await asyncio.to_thread(self.desk.store.attend, self.id, now)

    # -- what the candidate does --

    async def go_on(self) -> AsyncIterator[Update]:
        """Let the interviewer speak if it owes an utterance (at the start, and after a crash in mid-turn)."""
        async with self._lock:
            await self._refresh()
            async with aclosing(self._conduct(await self._attend())) as updates:
                async for update in updates:
                    yield update

    async def reply(self, text: str, message: str | None = None) -> AsyncIterator[Update]:
        """The candidate says something. It is kept before anything else happens; `message` makes a second delivery harmless.

        Raises Conflict when the message was already received or the interview is over, InterviewError for a text without words.
        """
        said = clean(text)
        if not said:
            raise InterviewError("There is nothing in that message. Write an answer, or click one of the controls.")
        if len(said) > LONGEST_ANSWER:
            raise InterviewError(
                f"That is {len(said):,} characters; an answer may have {LONGEST_ANSWER:,}. Shorten it; your text is still in the box."
            )
        async with self._lock:
            await self._refresh()
            if message is not None and message in self.interview.messages:
                raise Conflict("This message was already received.")
            section = self._open_section()
            if self.interview.paused:
                await self._resume()
            elapsed = await self._attend()
            await self._append(Answered(elapsed=elapsed, at=self._now(), section=section, text=said, message=message or secrets.token_hex(8)))
            yield TurnAdded(self.interview.turns[-1])
            async with aclosing(self._conduct(elapsed)) as updates:
                async for update in updates:
                    yield update

    async def click(self, intent: Intent) -> AsyncIterator[Update]:
        """The candidate uses a control: hint, repeat, done (next section), end."""
        if self._lock.locked():
            raise Conflict("The interviewer is speaking. Wait for the question, then use the control again.")
        async with self._lock:
            await self._refresh()
            section = self._open_section()
            if self.interview.paused:
                await self._resume()
            elapsed = await self._attend()
            await self._append(Commanded(elapsed=elapsed, at=self._now(), section=section, intent=intent))
            async with aclosing(self._conduct(elapsed)) as updates:
                async for update in updates:
                    yield update

    async def pause(self) -> None:
        """Stop the clock. Harmless when it stands already."""
        async with self._lock:
            await self._refresh()
            self._open_section()
            if not self.interview.paused:
                await self._pause(await self._attend())

    async def resume(self) -> None:
        """Let the clock run again. Harmless when it runs."""
        async with self._lock:
            await self._refresh()
            if self.interview.paused:
                await self._resume()

    async def tick(self, idle: float | None = None) -> AsyncIterator[Update]:
        """A sign of life from an open page. Says where we are when half and when three quarters of a section are over, and speaks into a
        silence. `idle`: seconds in which the candidate pressed no key; None when the page does not know."""
        elapsed = await self.attend()
        if self._lock.locked() or self._unasked(elapsed, idle) is None:
            return
        async with self._lock:
            await self._refresh()
            move, state = self._unasked(elapsed, idle), self.interview.section
            if move is None or state is None:
                return
            said = await self.desk.context.interviewer.speak(self.interview, move, elapsed, lambda _: None)
            await self._append(Asked(elapsed=elapsed, at=self._now(), section=state.id, text=said.text, move=move, brain=said.brain))
            yield TurnAdded(self.interview.turns[-1])

    def _unasked(self, elapsed: float, idle: float | None) -> Move | None:
        """What is said without being asked. A reply that is owed comes first, and tells the time itself."""
        interview = self.interview
        if interview.unanswered or interview.paused or interview.finished or interview.section is None:
            return None
        quiet = min(idle, elapsed - interview.turns[-1].at) if idle is not None and interview.turns else 0.0
        return policy.unasked(interview, self.desk.context.library.rubrics, elapsed, quiet)

    # -- grading --

    async def grade(self, again: Iterable[str] = ()) -> AsyncIterator[Update]:
        """Grade every section that is due, and those in `again` whose grader failed; yields as they arrive."""
        due = await asyncio.to_thread(self._due, frozenset(again))
        early = {section for section in due if self.desk.is_grading(self.id, section)}  # begun before the last words were said
        async for update in self._graded(due):
            yield update
        async for update in self._graded([section for section in await asyncio.to_thread(self._due, frozenset()) if section in early]):
            yield update
        card = self.scorecard()
        if card is not None:
            yield ScorecardReady(card)

    async def _graded(self, sections: Iterable[str]) -> AsyncIterator[Graded]:
        """Grade sections at once; the log has each result when it is yielded."""
        tasks = [self.desk.grading(self.id, section, self._assess(section)) for section in sections]
        for done in asyncio.as_completed(tasks):
            yield Graded(await done)
        await self._refresh()

    def start_grading(self) -> None:
        """Begin to grade what is over; the results reach the log by themselves."""
        for section in self._due(again=frozenset(), late=False):
            self.desk.grading(self.id, section, self._assess(section))

    def _due(self, again: frozenset[str], late: bool = True) -> list[str]:
        """The sections to grade now: those that are over and have no result, those in `again` whose grader failed, and, once the
        interview is over, those that something said later bears on: the same content counts wherever it was said."""
        results = self.interview.results
        due = [section for section in self.interview.closed if section not in results]
        due += [section for section, result in results.items() if section in again and result.failed]
        if late and self.interview.finished:
            transcript, observer = self.transcript(), self.desk.context.observer
            due += [section for section, result in results.items() if observer.said_later(Assessment(transcript, section), result)]
        return list(dict.fromkeys(due))

    async def disagree(self, section: str, criterion: str, verdict: Label | None, why: str = "") -> None:
        """Keep which verdict the candidate thinks right, and why; None takes it back. Changes no score.

        Raises InterviewError when the section has no verdict on the criterion, and for a verdict or a reason that cannot be kept.
        """
        said = clean(why)
        if verdict is not None and verdict not in get_args(Label):
            raise InterviewError(f"A verdict is one of {', '.join(get_args(Label))}, not {verdict!r}.")
        if len(said) > LONGEST_WHY:
            raise InterviewError(f"That is {len(said):,} characters; a reason may have {LONGEST_WHY:,}. Shorten it; nothing was changed.")
        await self._refresh()
        result = self.interview.results.get(section)
        graded = next((given for given in result.verdicts if given.criterion == criterion), None) if result else None
        if result is None or graded is None:
            raise InterviewError(f"Section {section!r} of this interview has no verdict on {criterion!r}, so there is nothing to disagree with.")
        if verdict is None and criterion not in self.interview.disagreements:
            return
        opinion = {"section": section, "criterion": criterion, "verdict": verdict, "why": said}
        against = {"graded": graded, "grader": result.grader, "rubric_version": result.rubric_version}
        await self._append(Disagreed.model_validate({"elapsed": self.interview.elapsed, "at": self._now(), **opinion, **against}))

    def scorecard(self) -> Scorecard | None:
        """The scorecard, once the interview is over and everything is graded."""
        if not self.interview.finished or any(section not in self.interview.results for section in self.interview.sections):
            return None
        started = self.interview.started
        return scorecard(self.transcript(), self.interview.results, self.desk.context.library, started.grader, started.sections)

    def transcript(self) -> Transcript:
        """The interview as it was spoken."""
        return self.interview.transcript(self.id)

    async def _assess(self, section: str) -> SectionResult:
        start: AssessState = {"transcript": self.transcript(), "section": section}
        try:
            run = await self.desk.assess.ainvoke(start, context=self.desk.context)
            result: SectionResult = run["result"]
        except Exception as error:  # whatever a grader does wrong, the section is unscored and can be graded again
            log.exception("Grading section %s of %s failed.", section, self.id)
            result = without_verdicts(self.desk.context.library.section(section), "unscored", note=f"The grader failed: {type(error).__name__}.")
        kept = await self.desk.open(self.id)  # the interview goes on meanwhile: a session of its own sees the latest log
        before = kept.interview.results.get(section)
        if result.status == "unscored" and before is not None and before.status == "graded":
            return before  # a second grading that failed takes nothing away
        if before is not None and before.change is not None and before.change.after is not None and result.failed:
            result = result.model_copy(update={"change": before.change})
        await kept._append(SectionGraded(elapsed=kept.interview.elapsed, at=self._now(), result=result))
        return result

    # -- the log --

    async def _conduct(self, elapsed: float) -> AsyncGenerator[Update]:
        """Run the conduct graph once, if an utterance is owed, and keep what it produced."""
        if not self.interview.unanswered or self.interview.finished:
            return
        produced: list[AnyEvent] = []
        start: ConductState = {"interview": self.interview, "elapsed": elapsed, "events": []}
        await self._set_clock(elapsed, running=False)  # a slow model's time is not the candidate's
        async for mode, piece in self.desk.conduct.astream(start, context=self.desk.context, stream_mode=["custom", "values"]):
            if mode == "custom":
                yield Restarted() if piece is None else Token(str(piece))
            else:
                produced = piece.get("events", [])  # type: ignore[union-attr]
        stamped = [event.model_copy(update={"at": self._now()}) for event in produced]
        await self._append(*stamped)
        await self._set_clock(elapsed, running=True)
        for event in stamped:
            if isinstance(event, SectionOpened):
                yield SectionChanged(event.section, event.seconds)
            elif isinstance(event, Asked):
                yield TurnAdded(self.interview.turns[-1], event.notice)
                if event.move.kind == "pause":
                    await self._pause(elapsed)
        self.start_grading()

    async def _pause(self, elapsed: float) -> None:
        await self._append(Paused(elapsed=elapsed, at=self._now()))
        await self._set_clock(elapsed, running=False)

    async def _resume(self) -> None:
        elapsed = await self.elapsed()
        await self._append(Resumed(elapsed=elapsed, at=self._now()))
        await self._set_clock(elapsed, running=True)

    async def _append(self, *events: AnyEvent) -> None:
        """Append events after those that this session knows.

        Verdicts and what the candidate thinks of them arrive at any time and change nothing that was said, so they neither cause
        nor suffer a conflict.
        """
        aside = all(isinstance(event, SectionGraded | Disagreed) for event in events)
        while True:
            known = self.interview
            try:
                await asyncio.to_thread(self.desk.store.append, self.id, known.events, events)
            except Conflict:
                log_now = await asyncio.to_thread(self.desk.store.events, self.id)
                new = log_now[known.events :]
                if not new or not (aside or all(isinstance(event, SectionGraded | Disagreed) for event in new)):
                    raise
                self.interview = self.desk.folded(log_now)
                continue
            self.interview = fold(known, events)
            return

    async def _refresh(self) -> None:
        self.interview = self.desk.folded(await asyncio.to_thread(self.desk.store.events, self.id))

    def _open_section(self) -> str:
        if self.interview.finished:
            raise Conflict("This interview is over. Your scorecard is below; start a new one to go on practising.")
        if self.interview.section is None:
            raise Conflict("The interview has not begun yet. Wait for the first question.")
        return self.interview.section.id

    def _now(self) -> float:
        return self.desk.context.clock.now()
