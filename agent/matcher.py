"""How likely it is that some words of a candidate meet a criterion, judged locally: embeddings of example statements and
near misses, and a few readings of the words themselves, joined by a logistic regression (`python -m agent.calibrate`).

Used by the observer (which criteria are still open?) and by the embedded grader (what was shown?).
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np

from agent.encoder import Encoder, Vectors
from agent.library import Library
from agent.schema import Criterion, Rubric
from agent.text import content_words, copied_share, function_share, sentences, words

WEIGHTS = Path(__file__).with_name("matcher.json")
FEWEST_WORDS = 6  # a shorter piece of an answer shows nothing
LIST_SHARE = 0.2  # below this share of function words a piece is a list of names, not a statement
COPIED = 0.6  # a piece of which more than this share was said by the interviewer is a copy
FEATURES = ("best_example", "second_example", "near_miss", "statement", "other", "overlap", "reason", "number", "refusal")

_REASON = re.compile(
    r"\b(because|since|so that|so (?:we|i|the|it|a|they)|otherwise|which (?:means|gives|lets|keeps|avoids)|that way|due to|in order to"
    r"|to (?:avoid|keep|prevent|reduce|protect|make sure|survive)|instead of|rather than|trade|cost of|at the price"
    r"|if (?:it|we|the|a|one)|without)\b",
    re.IGNORECASE,
)
_REFUSAL = re.compile(
    r"\b(?:(?:we|i|you|it|they)(?:'d| would| do| really| probably)*(?:n't| not| don't| wouldn't| won't)\s+"
    r"(?:really |even |actually )?(?:need|bother|want|use|have|worry|care)"
    r"|no need (?:for|to)|not needed|unnecessary|overkill|skip (?:that|this|it)|leave (?:that|this|it) (?:out|for later)"
    r"|won't need|not (?:worth|important|relevant|necessary))\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"\?[\"')\]]*\s*$")


@dataclass(frozen=True)
class Piece:
    """One or two neighbouring sentences of a candidate's turn: a verbatim quote."""

    turn: int
    text: str


@dataclass(frozen=True)
class Match:
    """The piece that speaks most for a criterion, and the probability that it meets it."""

    criterion: str
    probability: float
    piece: Piece | None
    near_miss: bool = False  # it is nearer to a near miss than to any example


@dataclass(frozen=True)
class Bank:
    """The encoded texts of one rubric's criteria."""

    criteria: tuple[Criterion, ...]
    examples: tuple[Vectors, ...]
    near_misses: tuple[Vectors, ...]
    statements: Vectors
    vocabulary: tuple[frozenset[str], ...]


class Matcher:
    """Matches candidates' words to criteria. Deterministic; the first use of a section encodes its rubric."""

    def __init__(self, library: Library, encoder: Encoder, weights: Path = WEIGHTS) -> None:
        self._library, self._encoder, self._path = library, encoder, weights
        self._banks: dict[str, Bank] = {}

    def warm(self) -> None:
        """Encode every rubric now."""
        for section in self._library.rubrics:
            self.bank(section)

    def match(self, section_id: str, said: Sequence[tuple[int, str]], asked: Sequence[str]) -> dict[str, Match]:
        """The best match of every criterion of a section in what was `said` ((turn number, text)); `asked` is what the
        interviewer said, so that an echo earns nothing."""
        bank = self.bank(section_id)
        found = pieces(said, asked)
        if not found:
            return {criterion.id: Match(criterion.id, 0.0, None) for criterion in bank.criteria}
        vectors = self._encoder.encode([piece.text for piece in found])
        features = self.features(bank, [piece.text for piece in found], vectors)
        return {criterion.id: self._best(criterion, found, features[:, number]) for number, criterion in enumerate(bank.criteria)}

    def relevance(self, section_id: str, text: str) -> dict[str, float]:
        """How near a text is to each criterion's subject (cosine, -1 to 1)."""
        bank = self.bank(section_id)
        vector = self._encoder.encode([text])[0]
        return {c.id: float(max(bank.statements[i] @ vector, (bank.examples[i] @ vector).max())) for i, c in enumerate(bank.criteria)}

    def nearest_sentence(self, criterion_id: str, text: str) -> tuple[str, float] | None:
        """The sentence of a text that is nearest to a criterion, with its cosine; None for a text without a statement."""
        candidates = [s for s in sentences(text) if len(words(s)) >= FEWEST_WORDS and not _QUESTION.search(s)]
        if not candidates:
            return None
        section = next(key for key, rubric in self._library.rubrics.items() if any(c.id == criterion_id for c in rubric.criteria))
        bank = self.bank(section)
        index = next(i for i, c in enumerate(bank.criteria) if c.id == criterion_id)
        near = (self._encoder.encode(candidates) @ np.vstack([bank.examples[index], bank.statements[index : index + 1]]).T).max(axis=1)
        best = int(near.argmax())
        return candidates[best], float(near[best])

    def bank(self, section_id: str) -> Bank:
        """The encoded rubric of a section."""
        if section_id not in self._banks:
            self._banks[section_id] = self._encoded(self._library.rubrics[section_id])
        return self._banks[section_id]

    def features(self, bank: Bank, texts: Sequence[str], vectors: Vectors) -> np.ndarray:
        """Features of every text for every criterion: (texts, criteria, len(FEATURES))."""
        to_examples = [np.sort(vectors @ examples.T, axis=1) for examples in bank.examples]
        best = np.stack([near[:, -1] for near in to_examples], axis=1)
        second = np.stack([near[:, -2:].mean(axis=1) for near in to_examples], axis=1)
        misses = np.stack([(vectors @ near.T).max(axis=1) for near in bank.near_misses], axis=1)
        statement = vectors @ bank.statements.T
        rows = np.zeros((len(texts), len(bank.criteria), len(FEATURES)))
        for i, text in enumerate(texts):
            own = content_words(text)
            local = [float(bool(_REASON.search(text))), float(bool(re.search(r"\d", text))), float(bool(_REFUSAL.search(text)))]
            for j in range(len(bank.criteria)):
                others = np.delete(best[i], j)
                shared = len(own & bank.vocabulary[j]) / math.sqrt(max(len(own), 1))
                rows[i, j] = [best[i, j], second[i, j], misses[i, j], statement[i, j], others.max() if len(others) else 0.0, shared, *local]
        return rows

    def _best(self, criterion: Criterion, found: Sequence[Piece], rows: np.ndarray) -> Match:
        allowed = [i for i, piece in enumerate(found) if not is_question(piece.text) or takes_questions(criterion)]
        if not allowed:
            return Match(criterion.id, 0.0, None)
        chances = self.probabilities(rows[allowed])
        best = int(chances.argmax())
        row = rows[allowed[best]]
        return Match(criterion.id, float(chances[best]), found[allowed[best]], near_miss=bool(row[2] > row[0]))

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        """Probability that each row of features meets its criterion."""
        mean, scale, weights, bias = self._weights
        result: np.ndarray = 1.0 / (1.0 + np.exp(-(((rows - mean) / scale) @ weights + bias)))
        return result

    @cached_property
    def _weights(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        kept = json.loads(self._path.read_text())
        if tuple(kept["features"]) != FEATURES:
            raise ValueError(f"{self._path} was fitted for other features; run `python -m agent.calibrate`")
        return np.array(kept["mean"]), np.array(kept["scale"]), np.array(kept["weights"]), float(kept["bias"])

    def _encoded(self, rubric: Rubric) -> Bank:
        encode = self._encoder.encode
        texts = [text for c in rubric.criteria for text in (c.statement, *c.examples, *c.near_misses)]
        encode(texts)  # one batch; what follows is remembered
        vocabulary = tuple(frozenset(content_words(" ".join((c.statement, *c.counts, *c.examples)))) for c in rubric.criteria)
        return Bank(
            rubric.criteria,
            tuple(encode(c.examples) for c in rubric.criteria),
            tuple(encode(c.near_misses) for c in rubric.criteria),
            encode([c.statement for c in rubric.criteria]),
            vocabulary,
        )


def pieces(said: Sequence[tuple[int, str]], asked: Sequence[str]) -> list[Piece]:
    """The sentences of the turns, and pairs of neighbours; without what is too short, a list of names, a copy or a bare refusal."""
    found: list[Piece] = []
    for turn, text in said:
        parts = sentences(text)
        spans = [*parts, *(joined for a, b in pairwise(parts) if (joined := _joined(a, b, text)))]
        found += [Piece(turn, span) for span in spans if shows_something(span, asked)]
    return found


def _joined(first: str, second: str, text: str) -> str | None:
    """Two neighbouring sentences as they stand in the text, so that the pair is a verbatim quote too."""
    start = text.find(first)
    end = text.find(second, start + len(first)) if start >= 0 else -1
    return text[start : end + len(second)] if end >= 0 else None


def shows_something(text: str, asked: Sequence[str]) -> bool:
    """Whether a piece can be evidence at all."""
    if len(words(text)) < FEWEST_WORDS or function_share(text) < LIST_SHARE:
        return False
    if _REFUSAL.search(text) and not _REASON.search(text):
        return False
    return copied_share(text, asked) <= COPIED


def is_question(text: str) -> bool:
    """Whether a piece ends in a question mark."""
    return bool(_QUESTION.search(text))


def takes_questions(criterion: Criterion) -> bool:
    """Whether asking can earn a criterion: where one of its example statements is itself a question."""
    return any(is_question(example) for example in criterion.examples)
