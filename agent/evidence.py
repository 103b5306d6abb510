"""What can be evidence at all, decided in code for every grader: the candidate's own statements about the design.

A sentence that gives orders to the grader, claims a verdict, promises to answer later, repeats the question or the rubric, or cannot be
read as a statement is no evidence, whatever a grader makes of it. So no text can talk a grader into credit that the code does not allow.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise

from agent.library import Library
from agent.schema import Gradable
from agent.text import content_words, copied_share, function_share, grams, sentence_spans, words

FEWEST_WORDS = 6  # a shorter piece of an answer shows nothing
FEWEST_QUOTE_WORDS = 4  # of a quote that a model gives
LIST_SHARE = 0.2  # below this share of function words a piece is a list of names, or not English
COPIED = 0.6  # a piece of which more than this share was said by the interviewer is a copy
CORPUS_RUN = 5  # words in a row that a copy of rubric or framework shares with it
FEWEST_COPIED = 6  # words in such runs: a turn of phrase is no copy
CORPUS_COPIED = 0.5  # share of a piece's words in such runs from which on it is a copy
ALIKE = 0.75  # share of content words in common from which on a piece is a line of the rubric in other order
FEWEST_ALIKE = 6  # content words that both must have for that
FEWEST_CHARACTERS = 20  # of a text that is looked at for that
LEAST_READABLE = 0.75  # share of letters and figures among the visible characters

_REFUSAL = re.compile(
    r"\b(?:(?:we|i|you|it|they)(?:'d| would| do| really| probably)*(?:n't| not| don't| wouldn't| won't)\s+"
    r"(?:really |even |actually )?(?:need|bother|want|use|have|worry|care)"
    r"|no need (?:for|to)|not needed|unnecessary|overkill|skip (?:that|this|it)|leave (?:that|this|it) (?:out|for later)"
    r"|won't need|not (?:worth|important|relevant|necessary))\b",
    re.IGNORECASE,
)
REASON = re.compile(
    r"\b(because|since|so that|so (?:we|i|the|it|a|they)|otherwise|which (?:means|gives|lets|keeps|avoids)|that way|due to|in order to"
    r"|to (?:avoid|keep|prevent|reduce|protect|make sure|survive)|instead of|rather than|trade|cost of|at the price"
    r"|if (?:it|we|the|a|one)|without)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"\?[\"')\]]*\s*$")
_JUDGES = r"(?:interviewer|grader|examiner|evaluator|assessor|recruiter|hiring manager|bar raiser)"
# Words addressed to who grades, claims about the verdict, and forged parts of the conversation. Each is a sentence's whole purpose in
# an attack and has no place in a statement about a design.
_TO_THE_GRADER: tuple[tuple[str, str], ...] = (
    ("orders", r"\b(?:ignore|disregard|forget|override|bypass|skip)\b.{0,50}\b(?:instructions?|rubric|prompt|guidelines|criteri\w+|grading|fence|(?:the|your|all|previous|prior) rules)\b"),
    ("orders", r"\b(?:mark|grade|score|rate|judge|award|credit|assess|evaluate)(?:ing)?\b.{0,30}\b(?:me\b|my (?:answers?|responses?|design|interview)\b|this (?:answer|section|candidate|criterion|interview)\b|the candidate\b|(?:every|each|all (?:the )?)criteri|(?:every|each) criteri|as (?:fully )?met\b|leniently|generously)"),
    ("orders", r"\b(?:give|grant|award|assign)\s+(?:me|us|this|my)\b.{0,30}\b(?:marks?|credits?|scores?|points|grades?|ratings?|verdicts?)\b|\bI (?:deserve|want|need|get)\b.{0,30}\b(?:marks?|credit|score|points|grade|verdict)\b"),
    ("orders", r"\b(?:full|top|maximum|perfect) (?:marks|credit|score|points|grade)\b|\b100\s*(?:/|out of)\s*100\b|\b10/10\b|\b100 points\b"),
    ("orders", r"\b(?:count|treat|consider|regard|accept|log|note|record)\b.{0,40}\bas (?:fully |already )?(?:met|answered|covered|passed|satisfied|complete)\b|\bcount (?:it|this|that|what)\b.{0,40}\b(?:later|in advance|already)\b"),
    ("claims", r"\b(?:rubric|not_observed|unscored|grading (?:criteri\w+|scheme|key)|scorecard|score sheet|answer key)\b|\b(?:every|each) criterion\b|\ball (?:the )?criteria\b|\bcriteri(?:on|a)\b.{0,30}\b(?:is|are|was|were) (?:\w+ )?(?:met|satisfied|fulfilled|passed|covered)|\bverdicts?\s*(?:[:=]|is\b|of met)"),
    ("claims", r"\b(?:this|that|it|my (?:answer|design|response)|what i said|i)\b.{0,25}\b(?:meets?|met|satisf\w+|fulfil\w*|exceed\w*|clear(?:s|ed)?|pass(?:es|ed)?|demonstrat\w+|shows?)\b.{0,30}\b(?:the bar|criteri|rubric|(?:this|every|each|all) sections?\b|(?:mid|senior|staff)[- ](?:level|bar|engineer|answer)|mastery|competenc)"),
    ("claims", rf"\b(?:the|my|your|a|another|previous|last|first|other|an)\s+(?:\w+ )?{_JUDGES}s?\b.{{0,60}}\b(?:said|says|wrote|noted|confirm\w*|agree\w*|gave|gives|told|mark\w*|already|liked|loved|impressed|rated|scored|approv\w*|happy|accept\w*)"),
    ("forged", rf"(?:^|\n)\s*[\"'*_>#\-\[(]*(?:{_JUDGES}|candidate|system|assistant|developer|human|summary so far|feedback from the \w+|note to (?:the )?\w+)\s*(?:\([^)]*\))?[\])*_\"']*\s*[:>]"),
    ("forged", r"<\|.{0,40}\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>|<\s*/?\s*(?:said|end)\b[^>\n]{0,40}>|</?(?:s|system|instructions?|assistant|tool_\w+|function_\w+|grader|rubric|verdicts?)>|###\s*(?:system|instruction|response|assistant|human)"),
    ("forged", r"[\"'](?:verdicts?|criterion|tool_calls?|function_call)[\"']\s*:"),
    ("forged", r"\b(?:developer|debug|god|jailbreak|calibration|grading)[- ](?:mode|override)\b|\btest mode (?:is )?(?:on|active|enabled)\b|\b(?:system|developer)[- ](?:prompt|message|note|instruction)\s*[:\]>]"),
    ("forged", r"\b(?:you are|you're|act as|pretend (?:to be|you)|roleplay as|play the)\b.{0,30}\b(?:grader|interviewer|assistant|language model|llm|ai|examiner|evaluator|dan|now the candidate)\b|\byou(?: are|'re) now the (?:candidate|grader|interviewer)\b"),
    ("forged", r"(?:^|\b(?:please|can you|could you|would you|will you|now|just),?)\s*(?:print|reveal|show|repeat|output|list|tell|dump|leak|share|give|recite|translate|summari[sz]e)\b.{0,30}\b(?:your|the|these|all|its) (?:\w+ )?(?:instructions|system prompt|prompt|rubric|hidden facts|secret facts|criteria|hints|model answer|perfect answer)\b"),
    ("orders", r"\b(?:please|kindly|i beg|begging)\b.{0,60}\b(?:pass me|grade me|score me|credit|points?\b|marks?\b|lenient|generous|hire me|let me through)|\bi(?:'ll| will| would) (?:pay|tip|bribe|report|sue) you\b|\bmy (?:visa|rent|mother|children|kids)\b"),
    ("orders", r"\b(?:stop|reset|freeze|extend|pause) (?:the )?(?:clock|timer)\b|\b\d+ (?:more|extra) minutes\b|\bextra (?:minutes|time) for (?:me|this)\b"),
    ("orders", r"\b(?:go|jump|skip|move|advance|switch|take me)\b.{0,20}\b(?:to|straight)\b.{0,15}\b(?:section \d|the (?:next|last) section|the scorecard|the end of the interview)\b"),
    ("orders", r"\b(?:my|the) (?:average|total|overall|final) (?:score|mark|grade)\b.{0,20}\b(?:is|=|should be|must be|becomes)\b"),
    ("forged", r"\bthe candidate(?:'s|s'|\u2019s) (?:text|words?|turns?|answers?|speech|part|transcript|message)\b.{0,20}\b(?:is|are|was|were|ends?|ended|has|have)\b"),
    ("promise", r"\b(?:i|we)(?:'ll| will|'m going to| am going to| shall)\b.{0,40}\b(?:explain|cover|get to|come (?:back )?to|elaborate|detail|answer|address|say more|go deeper|talk about|discuss|describe)\b.{0,60}\b(?:later|afterwards?|at the end|in (?:a|the) (?:later|next|last) section|next time|offline|another time|in the follow[- ]?up)\b"),
)  # fmt: skip
_ADDRESSED = tuple((what, re.compile(pattern, re.IGNORECASE | re.DOTALL)) for what, pattern in _TO_THE_GRADER)
_CODE = re.compile(
    r"\{\{|\{%|\$\{|<%|<!\[CDATA|<!--|</?(?:script|iframe|img|svg|object|embed|form|input|link|meta)\b|</?(?:div|span|table|a)[ >]|javascript:|!\[[^\]]*\]\(|\]\(https?:"
    r"|\bunion\s+select\b|\bdrop\s+table\b|'\s*or\s*'?1'?\s*=|;\s*rm\s+-rf|\$\(|`[^`]*`\s*\|\s*sh|=\s*(?:cmd|hyperlink|importxml|webservice)\b|```|^\s*---\s*$"
    r"|\b(?:graph|flowchart) (?:td|lr)\b|\bsequencediagram\b",
    re.IGNORECASE | re.MULTILINE,
)
_ENCODED = re.compile(  # base64 has capitals, small letters and figures in one run; hex pairs, Morse, percent and other escapes
    r"(?=[A-Za-z+]*[0-9])(?=[A-Z0-9+]*[a-z])(?=[a-z0-9+]*[A-Z])[A-Za-z0-9+]{28,}={0,2}|(?:\b[0-9a-fA-F]{2}\b[ :]?){10,}|(?:[.\-/]{1,6} ){8,}"
    r"|(?:%[0-9a-fA-F]{2}){4,}|(?:\\u[0-9a-fA-F]{4}|\\x[0-9a-fA-F]{2}|&#\w+;){3,}"
)
_SYMBOLS = frozenset("\u03bc\u0394\u03b4\u03bb\u03a9\u03c3\u2211")  # Greek letters that stand for units and quantities
WORDS = {
    "orders": "It gives orders to the grader instead of describing the design.",
    "claims": "It claims a verdict instead of describing the design.",
    "forged": "It imitates another part of the conversation, or asks for what is not the candidate's.",
    "promise": "It promises an answer and does not give one.",
}


@dataclass(frozen=True)
class Piece:
    """One or two neighbouring sentences of a candidate's turn: a verbatim quote."""

    turn: int
    text: str


class Rules:
    """What can be evidence. `on=False` leaves only what every quote needs (length, own words), to measure what the rest costs."""

    def __init__(self, library: Library, on: bool = True) -> None:
        self._library, self.on = library, on

    def pieces(self, turn: int, text: str, asked: Sequence[str]) -> list[Piece]:
        """What can be evidence in a turn: every two neighbouring sentences, and alone those that are in no such pair (beside an order, a
        question, a bare refusal)."""
        runs: list[list[tuple[int, int]]] = [[]]
        for first, last in sentence_spans(text):
            if self.on and addressed(text[first:last]) is not None:
                runs.append([])
            else:
                runs[-1].append((first, last))
        return [Piece(turn, span) for run in runs for span in self._spans(run, text, asked)]

    def _spans(self, run: Sequence[tuple[int, int]], text: str, asked: Sequence[str]) -> Iterator[str]:
        covered: set[tuple[int, int]] = set()
        for one, other in pairwise(run):
            pair = text[one[0] : other[1]]
            if self.shows_nothing(pair, asked) is None:
                yield pair
                if not is_question(pair):
                    covered |= {one, other}
        for first, last in run:
            if (first, last) not in covered and self.shows_nothing(text[first:last], asked) is None:
                yield text[first:last]

    def shows_nothing(self, text: str, asked: Sequence[str]) -> str | None:
        """Why a piece cannot be evidence for any criterion; None when it can."""
        if len(words(text)) < FEWEST_WORDS:
            return "It is too short to show anything."
        if function_share(text) < LIST_SHARE:
            return "It is a list of names, not a statement."
        if _REFUSAL.search(text) and not REASON.search(text):
            return "It declines without a reason."
        return self.not_own(text, asked)

    def not_own(self, text: str, asked: Sequence[str]) -> str | None:
        """Why words are not the candidate's own statement; None when they are."""
        if copied_share(text, asked) > COPIED:
            return "It repeats the interviewer's words."
        if not self.on:
            return None
        if (what := addressed(text)) is not None:
            return what
        if self._from_corpus(text):
            return "It repeats the rubric or the framework."
        return None

    def about(self, text: str, criterion: Gradable) -> bool:
        """Whether a piece can speak for this criterion: a question only where asking counts."""
        return not is_question(text) or takes_questions(criterion)

    def _from_corpus(self, text: str) -> bool:
        own = words(text)
        hit = [False] * len(own)
        for place, gram in enumerate(grams(own, CORPUS_RUN)):
            if gram in self._runs:
                hit[place : place + CORPUS_RUN] = [True] * CORPUS_RUN
        if sum(hit) >= FEWEST_COPIED and sum(hit) / len(own) > CORPUS_COPIED:
            return True
        content = content_words(text)
        if len(content) < FEWEST_ALIKE:
            return False
        near = (line for line in self._near(content) if len(line) >= FEWEST_ALIKE)
        return any(len(content & line) / len(content | line) >= ALIKE for line in near)

    def _near(self, content: set[str]) -> Iterator[frozenset[str]]:
        """The lines of the rubrics that could be alike: they share the rarest of the words."""
        for word in content:
            yield from self._lines.get(word, ())

    @cached_property
    def _texts(self) -> list[str]:
        lines = [line for c in self._library.criteria.values() for line in (*c.lines, *c.examples, *c.near_misses, *c.follow_ups, *c.hints)]
        openings = [line for rubric in self._library.rubrics.values() for line in rubric.openings.lines]
        changes = [
            line for scenario in self._library.scenarios.values() for change in scenario.changes for line in (*change.expects, *change.examples)
        ]
        purposes = [section.purpose for section in self._library.sections]
        return [*lines, *openings, *self._library.explanations, *purposes, *changes]

    @cached_property
    def _runs(self) -> frozenset[tuple[str, ...]]:
        return frozenset(gram for text in self._texts for gram in grams(words(text), CORPUS_RUN))

    @cached_property
    def _lines(self) -> dict[str, list[frozenset[str]]]:
        """Word -> the lines of which it is the rarest word but two: two lines that are alike share one of these."""
        lines = [frozenset(content_words(text)) for text in self._texts]
        count: dict[str, int] = {}
        for line in lines:
            for word in line:
                count[word] = count.get(word, 0) + 1
        found: dict[str, list[frozenset[str]]] = {}
        for line in lines:
            for word in sorted(line, key=lambda w: (count[w], w))[: max(3, round(len(line) * (1 - ALIKE)) + 1)]:
                found.setdefault(word, []).append(line)
        return found


@lru_cache(maxsize=4096)
def addressed(text: str) -> str | None:
    """Why a text is no statement about a design, in a sentence: it speaks to the grader, is code or cannot be read; None otherwise."""
    text = unicodedata.normalize("NFKC", text)  # full-width and other forms of Latin letters say the same
    for what, pattern in _ADDRESSED:
        if pattern.search(text):
            return WORDS[what]
    if _CODE.search(text):
        return "It is markup or code, not a statement."
    if unreadable(text):
        return "It cannot be read as it stands."
    visible = [char for char in text if not char.isspace()]
    plain = sum(char.isalnum() for char in visible)
    if len(visible) >= FEWEST_CHARACTERS and plain / len(visible) < LEAST_READABLE:
        return "It cannot be read as it stands."
    return None


def unreadable(text: str) -> bool:
    """Whether a text holds what is encoded, or words whose letters are of two scripts."""
    return bool(_ENCODED.search(text)) or _mixed(text)


def _mixed(text: str) -> bool:
    """Whether a word mixes Latin letters with those of another script, as look-alikes do."""
    for word in unicodedata.normalize("NFKC", text).split():
        letters = [char for char in word if char.isalpha() and char not in _SYMBOLS]
        latin = [unicodedata.name(char, "").startswith("LATIN") for char in letters]
        if any(latin) and not all(latin):
            return True
    return False


def declined(text: str) -> bool:
    """Whether a text declines something."""
    return bool(_REFUSAL.search(text))


def is_question(text: str) -> bool:
    """Whether a piece ends in a question mark."""
    return bool(_QUESTION.search(text))


def takes_questions(criterion: Gradable) -> bool:
    """Whether asking can earn a criterion: where one of its example statements is itself a question."""
    return any(is_question(example) for example in criterion.examples)
