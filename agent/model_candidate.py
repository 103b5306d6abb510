"""A candidate played by a language model: one call a turn, in the manner of a persona."""

import asyncio
import re
from statistics import fmean

from agent.candidate import Spoken, open_section, spoken
from agent.clock import spoken as time_left
from agent.errors import ModelUnavailable
from agent.library import Library
from agent.llm import ChatModel, Message
from agent.manners import Manner
from agent.model_interviewer import LONGEST_PAUSE, RETRY_PAUSE
from agent.prompts import Prompts, fenced
from agent.state import Interview

MOST_TURNS = 24  # of both, that the model is reminded of: a section or two, so that its design stays one design
LONGEST = 4_000  # characters of an answer: more is no speech
_LABEL = re.compile(r"^\s*(?:\*\*)?candidate(?:\*\*)?\s*:(?:\*\*)?\s*", re.IGNORECASE)
_NOT_OWN = re.compile(r"(?:^|\n)\s*(?:\*\*)?interviewer(?:\*\*)?\s*:|<\s*/?\s*(?:said|end)\b", re.IGNORECASE)


class ModelCandidate:
    """Lets a language model answer. What fails for the moment is asked once more; then the failure is the caller's."""

    def __init__(self, model: ChatModel, persona: str, manner: Manner, prompts: Prompts, library: Library) -> None:
        self._model, self._manner, self._prompts, self._library = model, manner, prompts, library
        self.name = f"{persona}, played by {model.name}"

    async def answer(self, interview: Interview) -> Spoken:
        """The model's words, after as long as the persona thinks on average. Raises ModelUnavailable, also for a reply without any."""
        messages = self._messages(interview)
        try:
            return await self._said(messages)
        except ModelUnavailable as error:
            if not error.transient or error.retry_after > LONGEST_PAUSE:
                raise
            await asyncio.sleep(max(error.retry_after, RETRY_PAUSE))
        return await self._said(messages)

    async def _said(self, messages: list[Message]) -> Spoken:
        whole = "".join([piece async for piece in self._model.stream(messages)])
        text = _NOT_OWN.split(_LABEL.sub("", whole))[0].strip()[:LONGEST]
        if not text:
            raise ModelUnavailable(f"The model {self._model.name} gave no words.")
        return spoken(text, fmean(self._manner.thinks))

    def _messages(self, interview: Interview) -> list[Message]:
        """The stable part first, then the latest turns: the candidate's own are the model's, the interviewer's are fenced."""
        started, section = interview.started, self._library.section(open_section(interview))
        mark = f"c{started.seed:08x}"
        system = self._prompts.render(
            "candidate",
            title=started.scenario.title,
            brief=started.scenario.brief.strip(),
            level=started.level,
            manner=self._manner.manner,
            fence=mark,
            section=f"{section.id} {section.title}",
            purpose=section.purpose,
            left=time_left(max(0.0, interview.budget.total - interview.elapsed)),
        )
        return [Message("system", system), *_dialogue(interview, mark)]


def _dialogue(interview: Interview, mark: str) -> list[Message]:
    """The latest turns, beginning with the interviewer, one message each; a remark about the time joins the question before it."""
    messages: list[Message] = []
    for turn in interview.turns[-MOST_TURNS:]:
        if turn.speaker == "candidate" and not messages:
            continue
        role, text = ("assistant", turn.text) if turn.speaker == "candidate" else ("user", fenced(turn.text, mark, "interviewer"))
        if messages and messages[-1].role == role:
            text = f"{messages.pop().content}\n\n{text}"
        messages.append(Message("assistant" if role == "assistant" else "user", text))
    return messages
