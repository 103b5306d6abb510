"""The interviewer's words from a language model: one call a turn, checked as they stream, with the embedded one to fall back on."""

import asyncio
import logging
import math
import re
from collections.abc import AsyncIterator

from agent.errors import HeldBack, ModelUnavailable
from agent.interviewer import EmbeddedInterviewer, Emit, Utterance, grounding, probed, spoken_name
from agent.library import Library
from agent.llm import ChatModel, Message
from agent.prompts import Prompts, fenced, harmless, unmarked
from agent.retrieval import Retriever
from agent.schema import Move, Passage, Scenario, Turn
from agent.secrets import Secrets
from agent.speech import Known, Speech, known
from agent.state import Interview

log = logging.getLogger(__name__)
RETRY_PAUSE = 0.3  # seconds before a failed model is asked once more
LONGEST_PAUSE = 5.0  # seconds: who asks for a longer pause (Retry-After) is not waited for; the candidate is listening
LABEL_ROOM = 24  # characters held back while streaming
_LABEL = re.compile(r"^\s*(?:\*\*)?interviewer(?:\*\*)?\s*:(?:\*\*)?\s*", re.IGNORECASE)
_NOT_OWN = re.compile(r"(?:^|\n)\s*(?:\*\*)?candidate(?:\*\*)?\s*:|<\s*/?\s*(?:said|end)\b", re.IGNORECASE)
SPOKEN_BY_MODEL = ("ask", "next_section", "follow_up", "hint")


class ModelInterviewer:
    """Lets a language model put the move into words: one call a turn. What fails twice, the embedded interviewer says."""

    def __init__(self, model: ChatModel, embedded: EmbeddedInterviewer, prompts: Prompts, library: Library, retriever: Retriever) -> None:
        self._model, self._embedded, self._prompts, self._library, self._retriever = model, embedded, prompts, library, retriever
        self._secrets, self._speech = Secrets(library, prompts), Speech(library)
        self.name = model.name

    async def speak(self, interview: Interview, move: Move, elapsed: float, emit: Emit) -> Utterance:
        """Facts and time are said by code; the question by the model."""
        if move.kind not in SPOKEN_BY_MODEL or (move.kind == "hint" and move.criterion is None):
            return await self._embedded.speak(interview, move, elapsed, emit)
        passages = await grounding(self._retriever, self._library, interview, move)
        preface = self._embedded.preface(interview, move, elapsed)
        messages = self._messages(interview, move, passages)
        given = self._given(interview, move)
        heard = [*(turn.text for turn in interview.turns), *given]
        mentionable = known([*heard, preface, *self._public(passages)], own_minutes(interview, elapsed))
        for last in (False, True):
            if preface:
                emit(preface + " ")
            try:
                text = await self._said(messages, emit, interview.started.scenario, heard, mentionable)
                whole = f"{preface} {text}".strip()
                return Utterance(whole, self.name, tuple(passage.subsection for passage in passages))
            except ModelUnavailable as error:
                log.warning("The interviewer model's reply was not used: %s", error)
                emit(None)
                failure = error
            if last or not failure.transient or failure.retry_after > LONGEST_PAUSE:
                break
            if isinstance(failure, HeldBack):  # the endpoint works: it is asked again at once, and told why
                messages = self._corrected(messages, failure, interview)
            else:
                await asyncio.sleep(max(failure.retry_after, RETRY_PAUSE))
        said = await self._embedded.speak(interview, move, elapsed, emit)
        return Utterance(said.text, said.brain, said.passages, _notice(failure))

    async def _said(self, messages: list[Message], emit: Emit, scenario: Scenario, heard: list[str], mentionable: Known) -> str:
        pieces: list[str] = []
        stream = self._model.stream(messages)
        try:
            async for piece in self._speech.kept(self._secrets.kept(own_words(stream), scenario, heard), mentionable):
                pieces.append(piece)
                emit(piece)
        finally:
            await stream.aclose()
        text = "".join(pieces).strip()
        if not text:
            raise ModelUnavailable(f"The model {self.name} gave no words.")
        return text

    def _messages(self, interview: Interview, move: Move, passages: list[Passage]) -> list[Message]:
        """The stable part first (provider caches reuse it), then the section so far, then what to do now."""
        state, started = interview.section, interview.started
        assert state is not None
        section = self._library.section(state.id)
        mark = _mark(interview)
        system = self._prompts.render(
            "interviewer",
            title=started.scenario.title,
            brief=started.scenario.brief.strip(),
            section=f"{section.id} {section.title}",
            purpose=section.purpose,
            level=started.level,
            fence=mark,
            manner=self._prompts.render(f"persona_{started.persona}"),
            language=started.language,
        )
        said = [_line(turn, mark) for turn in interview.turns_of(state.id)]
        task = self._task(interview, move, passages)
        return [Message("system", system), Message("user", "\n\n".join([*said, task]))]

    def _given(self, interview: Interview, move: Move) -> list[str]:
        """What this move lets the candidate hear: the question or the hint that it is about, and the brief."""
        given = [interview.started.scenario.brief, interview.started.scenario.title, self._embedded.opening(interview)]
        if (wrong := probed(self._library, interview, move)) is not None:
            given.append(wrong.probe)
        elif move.criterion is not None:
            criterion = self._library.criteria[move.criterion]
            given += [criterion.hints[move.hint or 0]] if move.kind == "hint" else [*criterion.follow_ups]
        return given

    def _public(self, passages: list[Passage]) -> list[str]:
        """What the page shows anyway: the names of the sections, and the titles of the passages, but not what they say."""
        parts = self._library.subsections
        return [section.title for section in self._library.sections] + [parts[p.subsection].title for p in passages if p.subsection in parts]

    def _corrected(self, messages: list[Message], failure: HeldBack, interview: Interview) -> list[Message]:
        """The same request, with a line that says what was wrong with the reply."""
        if not failure.mention or interview.section is None:
            return messages
        told = self._prompts.render("say_again", mention=harmless(failure.mention, _mark(interview)))
        return [*messages[:-1], Message("user", f"{messages[-1].content}\n\n{told}")]

    def _task(self, interview: Interview, move: Move, passages: list[Passage]) -> str:
        render = self._prompts.render
        if move.kind == "ask":
            return render("move_ask", opening=self._embedded.opening(interview))
        if move.kind == "next_section":
            closed, opened = (spoken_name(self._library.section(name)) for name in list(interview.sections)[-2:])
            return render("move_next_section", closed=closed, section=opened, opening=self._embedded.opening(interview))
        shown = "\n".join(f"[{passage.subsection}] {passage.text}" for passage in passages) or "(nothing was found)"
        if (wrong := probed(self._library, interview, move)) is not None:
            return render("move_follow_up", aim=wrong.why, question=wrong.probe, passages=shown)
        assert move.criterion is not None
        criterion = self._library.criteria[move.criterion]
        if move.kind == "hint":
            return render("move_hint", hint=criterion.hints[move.hint or 0])
        return render("move_follow_up", aim=criterion.statement, question=self._embedded.question(interview, move), passages=shown)


async def own_words(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    """A model's words without a speaker label in front, up to where it begins to play the candidate or to repeat a fence.

    Some models go on with the dialogue. A few characters are held back, so that a mark is seen before any of it is shown.
    """
    held, begun = "", False
    async for piece in pieces:
        held += piece
        if not begun and len(held) < LABEL_ROOM:
            continue
        held, begun = held if begun else _LABEL.sub("", held), True
        if _NOT_OWN.search(held):
            break  # the caller closes the stream
        if len(held) > LABEL_ROOM:
            yield held[:-LABEL_ROOM]
            held = held[-LABEL_ROOM:]
    rest = _NOT_OWN.split(held if begun else _LABEL.sub("", held))[0].rstrip()
    if rest:
        yield rest


def own_minutes(interview: Interview, elapsed: float) -> frozenset[int]:
    """The interview's own times in whole minutes: its length, the open section's, and what is left of both, rounded either way."""
    state, budget = interview.section, interview.budget
    seconds = [budget.total, budget.total - elapsed, *((state.seconds, state.left(elapsed)) if state else ())]
    return frozenset(rounded(value / 60) for value in seconds for rounded in (math.floor, math.ceil))


def _notice(failure: ModelUnavailable) -> str:
    """For the candidate: a wording that was held back is no outage."""
    if isinstance(failure, HeldBack):
        return "This question is in the embedded interviewer's words."
    return f"{failure} This question comes from the embedded interviewer; nothing you wrote is lost."


def _mark(interview: Interview) -> str:
    return f"s{interview.started.seed:08x}{interview.section.id if interview.section else ''}"


def _line(turn: Turn, mark: str) -> str:
    return fenced(turn.text, mark, "candidate") if turn.speaker == "candidate" else f"Interviewer: {unmarked(turn.text, mark)}"
