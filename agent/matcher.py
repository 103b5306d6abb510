"""How likely it is that some words of a candidate meet a criterion, judged locally: embeddings of example statements and
near misses, and a few readings of the words themselves, joined by a logistic regression (`python -m agent.calibrate`).

It serves criteria that the classifier was not trained on, and says which words are nearest to a criterion. It is a detector of
subjects more than of answers: `estimator` is better wherever it knows the criterion.
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from agent.encoder import Encoder, Vectors
from agent.evidence import FEWEST_WORDS, REASON, Piece, Rules, declined, is_question
from agent.library import Library
from agent.schema import Criterion, Rubric
from agent.text import clauses, content_words, sentences, words

WEIGHTS = Path(__file__).with_name("matcher.json")
FEATURES = ("best_example", "second_example", "near_miss", "statement", "other", "overlap", "reason", "number", "refusal")


@dataclass(frozen=True)
class Match:
    """The piece that speaks most for a criterion, and the probability that it meets it."""

    criterion: str
    probability: float
    piece: Piece | None


@dataclass(frozen=True)
class Likeness:
    """How like texts are to the criteria of a section, each (texts, criteria): by words, and by cosine to the nearest example and near miss."""

    words: np.ndarray
    examples: np.ndarray
    near_misses: np.ndarray


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

    def __init__(self, library: Library, encoder: Encoder, rules: Rules, weights: Path = WEIGHTS) -> None:
        self._library, self._rules, self._path = library, rules, weights
        self.encoder = encoder
        self._banks: dict[str, Bank] = {}

    def warm(self) -> None:
        """Encode every rubric now."""
        for section in self._library.rubrics:
            self.bank(section)

    def match(self, section_id: str, found: Sequence[Piece]) -> dict[str, Match]:
        """The best match of every criterion of a section among some pieces."""
        bank = self.bank(section_id)
        if not found:
            return {criterion.id: Match(criterion.id, 0.0, None) for criterion in bank.criteria}
        vectors = self.encoder.encode([piece.text for piece in found])
        features = self.features(bank, [piece.text for piece in found], vectors)
        return {criterion.id: self._best(criterion, found, features[:, number]) for number, criterion in enumerate(bank.criteria)}

    def relevance(self, section_id: str, text: str) -> dict[str, float]:
        """How near a text is to each criterion's subject (cosine, -1 to 1)."""
        bank = self.bank(section_id)
        vector = self.encoder.encode([text])[0]
        return {c.id: float(max(bank.statements[i] @ vector, (bank.examples[i] @ vector).max())) for i, c in enumerate(bank.criteria)}

    def likeness(self, section_id: str, texts: Sequence[str]) -> Likeness:
        """How like each text is to what would meet the criteria of a section."""
        bank = self.bank(section_id)
        if not texts:
            return Likeness(*(np.zeros((0, len(bank.criteria))) for _ in range(3)))
        vectors = self.encoder.encode(list(texts))
        return Likeness(
            words=self._library.vocabulary.shares(texts, bank.criteria),
            examples=np.stack([(vectors @ examples.T).max(axis=1) for examples in bank.examples], axis=1),
            near_misses=np.stack([(vectors @ misses.T).max(axis=1) for misses in bank.near_misses], axis=1),
        )

    def nearest_clause(self, question: str, criterion_id: str, text: str) -> tuple[str, float] | None:
        """The words of a text that a question about a criterion best takes up, with their mean cosine to the question and to the criterion's
        statement; None for a text without a statement. Examples do not count: what is near to one need not lead to the question."""
        candidates = [part for s in sentences(text) if not is_question(s) for part in clauses(s) if len(words(part)) >= FEWEST_WORDS]
        if not candidates:
            return None
        about = self.encoder.encode([question, self._library.criteria[criterion_id].statement])
        near = (self.encoder.encode(candidates) @ about.T).mean(axis=1)
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
            local = [float(bool(REASON.search(text))), float(bool(re.search(r"\d", text))), float(declined(text))]
            for j in range(len(bank.criteria)):
                others = np.delete(best[i], j)
                shared = len(own & bank.vocabulary[j]) / math.sqrt(max(len(own), 1))
                rows[i, j] = [best[i, j], second[i, j], misses[i, j], statement[i, j], others.max() if len(others) else 0.0, shared, *local]
        return rows

    def _best(self, criterion: Criterion, found: Sequence[Piece], rows: np.ndarray) -> Match:
        allowed = [i for i, piece in enumerate(found) if self._rules.about(piece.text, criterion)]
        if not allowed:
            return Match(criterion.id, 0.0, None)
        chances = self.probabilities(rows[allowed])
        best = int(chances.argmax())
        return Match(criterion.id, float(chances[best]), found[allowed[best]])

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
        encode = self.encoder.encode
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
