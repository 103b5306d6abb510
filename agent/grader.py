"""Verdicts for one section. Two graders, one interface: the embedded one (local) and the model's. No quote, no credit."""

import asyncio
from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict

from agent.change import SILENT, evidence, response_in
from agent.change_grader import ChangeGrader
from agent.errors import MalformedReply, ModelUnavailable
from agent.estimator import Estimate, Estimator
from agent.judging import MODEL_CONFIDENCE, again, described, find_quote, mark_of
from agent.library import Library
from agent.llm import ChatModel, Message
from agent.prompts import Prompts, fenced, unmarked
from agent.schema import Chances, ChangeVerdict, Criterion, SectionResult, Transcript, Verdict
from agent.scope import Assessment, Scope, scope_of
from agent.scoring import without_verdicts
from agent.settings import ELSEWHERE
from agent.text import words

Judged = Literal["met", "partial", "not_observed"]


class Grader(Protocol):
    """Grades a section of a transcript."""

    name: str

    async def grade(self, assessment: Assessment) -> SectionResult:
        """The section's result. Never raises for a failed model: that is status `unscored`, with a note."""
        ...


class EmbeddedGrader:
    """The local grader: no model, no network, the same result every time. It estimates, and says `unclear` where it is not sure.

    `sure`: the chance that the likeliest verdict must have (None: as trained). `lenience`: log-odds added to met and partial.
    """

    name = "embedded"

    def __init__(self, library: Library, estimator: Estimator, sure: float | None = None, lenience: float = 0.0) -> None:
        self._library, self._estimator, self._sure, self._lenience = library, estimator, sure, lenience

    async def grade(self, assessment: Assessment) -> SectionResult:
        """Grade in a thread, because reading takes the processor for some milliseconds."""
        return await asyncio.to_thread(self.grade_now, assessment)

    def grade_now(self, assessment: Assessment) -> SectionResult:
        """The verdicts of every criterion of the section."""
        rubric = self._library.rubrics[assessment.section]
        found = self._estimator.estimate(assessment.section, assessment.said, assessment.asked)
        verdicts = [self._judged(found[c.id], c, assessment.transcript) for c in rubric.criteria]
        return assessment.result(self._library, verdicts, self.name, self._change(assessment))

    def _change(self, assessment: Assessment) -> ChangeVerdict | None:
        """The verdict on the constraint change of the section, if one came there: from the words after it, and the words that they revise."""
        response = response_in(assessment, self._library)
        if response is None:
            return None
        if response.silent:
            return response.verdict("not_observed", 1.0, SILENT)
        found = response.read(self._estimator.revisions)
        chances = shifted(found.chances, self._lenience)
        if found.piece is None:
            return response.verdict("not_observed", 1.0, "Nothing that was said after the change can speak for it.", chances=chances)
        status, confidence = likeliest(chances)
        if confidence >= self._threshold and status == "not_observed":
            return response.verdict(status, confidence, "Nothing that was said after the change revises the design.", chances=chances)
        quotes = {"after": evidence(found.piece), "before": response.revised(self._estimator.revisions, found.piece.text)}
        if confidence < self._threshold:
            return response.verdict("unclear", confidence, unsure(status), chances=chances, **quotes)
        reason = (
            "The quoted words say what becomes different."
            if status == "met"
            else f"The quoted words react to it. Half counts for: {response.wanted.partial}"
        )
        return response.verdict(status, confidence, reason, chances=chances, **quotes)

    @property
    def _threshold(self) -> float:
        return self._estimator.sure if self._sure is None else self._sure

    def _judged(self, found: Estimate, criterion: Criterion, transcript: Transcript) -> Verdict:
        chances = shifted(found.chances, self._lenience)
        status, confidence = likeliest(chances)
        if found.piece is None:
            reason = "Nothing that was said can speak for it."
            return Verdict(criterion=criterion.id, status="not_observed", chances=chances, confidence=confidence, reason=reason)
        quoted = {"quote": found.piece.text, "turn": found.piece.turn, "hints": transcript.hints_given(criterion.id, found.piece.turn)}
        given = {"criterion": criterion.id, "chances": chances, "confidence": confidence}
        if confidence < self._threshold:
            return Verdict.model_validate({**given, **quoted, "status": "unclear", "reason": unsure(status)})
        if status == "not_observed":
            return Verdict.model_validate({**given, "status": status, "reason": "Nothing that was said comes near enough to what counts."})
        reason = "The quoted words say what counts." if status == "met" else f"The quoted words come near. Half counts for: {criterion.partial}"
        return Verdict.model_validate({**given, **quoted, "status": status, "reason": reason})


def likeliest(chances: Chances) -> tuple[Judged, float]:
    """The likeliest verdict and its chance."""
    by_label: dict[Judged, float] = {"met": chances.met, "partial": chances.partial, "not_observed": 1 - chances.met - chances.partial}
    status = max(by_label, key=lambda label: by_label[label])
    return status, round(min(1.0, by_label[status]), 3)


def unsure(status: Judged) -> str:
    """Why a verdict is unclear."""
    leaning = {"met": "met", "partial": "half met", "not_observed": "not met"}[status]
    return f"Not sure enough to say; {leaning} is the likeliest. The quoted words come nearest."


def shifted(chances: Chances, lenience: float) -> Chances:
    """Chances with some log-odds added to met and to partial."""
    if not lenience:
        return chances
    weights = np.array([chances.met, chances.partial, max(0.0, 1 - chances.met - chances.partial)]) * np.exp([lenience, lenience, 0.0])
    met, partial, _ = weights / weights.sum()
    return Chances(met=round(float(met), 4), partial=round(float(partial), 4))


# --- the model's grader -----------------------------------------------------------------------------------------


class GivenVerdict(BaseModel):
    """What the model is asked for, per criterion. The order of the fields is the order of thought: quote, reason, verdict."""

    model_config = ConfigDict(extra="ignore")

    criterion: str
    quotes: list[str]
    reason: str
    verdict: Judged


class GivenVerdicts(BaseModel):
    """What the model is asked for: one entry for every criterion of the section."""

    model_config = ConfigDict(extra="ignore")

    verdicts: list[GivenVerdict]


class ModelGrader:
    """Lets a language model judge, and code check: quotes must be the candidate's own words and can be evidence; points are computed here.

    `elsewhere`: how many of the candidate's words from other sections it reads beside the section's own turns. `changes`: whether it also
    judges the response to a constraint change; the evals have no gold for that, so they do not ask.
    """

    def __init__(
        self, library: Library, model: ChatModel, prompts: Prompts, estimator: Estimator, elsewhere: int = ELSEWHERE, changes: bool = True
    ) -> None:
        self._library, self._model, self._prompts, self._estimator, self._elsewhere = library, model, prompts, estimator, elsewhere
        self._judges_changes = changes
        self._changes = ChangeGrader(model, prompts, estimator, elsewhere)
        self.name = model.name

    async def grade(self, assessment: Assessment) -> SectionResult:
        """One call for the section, one for a constraint change that came in it, and one more each for quotes that were not evidence."""
        section, rubric = self._library.section(assessment.section), self._library.rubrics[assessment.section]
        scope = scope_of(assessment, rubric, self._library.vocabulary, self._elsewhere)
        if not any(words(text) for _, text in scope.texts):
            verdicts = [_silent(criterion) for criterion in rubric.criteria]
            return assessment.result(self._library, verdicts, self.name, await self._change(assessment))
        try:
            first = await self._ask(scope, rubric.criteria)
            judged = await asyncio.to_thread(self._all_checked, rubric.criteria, first, scope)
            failed = [c for c in rubric.criteria if judged[c.id].status == "unscored"]
            if failed:
                judged.update(await self._again(scope, failed, judged))
        except (ModelUnavailable, MalformedReply) as error:
            return without_verdicts(section, "unscored", note=str(error))
        return assessment.result(self._library, [judged[c.id] for c in rubric.criteria], self.name, await self._change(assessment))

    async def _again(self, scope: Scope, failed: Sequence[Criterion], judged: dict[str, Verdict]) -> dict[str, Verdict]:
        """A second try for criteria that failed the check; what fails again, or cannot be asked, stays unscored."""
        why = " ".join(dict.fromkeys(judged[c.id].reason for c in failed))
        try:
            second = await self._ask(scope, failed, again(why))
        except (ModelUnavailable, MalformedReply):
            return {}
        checked = await asyncio.to_thread(self._all_checked, failed, second, scope)
        return {name: verdict.model_copy(update={"attempts": 2}) for name, verdict in checked.items()}

    async def _change(self, assessment: Assessment) -> ChangeVerdict | None:
        response = response_in(assessment, self._library) if self._judges_changes else None
        return await self._changes.grade(response) if response else None

    async def _ask(self, scope: Scope, criteria: Sequence[Criterion], remark: str = "") -> dict[str, GivenVerdict]:
        section = self._library.section(scope.assessment.section)
        nonce = fence_mark(scope)
        system = self._prompts.render(
            "grade_section", section=f"{section.id} {section.title}", criteria=described(criteria), fence=nonce, remark=remark
        )
        said = [
            fenced(turn.text, nonce, f"candidate, turn {turn.n}") if turn.speaker == "candidate" else f"Interviewer: {unmarked(turn.text, nonce)}"
            for turn in scope.assessment.turns
        ]
        if scope.elsewhere:
            said += ["Said in other sections:", *(fenced(one.text, nonce, f"candidate, turn {one.turn}") for one in scope.elsewhere)]
        reply = await self._model.structured([Message("system", system), Message("user", "\n\n".join(said))], GivenVerdicts)
        return {given.criterion: given for given in reply.verdicts}

    def _all_checked(self, criteria: Sequence[Criterion], given: dict[str, GivenVerdict], scope: Scope) -> dict[str, Verdict]:
        return {c.id: self._checked(c, given.get(c.id), scope) for c in criteria}

    def _checked(self, criterion: Criterion, given: GivenVerdict | None, scope: Scope) -> Verdict:
        if given is None:
            return unscored(criterion, "The grader left this criterion out.")
        reason = given.reason.strip() or "The grader gave no reason."
        if given.verdict == "not_observed":
            return Verdict(criterion=criterion.id, status="not_observed", confidence=MODEL_CONFIDENCE, reason=reason)
        problem = "The grader gave credit without quoting the candidate's own words."
        for quote in given.quotes:
            found = find_quote(quote, scope.texts)
            if found is None:
                continue
            turn, verbatim = found
            refused = self._estimator.refused(verbatim, scope.text(turn), criterion, scope.assessment.asked)
            if refused is None:
                hints = scope.assessment.transcript.hints_given(criterion.id, turn)
                return Verdict(
                    criterion=criterion.id, status=given.verdict, quote=verbatim, turn=turn, confidence=MODEL_CONFIDENCE, reason=reason, hints=hints
                )
            problem = f"The quoted words are no evidence: {refused}"
        return unscored(criterion, problem)


def unscored(criterion: Criterion, why: str) -> Verdict:
    """A criterion that could not be judged: kept out of every figure."""
    return Verdict(criterion=criterion.id, status="unscored", confidence=0.0, reason=why)


def _silent(criterion: Criterion) -> Verdict:
    return Verdict(criterion=criterion.id, status="not_observed", confidence=1.0, reason="Nothing was said in this section.")


def fence_mark(scope: Scope) -> str:
    """The mark of the fences in what a model reads of a section."""
    return mark_of(scope.assessment.transcript.id, scope.assessment.section, *(text for _, text in scope.texts))
