"""Ranks subsections for a text: nearness and word overlap to a subsection's texts, joined with two classifiers fitted on them.

Nearness alone follows the problem (two statements about ticket sales are near, whatever they say); a classifier over all
subsections learns which directions and words tell neighbours apart. Fitted when the index is built, from the corpus alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.encoder import Vectors
from agent.errors import RetrievalError

NEAREST = 3  # texts of a subsection that are averaged: one near text may be chance
# Shares in the joined score, relative to the vector classifier's log-probability; chosen on the dev halves of evals/retrieval.
NEARNESS, WORDS, OVERLAP = 10.0, 1.0, 10.0
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ranker:
    """The fitted classifiers and the words of every text."""

    parts: tuple[str, ...]  # subsections, in the order of the scores
    owner: npt.NDArray[np.int64]  # text -> position of its subsection
    by_vector: Any
    by_words: Any
    vectorizer: Any
    matrix: Any

    @classmethod
    def fit(cls, texts: Sequence[str], vectors: Vectors, subsections: Sequence[str]) -> "Ranker":
        """Fit on the corpus' texts; seconds for thousands."""
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.linear_model import LogisticRegression

        parts = tuple(sorted(set(subsections)))
        owner = np.array([parts.index(part) for part in subsections])
        vectorizer = TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), stop_words="english")
        matrix = vectorizer.fit_transform(texts)
        if len(parts) == 1:
            return cls(parts, owner, None, None, vectorizer, matrix)
        by_vector = LogisticRegression(C=3.0, max_iter=500, class_weight="balanced").fit(vectors, owner)
        by_words = LogisticRegression(C=10.0, max_iter=300, class_weight="balanced").fit(matrix, owner)
        return cls(parts, owner, by_vector, by_words, vectorizer, matrix)

    def scores(self, text: str, vector: Vectors, nearness: Scores) -> dict[str, float]:
        """Score of every subsection (log scale, higher is nearer); `nearness` is the cosine to every text."""
        words = self.vectorizer.transform([text])
        overlap = (words @ self.matrix.T).toarray().ravel()
        total = NEARNESS * self._top(nearness) + OVERLAP * self._top(overlap)
        if self.by_vector is not None:
            total = total + self.by_vector.predict_log_proba(vector.reshape(1, -1))[0] + WORDS * self.by_words.predict_log_proba(words)[0]
        return dict(zip(self.parts, total.tolist(), strict=True))

    def _top(self, values: Scores) -> Scores:
        return np.array([np.sort(values[self.owner == part])[-NEAREST:].mean() for part in range(len(self.parts))])

    def write(self, path: Path) -> None:
        """Keep it beside the index."""
        import joblib

        joblib.dump(self, path, compress=3)

    @staticmethod
    def read(path: Path) -> "Ranker":
        """Read what `write` kept. Raises RetrievalError for anything else."""
        import joblib

        found = joblib.load(path)
        if not isinstance(found, Ranker):
            raise RetrievalError(f"{path} holds no ranker")
        return found
