"""Verdicts for one section. Two graders, one interface: the embedded one (local) and the model's. No quote, no credit."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict

from agent.errors import MalformedReply, ModelUnavailable
from agent.library import Library
from agent.llm import ChatModel, Message
from agent.matcher import Match, Matcher, is_question
from agent.prompts import Prompts, fenced, unmarked
from agent.schema import Criterion, SectionResult, Transcript, Turn, Verdict
from agent.scoring import section_result, without_verdicts
from agent.text import copied_share, normalised, words

MET, PARTIAL = 0.5, 0.35  # probabilities from which on the embedded grader gives full and half credit
FEWEST_QUOTE_WORDS = 4
COPIED = 0.6  # a quote of which more than this share is the interviewer's or the rubric's wording is no evidence


@dataclass(frozen=True)
class Assessment:
    """What is graded: one section of a transcript."""

    transcript: Transcript
    section: str

    @cached_property
    def turns(self) -> tuple[Turn, ...]:
        """What was said in the section."""
        return tuple(turn for turn in self.transcript.turns if turn.section == self.section)

    @cached_property
    def answers(self) -> list[tuple[int, str]]:
        """The candidate's turns: (number, text)."""
        return [(turn.n, turn.text) for turn in self.turns if turn.speaker == "candidate"]

    @cached_property
    def questions(self) -> list[str]:
        """The interviewer's turns."""
        return [turn.text for turn in self.turns if turn.speaker == "interviewer"]


class Grader(Protocol):
    """Grades a section of a transcript."""

    name: str

    async def grade(self, assessment: Assessment) -> SectionResult:
        """The section's result. Never raises for a failed model: that is status `unscored`, with a note."""
        ...


class EmbeddedGrader:
    """The local grader: no model, no network, the same result every time."""

    name = "embedded"

    def __init__(self, library: Library, matcher: Matcher, met: float = MET, partial: float = PARTIAL) -> None:
        self._library, self._matcher, self._met, self._partial = library, matcher, met, partial

    async def grade(self, assessment: Assessment) -> SectionResult:
        """Grade in a thread, because encoding takes the processor for some milliseconds."""
        return await asyncio.to_thread(self.grade_now, assessment)

    def grade_now(self, assessment: Assessment) -> SectionResult:
        """The verdicts of every criterion of the section."""
        rubric = self._library.rubrics[assessment.section]
        matches = self._matcher.match(assessment.section, assessment.answers, assessment.questions)
        verdicts = [self._judged(matches[c.id], c, assessment.transcript.hints_given(c.id)) for c in rubric.criteria]
        return section_result(self._library.section(assessment.section), rubric, verdicts, assessment.transcript.level, self.name)

    def _judged(self, match: Match, criterion: Criterion, hints: int) -> Verdict:
        chance = match.probability
        status: Literal["met", "partial", "not_observed"] = "met" if chance >= self._met else "partial" if chance >= self._partial else "not_observed"
        if status == "met" and match.piece is not None and is_question(match.piece.text):
            status = "partial"  # asking well is half of it; using the answer is the other half
        if match.piece is None or status == "not_observed":
            near = match.piece is not None and match.near_miss and chance > 0.1
            why = "The nearest words resemble an answer that does not count." if near else "Nothing that was said comes near what counts."
            return Verdict(criterion=criterion.id, status="not_observed", confidence=round(1 - chance, 3), reason=why)
        why = {"met": "The quoted words say what counts.", "partial": f"The quoted words come near. Half counts for: {criterion.partial}"}[status]
        return Verdict(
            criterion=criterion.id,
            status=status,
            quote=match.piece.text,
            turn=match.piece.turn,
            confidence=round(chance if status == "met" else max(0.0, 1 - 2 * abs(chance - (self._met + self._partial) / 2)), 3),
            reason=why,
            hints=min(hints, 3),
        )


# --- the model's grader -----------------------------------------------------------------------------------------


class GivenVerdict(BaseModel):
    """What the model is asked for, per criterion. The order of the fields is the order of thought: quote, reason, verdict."""

    model_config = ConfigDict(extra="ignore")

    criterion: str
    quotes: list[str]
    reason: str
    verdict: Literal["met", "partial", "not_observed"]


class GivenVerdicts(BaseModel):
    """What the model is asked for: one entry for every criterion of the section."""

    model_config = ConfigDict(extra="ignore")

    verdicts: list[GivenVerdict]


class ModelGrader:
    """Lets a language model judge, and code check: quotes must be the candidate's own words, points are computed here."""

    def __init__(self, library: Library, model: ChatModel, prompts: Prompts) -> None:
        self._library, self._model, self._prompts = library, model, prompts
        self.name = model.name

    async def grade(self, assessment: Assessment) -> SectionResult:
        """One call for the section, and one more for criteria whose quotes were not the candidate's."""
        section, rubric = self._library.section(assessment.section), self._library.rubrics[assessment.section]
        if not any(words(text) for _, text in assessment.answers):
            verdicts = [_silent(criterion) for criterion in rubric.criteria]
            return section_result(section, rubric, verdicts, assessment.transcript.level, self.name)
        try:
            first = await self._ask(assessment, rubric.criteria)
            judged = {c.id: self._checked(c, first.get(c.id), assessment) for c in rubric.criteria}
            failed = [c for c in rubric.criteria if judged[c.id].status == "unscored"]
            if failed:
                judged.update(await self._again(assessment, failed))
        except (ModelUnavailable, MalformedReply) as error:
            return without_verdicts(section, "unscored", note=str(error))
        return section_result(section, rubric, [judged[c.id] for c in rubric.criteria], assessment.transcript.level, self.name)

    async def _again(self, assessment: Assessment, failed: Sequence[Criterion]) -> dict[str, Verdict]:
        """A second try for criteria that failed the check; what fails again, or cannot be asked, stays unscored."""
        try:
            second = await self._ask(assessment, failed, remark="Your last quotes were not found in the candidate's text. Copy them exactly.")
        except (ModelUnavailable, MalformedReply):
            return {}
        return {c.id: self._checked(c, second.get(c.id), assessment).model_copy(update={"attempts": 2}) for c in failed}

    async def _ask(self, assessment: Assessment, criteria: Sequence[Criterion], remark: str = "") -> dict[str, GivenVerdict]:
        section = self._library.section(assessment.section)
        nonce = fence_mark(assessment)
        system = self._prompts.render(
            "grade_section", section=f"{section.id} {section.title}", criteria=described(criteria), fence=nonce, remark=remark
        )
        said = "\n\n".join(
            fenced(turn.text, nonce, f"candidate, turn {turn.n}") if turn.speaker == "candidate" else f"Interviewer: {unmarked(turn.text, nonce)}"
            for turn in assessment.turns
        )
        reply = await self._model.structured([Message("system", system), Message("user", said)], GivenVerdicts)
        return {given.criterion: given for given in reply.verdicts}

    def _checked(self, criterion: Criterion, given: GivenVerdict | None, assessment: Assessment) -> Verdict:
        if given is None:
            return unscored(criterion, "The grader left this criterion out.")
        reason = given.reason.strip() or "The grader gave no reason."
        if given.verdict == "not_observed":
            return Verdict(criterion=criterion.id, status="not_observed", confidence=0.8, reason=reason)
        for quote in given.quotes:
            found = find_quote(quote, assessment, criterion)
            if found is not None:
                turn, verbatim = found
                hints = min(assessment.transcript.hints_given(criterion.id), 3)
                return Verdict(criterion=criterion.id, status=given.verdict, quote=verbatim, turn=turn, confidence=0.8, reason=reason, hints=hints)
        return unscored(criterion, "The grader gave credit without quoting the candidate's own words.")


def described(criteria: Sequence[Criterion]) -> str:
    """The criteria as the model reads them."""
    blocks = []
    for c in criteria:
        counts, not_counts = "; ".join(c.counts), "; ".join(c.does_not_count)
        blocks.append(f"### {c.id}\n{c.statement}\nmet: {counts}\npartial: {c.partial}\ndoes not count: {not_counts}")
    return "\n\n".join(blocks)


def find_quote(quote: str, assessment: Assessment, criterion: Criterion) -> tuple[int, str] | None:
    """Where the candidate said a quote: (turn, the words as typed). None unless it is long enough, verbatim after
    normalisation, in a candidate's turn of this section, and neither the interviewer's nor the rubric's wording."""
    wanted = normalised(quote).strip(" .\"'")
    if len(words(wanted)) < FEWEST_QUOTE_WORDS:
        return None
    if copied_share(wanted, [*assessment.questions, criterion.statement, *criterion.counts, *criterion.examples]) > COPIED:
        return None
    for turn, text in assessment.answers:
        verbatim = _verbatim(wanted, text)
        if verbatim is not None:
            return turn, verbatim
    return None


def _verbatim(wanted: str, text: str) -> str | None:
    """The stretch of `text` that reads `wanted` after normalisation."""
    if wanted not in normalised(text):
        return None
    parts = _spans(text)
    first_word, count = wanted.split()[0], len(wanted.split())
    for first, last in zip(parts, parts[count - 1 :], strict=False):
        if first_word not in normalised(text[first[0] : first[1]]):
            continue
        stretch = text[first[0] : last[1]]
        if wanted in normalised(stretch):
            return stretch
    return wanted  # it crosses a word's inside: the normalised form still is what was said


@lru_cache(maxsize=256)
def _spans(text: str) -> tuple[tuple[int, int], ...]:
    return tuple(found.span() for found in re.finditer(r"\S+", text))


def unscored(criterion: Criterion, why: str) -> Verdict:
    """A criterion that could not be judged: kept out of every figure."""
    return Verdict(criterion=criterion.id, status="unscored", confidence=0.0, reason=why)


def _silent(criterion: Criterion) -> Verdict:
    return Verdict(criterion=criterion.id, status="not_observed", confidence=1.0, reason="Nothing was said in this section.")


def fence_mark(assessment: Assessment) -> str:
    """A fence mark that the candidate cannot guess, the same for the same text, so that a recorded call is found again."""
    import hashlib

    said = "\0".join(text for _, text in assessment.answers)
    return hashlib.sha256(f"fence\0{assessment.transcript.id}\0{assessment.section}\0{said}".encode()).hexdigest()[:12]
