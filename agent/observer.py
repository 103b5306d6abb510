"""What one answer showed, locally and in milliseconds: what the candidate wants, which facts are asked for, what is covered."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.encoder import Encoder, Vectors
from agent.events import Intent, Observed
from agent.matcher import Matcher
from agent.schema import Fact, Scenario
from agent.state import Interview
from agent.text import content_words, sentences, words

FACT_MATCH = 0.56  # cosine of a question to a way of asking for a fact, from which on it asks for that fact
FACT_TIE = 0.05  # two facts nearer to each other than this are decided by shared words
SHORT = 14  # words: a longer utterance is an answer even if it contains "next" or "hint"
MOST_FACTS = 3  # told for one utterance; more would be volunteering

_PATTERNS: tuple[tuple[Intent, str], ...] = (
    ("end", r"\b(?:(?:end|finish|stop|quit|abort)\s+(?:the\s+)?(?:interview|session)|let'?s (?:end|stop) (?:here|the interview)|i want to stop)\b"),
    ("pause", r"\b(?:pause|take a break|(?:need|have) a break|hold on a (?:minute|moment)|be right back|brb)\b"),
    ("hint", r"\b(?:hint|nudge me|point me (?:in|to)|give me a clue|help me out|i'?m stuck|i am stuck)\b"),
    ("repeat", r"\b(?:repeat|say (?:that|it) again|come again|what was the question|rephrase|pardon)\b"),
    (
        "done",
        r"\b(?:next section|move on|next (?:one|part|topic)|i'?m done|i am done|that'?s (?:it|all)(?: for| from| i have| on|$|[.!])|done with this"
        r"|nothing (?:more|else|left)?\s*(?:to add|from me)|let'?s (?:go on|continue)|i have (?:nothing|no more)|that covers it|skip this)\b",
    ),
)
_COMMANDS = tuple((intent, re.compile(pattern, re.IGNORECASE)) for intent, pattern in _PATTERNS)
_STUCK = re.compile(
    r"^\W*(?:(?:um+|uh+|hm+|well|sorry|honestly|so)\W+)*(?:i (?:really )?(?:don'?t|do not) know|no idea|not sure"
    r"|i'?m not sure|i am not sure|i have no idea|i haven'?t (?:thought|worked)|pass|dunno|idk|i can'?t think|no clue|\?+|\.+)\b",
    re.IGNORECASE,
)
_ASKING = re.compile(
    r"(?:\?|^(?:what|how|who|which|where|when|do|does|did|is|are|can|could|should|would|will|may|any)\b.*"
    r"|\b(?:can|could|may|should|shall) (?:i|we) assume\b|\bi(?:'d| would) (?:like|want|need) to (?:know|ask|understand)\b"
    r"|\b(?:tell me|let me ask|clarify|wondering)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Asked:
    """The facts that an utterance asks for, and whether it asks for something that no fact answers."""

    facts: tuple[str, ...] = ()
    unknown: bool = False


class FactFinder:
    """Finds the hidden facts that a candidate asks for. The same question always finds the same facts."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._asks: dict[tuple[Fact, ...], tuple[list[Fact], list[str], Vectors]] = {}

    def find(self, scenario: Scenario, text: str) -> Asked:
        """The facts asked for in a text, in the order of its questions."""
        questions = self._questions(text)
        if not questions or not scenario.facts:
            return Asked(unknown=bool(questions))
        owners, asks, vectors = self._encoded(scenario)
        found: list[str] = []
        missed = False
        for question in questions:
            fact = self._best(question, owners, asks, vectors)
            if fact is None:
                missed = True
            elif fact not in found:
                found.append(fact)
        return Asked(tuple(found[:MOST_FACTS]), missed and not found)

    def _best(self, question: str, owners: Sequence[Fact], asks: Sequence[str], vectors: Vectors) -> str | None:
        near = vectors @ self._encoder.encode([question])[0]
        best = int(near.argmax())
        if near[best] < FACT_MATCH:
            return None
        close = [int(i) for i in np.flatnonzero(near >= near[best] - FACT_TIE)]
        own = content_words(question)

        def rank(i: int) -> tuple[float, int]:
            return float(near[i]) + FACT_TIE * len(own & content_words(asks[i])) / max(len(own), 1), -i

        return owners[max(close, key=rank)].id

    def _questions(self, text: str) -> list[str]:
        """The sentences that ask for something; a question that the candidate answers himself is not one."""
        parts = [piece for sentence in sentences(text) for piece in _split_questions(sentence)]
        asking = [i for i, part in enumerate(parts) if _ASKING.search(part) and (part.rstrip().endswith("?") or len(words(part)) <= 25)]
        rhetorical = {i for i in asking if len(words(" ".join(parts[i + 1 :]))) > 40}
        return [parts[i] for i in asking if i not in rhetorical]

    def _encoded(self, scenario: Scenario) -> tuple[list[Fact], list[str], Vectors]:
        facts = scenario.facts
        if facts not in self._asks:
            owners = [fact for fact in facts for _ in fact.asks]
            asks = [ask for fact in facts for ask in fact.asks]
            self._asks[facts] = (owners, asks, self._encoder.encode(asks))
        return self._asks[facts]


def _split_questions(sentence: str) -> list[str]:
    """ "How many users, and what is the budget?" asks twice."""
    if not sentence.rstrip().endswith("?"):
        return [sentence]
    parts = re.split(r",?\s+and\s+(?=(?:what|how|who|which|where|when|do|does|is|are|should|can)\b)", sentence, flags=re.IGNORECASE)
    return [part if part.endswith("?") else f"{part}?" for part in parts]


class Observer:
    """Reads one answer. Local: no model is called."""

    def __init__(self, matcher: Matcher, facts: FactFinder) -> None:
        self._matcher, self._facts = matcher, facts

    def observe(self, interview: Interview, elapsed: float) -> Observed:
        """What the latest answer showed in the open section; or the command that was clicked."""
        state = interview.section
        assert state is not None
        if interview.command is not None:
            return Observed(elapsed=elapsed, section=state.id, intent=interview.command.intent)
        text = interview.turns[-1].text
        turns = interview.turns_of(state.id)
        said = [(turn.n, turn.text) for turn in turns if turn.speaker == "candidate"]
        asked = [turn.text for turn in turns if turn.speaker == "interviewer"]
        found = self._facts.find(interview.started.scenario, text)
        return Observed(
            elapsed=elapsed,
            section=state.id,
            intent=intent_of(text, found),
            facts=found.facts,
            unknown=found.unknown,
            coverage={name: round(match.probability, 3) for name, match in self._matcher.match(state.id, said, asked).items()},
            relevance={name: round(near, 3) for name, near in self._matcher.relevance(state.id, text).items()},
            words=len(words(text)),
        )


def intent_of(text: str, asked: Asked) -> Intent:
    """What the candidate wants with an utterance. A long one is an answer whatever words it contains."""
    count = len(words(text))
    if count <= SHORT:
        for intent, pattern in _COMMANDS:
            if pattern.search(text):
                return intent
        if count == 0 or _STUCK.search(text):
            return "stuck"
    if asked.facts or asked.unknown:
        statements = [part for part in sentences(text) if not _ASKING.search(part)]
        if len(words(" ".join(statements))) <= 2 * SHORT:
            return "clarify"
    return "answer"
