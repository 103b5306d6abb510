"""What one answer showed, locally and in milliseconds: what the candidate wants, which facts are asked for, what is covered."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.change import response_in
from agent.encoder import Encoder, Vectors
from agent.estimator import Estimator, asked_in, said_in
from agent.events import Intent, Observed
from agent.matcher import Matcher
from agent.schema import Fact, Scenario, SectionResult
from agent.scope import Assessment
from agent.state import Interview
from agent.text import content_words, sentences, words

NEWS = 0.5  # expected credit from which on later words are worth another grading
FACT_MATCH = 0.56  # cosine of a question to a way of asking for a fact, from which on it asks for that fact
CLOSE_MATCH = 0.66  # ... for a statement that only ends in a question mark
FACT_TIE = 0.05  # two facts nearer to each other than this are decided by shared words
SHORT = 14  # words: a longer sentence is no command
TERSE = 5  # words: "QPS?" and "and the budget?" ask without a question's form
MOST_FACTS = 4  # told for one utterance; more would be volunteering

_POLITE = r"(?:(?:ok|okay|so|well|um+|uh+|sorry|please|right|and|but|then|alright|fine)\W+)*"
_PATTERNS: tuple[tuple[Intent, str], ...] = (  # each must be the whole of a sentence, so that no answer is taken for a command
    (
        "end",
        r"(?:let'?s |(?:can|could) we |i(?:'d like| want| would like) to )?(?:end|finish|stop|quit|abort) (?:the |this )?(?:interview|session|here)\b.{0,20}",
    ),
    (
        "pause",
        r"(?:(?:can|could|may) (?:we|i) |let'?s |i need to |i'?d like to )?(?:please )?(?:pause|take a (?:short |quick )?break)(?: (?:please|here|now|for .{1,20}))*",
    ),
    ("pause", r"(?:be right back|brb|i need a (?:short |quick )?break|hold on a (?:minute|moment|second))"),
    (
        "hint",
        r"(?:(?:can|could|may) (?:i|you|we) (?:please )?(?:have|get|give|give me|offer) (?:me )?(?:a|another|one more) hint|(?:please )?(?:give me )?(?:a |another )?hint)\b.{0,40}",
    ),
    ("hint", r"(?:i need a hint|i(?:'m| am) (?:really |completely |a bit )?stuck|help me out|point me in the right direction)\b.{0,30}"),
    (
        "repeat",
        r"(?:(?:can|could|would) you )?(?:please )?(?:repeat|rephrase)(?: (?:that|it|the question|your question|this|please|once more|again))*",
    ),
    (
        "repeat",
        r"(?:(?:can|could) you )?say (?:that|it) again.{0,12}|what was the question|come again|pardon(?: me)?|(?:sorry )?what do you mean(?: (?:by (?:that|this)|exactly))?",
    ),
    (
        "repeat",
        r"(?:sorry |i'?m afraid )?i (?:don'?t|do not|didn'?t|did not) (?:quite |really )?(?:understand|get|follow)(?: (?:the|your|that|this|what)\b.{0,30})?",
    ),
    ("repeat", r"(?:is|was) (?:that|this) what you (?:mean|meant|asked|want|wanted).{0,20}|am i answering (?:your|the) question.{0,20}"),
    (
        "done",
        r"(?:next|skip|done|moving on|move on)(?: (?:please|this|it|that|one|section|topic|part|question|the section|this section|with this(?: section)?))*",
    ),
    (
        "done",
        r"(?:let'?s|let us|can we|could we|we can|shall we|i'?d like to|i want to) (?:go on|move on|continue|skip (?:this|it|that).*|(?:go|move|jump|turn|switch|proceed)(?: on| over)? to .{3,50})",
    ),
    ("done", r"(?:i think )?(?:i'?m|i am|we'?re|we are) (?:done|finished)(?: (?:here|now|with .{1,30}))*|go on to .{3,40}"),
    (
        "done",
        r"(?:i think )?that'?s (?:it|all|everything)(?: (?:for now|for this.{0,20}|for me|from me|from my side|i have.{0,20}|i'?ve got.{0,20}|i can think of))*",
    ),
    ("done", r"(?:i have |i'?ve |there'?s )?(?:nothing|no) (?:more|else|left|further).{0,40}|that covers it.{0,20}|i have nothing to add.{0,20}"),
)
_COMMANDS = tuple((intent, re.compile(rf"\W*{_POLITE}(?:{pattern})\W*", re.IGNORECASE)) for intent, pattern in _PATTERNS)
_STUCK = re.compile(
    r"^\W*(?:(?:um+|uh+|hm+|well|sorry|honestly|so)\W+)*(?:i (?:really )?(?:don'?t|do not) know|no idea|not sure"
    r"|i'?m not sure|i am not sure|i have no idea|i haven'?t (?:thought|worked)|my mind is blank|pass|dunno|idk|i can'?t think|no clue|\?+|\.+)(?:\b|$)",
    re.IGNORECASE,
)
_WH = r"(?:what|how|who|which|where|when|why)"
_AUXILIARY = r"(?:is|are|was|were|do|does|did|can|could|should|will|would|must|have|has|may|shall)"
_SIZE = r"(?:many|much|big|large|often|long|fast|quickly|high|strict|old|far)"
# A question in its form: "what is the budget", "how many users", "do we need", "can I assume", "tell me about".
_INTERROGATIVE = re.compile(
    rf"(?:^|[,;:]\s*|\b(?:and|or|so|but|okay|ok|first|second|also|then)\W+)(?:{_WH}(?:'s|'re)?\s+(?:{_AUXILIARY}|{_SIZE}|kind|sort|about|{_WH})\b"
    rf"|(?:{_WH}\s+\w+|(?:which|what)\s+(?:\w+\s+){{1,4}}\w+)\s+{_AUXILIARY}\b|{_AUXILIARY}n?'?t?\s+(?:i|we|you|they|it|there|this|that|the|our|users?|people|all|any)\b)",
    re.IGNORECASE,
)
_DIRECT = re.compile(  # asks without a question mark
    rf"\b(?:(?:can|could|may|should|shall) (?:i|we) assume|i(?:'d| would) (?:like|want|need) to (?:know|ask|understand)|tell me|let me ask|i was wondering)\b"
    rf"|^\W*{_POLITE}{_WH}\s+(?:{_AUXILIARY}|{_SIZE})\s+(?:i|we|you|they|it|there|this|that|the|our|users?|people|requests?|messages?)\b[^,;]*$",
    re.IGNORECASE,
)
_SUPPOSING = re.compile(r"^\W*(?:what if|what happens (?:if|when)|why not|right|ok|okay)\b", re.IGNORECASE)


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
            return Asked(unknown=any(formed for _, formed in questions))
        owners, asks, vectors = self._encoded(scenario)
        found: list[str] = []
        missed = False
        for question, formed in questions:
            plain = formed or len(words(question)) <= TERSE
            fact = self._best(question, owners, asks, vectors, FACT_MATCH if plain else CLOSE_MATCH)
            if fact is None:
                missed = missed or formed
            elif fact not in found:
                found.append(fact)
        return Asked(tuple(found[:MOST_FACTS]), missed and not found)

    def _best(self, question: str, owners: Sequence[Fact], asks: Sequence[str], vectors: Vectors, least: float) -> str | None:
        near = vectors @ self._encoder.encode([question])[0]
        best = int(near.argmax())
        if near[best] < least:
            return None
        close = [int(i) for i in np.flatnonzero(near >= near[best] - FACT_TIE)]
        own = content_words(question)

        def rank(i: int) -> tuple[float, int]:
            return float(near[i]) + FACT_TIE * len(own & content_words(asks[i])) / max(len(own), 1), -i

        return owners[max(close, key=rank)].id

    def _questions(self, text: str) -> list[tuple[str, bool]]:
        """The sentences that ask for something, each with whether it has a question's form.

        A statement with a question mark ("With a queue, maybe?") asks for a fact only if one fits it well; a question that
        the candidate goes on to answer asks for nothing.
        """
        parts = [piece for sentence in sentences(text) for piece in _split_questions(sentence)]
        found: list[tuple[str, bool]] = []
        for i, part in enumerate(parts):
            marked = part.rstrip().endswith("?")
            if not (marked or _DIRECT.search(part)) or len(words(" ".join(parts[i + 1 :]))) > 40 or _command(part):
                continue
            formed = not marked or (bool(_INTERROGATIVE.search(part)) and not _SUPPOSING.search(part))
            found.append((part, formed))
        return found

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

    def __init__(self, matcher: Matcher, estimator: Estimator, facts: FactFinder) -> None:
        self._matcher, self._estimator, self._facts = matcher, estimator, facts

    def observe(self, interview: Interview, elapsed: float) -> Observed:
        """What the latest answer showed in the open section; or the command that was clicked."""
        state = interview.section
        assert state is not None
        if interview.command is not None:
            return Observed(elapsed=elapsed, section=state.id, intent=interview.command.intent)
        text = interview.turns[-1].text
        said, asked = said_in(interview.turns), asked_in(interview.turns)
        found = self._facts.find(interview.started.scenario, text)
        return Observed(
            elapsed=elapsed,
            section=state.id,
            intent=intent_of(text, found),
            facts=found.facts,
            unknown=found.unknown,
            coverage={name: round(found.chances.credit, 3) for name, found in self._estimator.estimate(state.id, said, asked).items()},
            relevance={name: round(near, 3) for name, near in self._matcher.relevance(state.id, text).items()},
            words=len(words(text)),
        )

    def said_later(self, assessment: Assessment, result: SectionResult) -> bool:
        """Whether something that was said after a section was graded is likely to show a criterion that was not met then."""
        later = [one for one in assessment.said if result.seen is not None and one.turn > result.seen]
        if result.status != "graded" or not later or result.id not in self._estimator.sections:
            return False
        if any(verdict.chances is not None for verdict in result.verdicts):
            return True  # an estimate costs nothing: it is always of all that was said
        if self._revised_later(assessment, result):
            return True
        found = self._estimator.estimate(result.id, later, assessment.asked)
        missing = [verdict.criterion for verdict in result.verdicts if verdict.status != "met"]
        return any(found[criterion].chances.credit >= NEWS for criterion in missing if criterion in found)

    def _revised_later(self, assessment: Assessment, result: SectionResult) -> bool:
        """Whether it is likely to revise the design because of a changed constraint, which nothing had done then."""
        if result.change is None or result.change.status == "met":
            return False
        response = response_in(assessment, self._estimator.library)
        return response is not None and response.read(self._estimator.revisions, result.seen or 0).chances.credit >= NEWS


def intent_of(text: str, asked: Asked) -> Intent:
    """What the candidate wants with an utterance: a command if its last sentence is one, else a question, else an answer."""
    parts = sentences(text)
    if not words(text):
        return "stuck"
    wanted = _command(parts[-1])
    if wanted is None and len(words(text)) <= 2 * SHORT:
        wanted = next((intent for part in parts if (intent := _command(part)) in ("hint", "repeat")), None)
    if wanted is not None:
        return wanted
    if len(words(text)) <= SHORT and _STUCK.search(text):
        return "stuck"
    if asked.facts or asked.unknown:
        statements = [part for part in parts if not part.rstrip().endswith("?") and not _DIRECT.search(part)]
        if len(words(" ".join(statements))) <= 2 * SHORT:
            return "clarify"
    return "answer"


def _command(sentence: str) -> Intent | None:
    """The command that a whole sentence is, if it is one."""
    if len(words(sentence)) > SHORT:
        return None
    clauses = (sentence, sentence.rsplit(", ", 1)[-1])  # "nothing to add, let's go on"
    return next((intent for clause in clauses for intent, pattern in _COMMANDS if pattern.fullmatch(clause)), None)
