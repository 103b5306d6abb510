"""Which hidden facts a candidate asks for. The same question always finds the same facts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from agent.encoder import Encoder, Vectors
from agent.fact_reader import FactReader
from agent.intents import DIRECT, INTERROGATIVE, NO, OWN_ANSWER, PERMISSION, SUPPOSING, YES, command_of
from agent.schema import Fact, Scenario
from agent.text import content_words, sentences, words

LIKELY = -0.25  # log-odds of a fact from which on a question may ask for it: it is asked back whether it does
SURE = 1.5  # ... from which on it does
DOUBTED = 1.0  # ... more of each for a statement that only ends in a question mark, and where the candidate may have answered himself
FACT_MATCH = 0.56  # where the reader does not know the scenario: cosine of a question to a way of asking for a fact
CLOSE_MATCH = 0.66  # ... for a statement that only ends in a question mark
FACT_TIE = 0.05  # two facts nearer to each other than this are decided by shared words
TERSE = 5  # words: "QPS?" and "and the budget?" ask without a question's form
ASSUMED_MATCH = 0.5  # ... and to what the candidate assumed earlier, from which on it asks for that again
MOST_FACTS = 4  # told for one utterance; more would be volunteering


@dataclass(frozen=True)
class Asked:
    """What an utterance asks for: facts; facts that it may ask for, which is to be asked back (`checks`); what the candidate assumed
    before (`recalled`); something that neither answers (`unknown`); and whether it asked for more than is told at once."""

    facts: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    recalled: tuple[str, ...] = ()
    unknown: bool = False
    more: bool = False


@dataclass(frozen=True)
class Question:
    """A sentence that may ask for something; `lead`: what was said right before it; `formed`: it has a question's form; `answered`: so much
    follows that the candidate may have answered it himself."""

    lead: str
    text: str
    formed: bool
    answered: bool = False

    @property
    def plain(self) -> bool:
        """Whether it asks as people ask for facts: in a question's form, or in a few words."""
        return self.formed or len(words(self.text)) <= TERSE


class FactFinder:
    """Finds the hidden facts that a candidate asks for. The same question always finds the same facts."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder, self._reader = encoder, FactReader(encoder)
        self._asks: dict[tuple[Fact, ...], tuple[list[Fact], list[str], Vectors]] = {}

    def find(self, scenario: Scenario, text: str, assumed: Sequence[str] = ()) -> Asked:
        """What a text asks for, in the order of its questions. `assumed`: what the candidate assumed so far, where no fact answered."""
        found: list[str] = []
        checks: list[str] = []
        recalled: list[str] = []
        missed = False
        for question in _questions(text):
            told, unsure, asks = self._read(scenario, question)
            found += told
            checks += unsure
            if told or unsure or not asks:
                continue
            if (earlier := self._recalled(question.text, assumed)) is not None:
                recalled.append(earlier)
            else:
                missed = True
        facts = tuple(dict.fromkeys(found))
        open_checks = tuple(name for name in dict.fromkeys(checks) if name not in facts)
        return Asked(facts[:MOST_FACTS], open_checks, tuple(dict.fromkeys(recalled)), missed, len(facts) > MOST_FACTS)

    def _read(self, scenario: Scenario, question: Question) -> tuple[list[str], list[str], bool]:
        """The facts that a question asks for; those that it may ask for; and whether it asks for anything at all."""
        parts = _split_questions(question.text)
        reading = self._reader.read(scenario, question.lead, question.text)
        if reading is None and question.answered:
            return [], [], False
        if reading is None:
            near = [self._best(scenario, part, FACT_MATCH if question.plain else CLOSE_MATCH) for part in parts]
            return [fact for fact in near if fact is not None], [], question.formed
        each = [self._reader.read(scenario, " ".join(parts[:i]), part) for i, part in enumerate(parts)] if len(parts) > 1 else []
        several = list(dict.fromkeys(one.fact for one in each if one is not None and one.odds >= SURE))
        if len(several) > 1:
            return several, [one.fact for one in each if one is not None and LIKELY <= one.odds < SURE and one.fact not in several], True
        odds = reading.odds - (0.0 if question.plain and not question.answered else DOUBTED)
        if odds >= SURE:
            return [reading.fact], [], reading.asks
        if question.answered:
            return [], [], False
        if several:
            return several, [], True  # half of it is told where the other half has no fact
        unsure = odds >= LIKELY and (question.plain or reading.asks)
        return [], [reading.fact] if unsure else [], reading.asks

    def _recalled(self, question: str, assumed: Sequence[str]) -> str | None:
        """The assumption that a question is about; the latest of several that are as near."""
        if not assumed:
            return None
        near = self._encoder.encode(list(assumed)) @ self._encoder.encode([question])[0]
        best = len(near) - 1 - int(near[::-1].argmax())
        return assumed[best] if near[best] >= ASSUMED_MATCH else None

    def _best(self, scenario: Scenario, question: str, least: float) -> str | None:
        if not scenario.facts:
            return None
        owners, asks, vectors = self._encoded(scenario)
        near = vectors @ self._encoder.encode([question])[0]
        best = int(near.argmax())
        if near[best] < least:
            return None
        close = [int(i) for i in np.flatnonzero(near >= near[best] - FACT_TIE)]
        own = content_words(question)

        def rank(i: int) -> tuple[float, int]:
            return float(near[i]) + FACT_TIE * len(own & content_words(asks[i])) / max(len(own), 1), -i

        return owners[max(close, key=rank)].id

    def _encoded(self, scenario: Scenario) -> tuple[list[Fact], list[str], Vectors]:
        facts = scenario.facts
        if facts not in self._asks:
            owners = [fact for fact in facts for _ in fact.asks]
            asks = [ask for fact in facts for ask in fact.asks]
            self._asks[facts] = (owners, asks, self._encoder.encode(asks))
        return self._asks[facts]


def settled(asked: Asked, text: str, checks: tuple[str, ...]) -> Asked:
    """What a reply asks for after `checks` were asked back: those, if it says yes or asks for one of them again; nothing that is known, if
    it only says no. A reply that does neither has gone on to something else."""
    meant = checks if YES.match(text) else tuple(name for name in asked.checks if name in checks)
    if meant:
        facts = tuple(dict.fromkeys((*meant, *asked.facts)))
        return replace(asked, facts=facts, checks=tuple(name for name in asked.checks if name not in facts))
    return replace(asked, unknown=True) if checks and asked == Asked() and NO.match(text) else asked


def _questions(text: str) -> list[Question]:
    """The sentences that ask for something.

    A statement with a question mark ("With a queue, maybe?") asks for a fact only if one fits it well; so does a question after which the
    candidate goes on for long. A question whose answer follows at once ("Why? Because ...") asks for nothing.
    """
    parts = sentences(text)
    found: list[Question] = []
    lead: list[str] = []
    for i, part in enumerate(parts):
        marked = part.rstrip().endswith("?")
        if not (marked or DIRECT.search(part)) or command_of(part) or PERMISSION.search(part) or _answers_itself(parts[i + 1 :]):
            lead.append(part)
            continue
        formed = not marked or (bool(INTERROGATIVE.search(part)) and not SUPPOSING.search(part))
        found.append(Question(" ".join(lead), part, formed, _answered(parts[i + 1 :])))
        lead = []
    return found


def _answers_itself(later: Sequence[str]) -> bool:
    """Whether the next words begin an answer."""
    return bool(later) and bool(OWN_ANSWER.match(later[0])) and not later[0].rstrip().endswith("?")


def _answered(later: Sequence[str]) -> bool:
    """Whether the candidate goes on with so many statements that they may be his own answer."""
    return len(words(" ".join(part for part in later if not part.rstrip().endswith("?")))) > 40


def _split_questions(sentence: str) -> list[str]:
    """ "How many users, how big are they, and what is the budget?" asks three times."""
    if not sentence.rstrip().endswith("?"):
        return [sentence]
    asking = r"(?=(?:what|how|who|which|where|when|why|do|does|is|are|should|can)\b)"
    parts = re.split(rf"(?:,\s+(?:and\s+)?|\s+and\s+){asking}", sentence, flags=re.IGNORECASE)
    return [part if part.endswith("?") else f"{part}?" for part in parts]
