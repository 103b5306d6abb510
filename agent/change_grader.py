"""A language model's verdict on the response to a constraint change: one small call of its own, so that no section's prompt depends on it."""

import asyncio
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from agent.change import SILENT, Response, texts
from agent.errors import MalformedReply, ModelUnavailable
from agent.estimator import Estimator, Said
from agent.judging import MODEL_CONFIDENCE, again, described, find_quote, mark_of
from agent.llm import ChatModel, Message
from agent.prompts import Prompts, fenced, unmarked
from agent.schema import ChangeVerdict, Evidence
from agent.scope import shortened
from agent.settings import ELSEWHERE
from agent.vocabulary import Vocabulary


class GivenChange(BaseModel):
    """What the model is asked for. The order of the fields is the order of thought: quotes, reason, verdict."""

    model_config = ConfigDict(extra="ignore")

    before: list[str]
    after: list[str]
    reason: str
    verdict: Literal["met", "partial", "not_observed"]


class ChangeGrader:
    """Lets a language model judge, and code check: both quotes are the candidate's own words, from their side of the change.

    `most_words`: how many of the candidate's words it reads of either side.
    """

    def __init__(self, model: ChatModel, prompts: Prompts, estimator: Estimator, most_words: int = ELSEWHERE) -> None:
        self._model, self._prompts, self._estimator, self._most_words = model, prompts, estimator, most_words

    async def grade(self, response: Response) -> ChangeVerdict:
        """One call, and one more if what it quotes was not said after the change. Never raises for a failed model: that is `unscored`."""
        if response.silent:
            return response.verdict("not_observed", 1.0, SILENT)
        try:
            first = await self._judged(response)
        except (ModelUnavailable, MalformedReply) as error:
            return response.verdict("unscored", 0.0, str(error))
        if first.status != "unscored":
            return first
        try:
            second = await self._judged(response, again(first.reason))
        except (ModelUnavailable, MalformedReply):
            return first
        return second.model_copy(update={"attempts": 2})

    async def _judged(self, response: Response, remark: str = "") -> ChangeVerdict:
        given = await self._ask(response, remark)
        return await asyncio.to_thread(self._checked, given, response)

    async def _ask(self, response: Response, remark: str) -> GivenChange:
        assessment = response.assessment
        mark = mark_of(assessment.transcript.id, response.change.id, *(one.text for one in assessment.said))
        told = {"change": unmarked(response.turn.text, mark), "criterion": described([response.wanted]), "fence": mark, "remark": remark}
        said = ["Before the change:", *self._fenced(response.before, response, mark), "After it:", *self._fenced(response.after, response, mark)]
        messages = [Message("system", self._prompts.render("grade_change", **told)), Message("user", "\n\n".join(said))]
        return await self._model.structured(messages, GivenChange)

    def _fenced(self, said: Sequence[Said], response: Response, mark: str) -> list[str]:
        kept = shortened(said, [response.wanted], Vocabulary([response.wanted]), self._most_words)
        return [fenced(one.text, mark, f"candidate, turn {one.turn}") for one in kept] or ["Nothing."]

    def _checked(self, given: GivenChange, response: Response) -> ChangeVerdict:
        reason = given.reason.strip() or "The grader gave no reason."
        if given.verdict == "not_observed":
            return response.verdict("not_observed", MODEL_CONFIDENCE, reason)
        after, problem = self._held(given.after, response.after, response)
        if after is None:
            return response.verdict("unscored", 0.0, problem)
        before, _ = self._held(given.before, response.before, response)
        return response.verdict(given.verdict, MODEL_CONFIDENCE, reason, after=after, before=before)

    def _held(self, quotes: Sequence[str], said: Sequence[Said], response: Response) -> tuple[Evidence | None, str]:
        """The first quote that was said on this side of the change and can be evidence; and why, if there is none."""
        problem = "The grader gave credit without quoting the candidate's own words from after the change."
        for quote in quotes:
            found = find_quote(quote, texts(said))
            if found is None:
                continue
            turn, verbatim = found
            whole = next(one.text for one in said if one.turn == turn)
            refused = self._estimator.refused(verbatim, whole, response.wanted, response.assessment.asked)
            if refused is None:
                return Evidence(quote=verbatim, turn=turn), ""
            problem = f"The quoted words are no evidence: {refused}"
        return None, problem
