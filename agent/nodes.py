"""The graphs' nodes. Thin: each calls one part and returns new values; nothing is changed in place."""

import asyncio
from typing import Any

from langgraph.runtime import Runtime

from agent import policy
from agent.events import AnyEvent, Asked, Finished, SectionOpened
from agent.schema import Move
from agent.scope import Assessment
from agent.scoring import without_verdicts
from agent.state import AssessState, ConductState, Interview, InterviewContext, fold


async def observe(state: ConductState, runtime: Runtime[InterviewContext]) -> ConductState:
    """Read the candidate's latest words, or the control that was clicked."""
    interview = state["interview"]
    answered = interview.turns and interview.turns[-1].speaker == "candidate"
    if interview.last is not None or not (answered or interview.command):
        return {}
    seen = await asyncio.to_thread(runtime.context.observer.observe, interview, state["elapsed"])
    return _with(interview, seen)


async def decide(state: ConductState, runtime: Runtime[InterviewContext]) -> ConductState:
    """Let policy choose the move."""
    return {"move": policy.decide(state["interview"], runtime.context.library.rubrics, state["elapsed"])}


def route(state: ConductState) -> str:
    """Where the move leads."""
    kind = state["move"].kind
    if kind == "wrap_up":
        return "close"
    return "open_section" if kind in ("ask", "next_section") else "ask"


async def open_section(state: ConductState, runtime: Runtime[InterviewContext]) -> ConductState:
    """Begin the next section with its share of the time."""
    interview, elapsed = state["interview"], state["elapsed"]
    following = state["move"].section or interview.next_section
    assert following is not None
    borrowed = interview.section.borrowed if interview.section else 0.0
    seconds = interview.budget.on_opening(following, elapsed, borrowed)
    return _with(interview, SectionOpened(elapsed=elapsed, section=following, seconds=seconds))


async def ask(state: ConductState, runtime: Runtime[InterviewContext]) -> ConductState:
    """Say the move, streaming its words."""
    return _with(state["interview"], await _spoken(state, runtime, state["move"]))


async def close(state: ConductState, runtime: Runtime[InterviewContext]) -> ConductState:
    """Say goodbye and end the interview."""
    move = state["move"]
    said = await _spoken(state, runtime, move)
    reason: Any = {"the time is over": "time", "the candidate ended it": "ended"}.get(move.reason, "complete")
    return _with(state["interview"], said, Finished(elapsed=state["elapsed"], reason=reason))


async def judge(state: AssessState, runtime: Runtime[InterviewContext]) -> AssessState:
    """Let the grader judge the section."""
    found = Assessment(state["transcript"], state["section"])
    return {"result": await runtime.context.grader.grade(found)}


async def skip(state: AssessState, runtime: Runtime[InterviewContext]) -> AssessState:
    """Mark a section that nothing was said in because it was never reached."""
    return {"result": without_verdicts(runtime.context.library.section(state["section"]), "not_reached")}


def reached(state: AssessState) -> str:
    """Whether the interview came to the section at all."""
    return "judge" if any(turn.section == state["section"] for turn in state["transcript"].turns) else "skip"


async def _spoken(state: ConductState, runtime: Runtime[InterviewContext], move: Move) -> Asked:
    interview = state["interview"]
    section = interview.section
    assert section is not None
    said = await runtime.context.interviewer.speak(interview, move, state["elapsed"], runtime.stream_writer)
    return Asked(
        elapsed=state["elapsed"], section=section.id, text=said.text, move=move, passages=said.passages, brain=said.brain, notice=said.notice
    )


def _with(interview: Interview, *events: AnyEvent) -> ConductState:
    return {"interview": fold(interview, events), "events": list(events)}
