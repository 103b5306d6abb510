"""Writes what the interviewer says for a move. Two brains, one interface; facts, time and changes are always said by code."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from agent.aims import attempts
from agent.clock import spoken
from agent.drift import LONG
from agent.errors import RetrievalError
from agent.intents import LEAVE
from agent.library import Library
from agent.matcher import Matcher
from agent.policy import choose
from agent.retrieval import Retriever
from agent.schema import Move, Passage, Section, Turn, WrongTurn
from agent.settings import EMBEDDED
from agent.state import Interview
from agent.text import shortened
from agent.wrong_turns import claim_in

log = logging.getLogger(__name__)
Emit = Callable[[str | None], None]  # words as they come; None: forget them, the utterance starts again
OPEN_DRIFTS = ("terse", "document", "code", "silence", "lost", "asking")  # the question stands; it is not asked again
QUOTE_FROM = 0.38  # mean cosine to question and criterion from which on words are near enough to be quoted back


@dataclass(frozen=True)
class Utterance:
    """What was said, by which brain, resting on which passages; `notice` tells the candidate why the model did not say it."""

    text: str
    brain: str
    passages: tuple[str, ...] = ()
    notice: str | None = None


class Interviewer(Protocol):
    """Turns a move into words."""

    name: str

    async def speak(self, interview: Interview, move: Move, elapsed: float, emit: Emit) -> Utterance:
        """Say the move; `emit` gets the words as they come. Never raises for a failed model."""
        ...


class EmbeddedInterviewer:
    """Speaks from the corpus: question bank, phrases and the candidate's own words. Needs no model."""

    name = EMBEDDED

    def __init__(self, library: Library, matcher: Matcher, retriever: Retriever) -> None:
        self._library, self._matcher, self._retriever = library, matcher, retriever

    async def speak(self, interview: Interview, move: Move, elapsed: float, emit: Emit) -> Utterance:
        """Say the move at once."""
        passages = await grounding(self._retriever, self._library, interview, move)
        body = await asyncio.to_thread(self.body, interview, move)  # it may encode, and wait for another thread that does
        text = " ".join(part for part in (self.preface(interview, move, elapsed), body) if part)
        emit(text)
        return Utterance(text, self.name, tuple(passage.subsection for passage in passages))

    def preface(self, interview: Interview, move: Move, elapsed: float) -> str:
        """What code says before the question, whichever brain asks it: the welcome, the time left, the facts asked for."""
        parts = [self._welcome(interview)] if move.kind == "ask" else []
        state = interview.section
        if state is not None and (move.nudge or move.half):
            left, total = spoken(state.left(elapsed)), spoken(max(0.0, interview.budget.total - elapsed))
            phrase = self._phrase(interview, "nudge" if move.nudge else "half")
            parts.append(phrase.format(left=left, total=total, total_capital=total[0].upper() + total[1:]))
        facts = {fact.id: fact.answer for fact in interview.started.scenario.facts}
        told = [name for name in move.facts if name in facts]
        if told and told[0] in interview.facts_told:
            parts.append(self._phrase(interview, "told_before"))
        parts += [facts[name] for name in told]
        parts += [self._phrase(interview, "assumed").format(assumption=quotable(one)) for one in move.assumptions]
        if move.kind in ("follow_up", "curveball") and not parts and (answer := last_answer(interview)) and LEAVE.search(answer.text):
            parts.append(self._phrase(interview, "leave"))
        if move.asked_unknown:
            parts.append(self._phrase(interview, "unknown_rest" if parts else "unknown"))
        if move.asked_more:
            parts.append(self._phrase(interview, "more_later"))
        return " ".join(parts)

    def body(self, interview: Interview, move: Move) -> str:
        """The move itself, from the question bank."""
        match move.kind:
            case "ask":
                return self.opening(interview)
            case "next_section":
                return f"{self._handover(interview, move)} {self.opening(interview)}"
            case "follow_up":
                return self._follow_up(interview, move)
            case "hint":
                return self._hint(interview, move)
            case "curveball":
                change = next(change for change in interview.started.scenario.changes if change.id == move.change)
                return f"{self._phrase(interview, 'change')} {change.say}"
            case "clarify":
                return self._clarify(interview, move)
            case "redirect":
                return self._redirect(interview, move)
            case "borrow":
                return self._borrow(interview, move)
            case "repeat":
                return f"{self._phrase(interview, 'repeat')} {self._last_question(interview)}"
            case "pause":
                return self._phrase(interview, "pause")
            case "wrap_up":
                ending = {"the time is over": "wrap_up_time", "the candidate ended it": "wrap_up_ended"}.get(move.reason, "wrap_up")
                return self._phrase(interview, ending)
            case "nudge":
                return ""

    def opening(self, interview: Interview) -> str:
        """The question that opens the current section at the interview's level."""
        state = interview.section
        assert state is not None
        options = getattr(self._library.rubrics[state.id].openings, interview.started.level)
        text: str = choose(options, interview.started.seed, state.id)
        return text.replace("{thing}", interview.started.scenario.thing)

    def question(self, interview: Interview, move: Move) -> str:
        """The bank's question for a follow-up; the other one the second time."""
        state = interview.section
        assert state is not None and move.criterion is not None
        criterion = self._library.criteria[move.criterion]
        first = interview.started.seed % len(criterion.follow_ups)
        return criterion.follow_ups[(first + attempts(state, criterion.id)) % len(criterion.follow_ups)]

    def _welcome(self, interview: Interview) -> str:
        started = interview.started
        count = len(started.sections)
        return self._phrase(interview, "welcome").format(
            minutes=f"{started.minutes:g}",
            title=started.scenario.title,
            brief=started.scenario.brief.strip(),
            parts=f"{count} parts" if count > 1 else "one part",
        )

    def _handover(self, interview: Interview, move: Move) -> str:
        order = list(interview.sections)
        closed, opened = (spoken_name(self._library.section(name)) for name in order[-2:])
        name = "handover_time" if "time" in move.reason else "handover"
        return self._phrase(interview, name).format(section=closed, next=opened)

    def _clarify(self, interview: Interview, move: Move) -> str:
        """Asks back what it may have been that was asked for; else the candidate goes on."""
        asks = [fact.asks[0] for fact in interview.started.scenario.facts if fact.id in move.checks]
        if asks:
            return self._phrase(interview, "check").format(question='" and "'.join(asks))
        return "" if move.asked_unknown or move.asked_more else self._phrase(interview, "fact_more")

    def _redirect(self, interview: Interview, move: Move) -> str:
        """Leads back to the question that was asked; who is silent or lost has it before him, and who said too little is to go on."""
        assert move.drift is not None
        lead = self._phrase(interview, move.drift)
        return lead if move.drift in OPEN_DRIFTS else f"{lead} {self._last_question(interview)}"

    def _borrow(self, interview: Interview, move: Move) -> str:
        following = spoken_name(self._library.section(interview.next_section or ""))
        borrowed = spoken(move.borrow)
        words = {"borrowed": borrowed, "borrowed_capital": borrowed[0].upper() + borrowed[1:], "next": following}
        return self._phrase(interview, "borrow").format(**words)

    def _follow_up(self, interview: Interview, move: Move) -> str:
        answer = last_answer(interview)
        if (wrong := probed(self._library, interview, move)) is not None:
            claimed = claim_in(self._matcher.encoder, wrong, answer.text) if answer else None
            return f"{self._quoting(interview, claimed)} {wrong.probe}" if claimed else wrong.probe
        assert move.criterion is not None
        question = self.question(interview, move)
        near = self._matcher.nearest_clause(question, move.criterion, answer.text) if answer else None
        if near is not None and near[1] >= QUOTE_FROM:
            return f"{self._quoting(interview, near[0])} {question}"
        long = answer is not None and len(answer.text.split()) > LONG
        return f"{self._phrase(interview, 'lead_long' if long else 'lead_plain')} {question}".strip()

    def _quoting(self, interview: Interview, words: str) -> str:
        return self._phrase(interview, "lead_quote").format(quote=quotable(words))

    def _hint(self, interview: Interview, move: Move) -> str:
        if move.criterion is None or move.hint is None:
            return self._phrase(interview, "no_hint")
        lead = self._phrase(interview, "stuck" if "stuck" in move.reason else "hint")
        return f"{lead} {self._library.criteria[move.criterion].hints[move.hint]}"

    def _last_question(self, interview: Interview) -> str:
        """What was asked last, without the hand-over, the quote and the time that were said round it."""
        kinds = ("ask", "next_section", "follow_up", "hint", "curveball")
        turn = next(turn for turn in reversed(interview.turns) if turn.move is not None and turn.move.kind in kinds)
        bank: list[str] = []
        if turn.move is not None and (wrong := probed(self._library, interview, turn.move)) is not None:
            bank = [wrong.probe]
        elif turn.move is not None and turn.move.criterion is not None:
            criterion = self._library.criteria[turn.move.criterion]
            bank = [*criterion.follow_ups, *criterion.hints]
        elif turn.section in interview.sections:
            bank = [self.opening(interview)]
        return next((question for question in bank if question in turn.text), turn.text)

    def _phrase(self, interview: Interview, name: str) -> str:
        phrases = self._library.phrases
        options = phrases.tones.get(interview.started.persona, {}).get(name) or getattr(phrases, name)
        if name == "lead_plain":  # every other question at most is led up to; before each of them it would be a tic
            options = (*options, *("" for _ in options), "")
        return choose(options, interview.started.seed, name, len(interview.turns))


async def grounding(retriever: Retriever, library: Library, interview: Interview, move: Move) -> list[Passage]:
    """The passages of the framework that a follow-up rests on; none when the index fails, because a question can do without."""
    if move.kind != "follow_up" or move.criterion is None:
        return []
    criterion = library.criteria[move.criterion]
    answer = last_answer(interview)
    about = f"{criterion.statement} {answer.text if answer else ''}"[:1000]
    try:
        return await asyncio.to_thread(retriever.passages, criterion.references, about)
    except RetrievalError as error:
        log.warning("%s The follow-up is asked without a passage.", error)
        return [Passage(subsection=criterion.references[0], score=0.0, text=criterion.statement)]


def probed(library: Library, interview: Interview, move: Move) -> WrongTurn | None:
    """The wrong turn that a move probes, if it probes one."""
    return next((wrong for wrong in library.wrong_turns_of(interview.started.scenario) if wrong.id == move.wrong_turn), None)


def quotable(text: str) -> str:
    """The candidate's words as they stand inside quotation marks."""
    return shortened(text).replace('"', "'")


def last_answer(interview: Interview) -> Turn | None:
    """The candidate's latest turn in the open section."""
    state = interview.section
    return next((t for t in reversed(interview.turns) if t.speaker == "candidate" and state and t.section == state.id), None)


def spoken_name(section: Section) -> str:
    """What a section is called inside a sentence. Of titles, "Data Storage" becomes "data storage", "API Design" becomes "API design"."""
    return section.spoken or " ".join(word if word[1:2].isupper() else word.lower() for word in section.title.split())
