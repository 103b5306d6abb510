"""Finds the passages of the framework that a statement is about."""

import threading
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agent.encoder import Encoder
from agent.errors import InterviewError, RetrievalError
from agent.library import Library
from agent.schema import Passage
from corpus.ingest import Index, open_index


class Retriever:
    """Ranks subsections for a text. Safe to use from several threads; the index opens at the first use."""

    def __init__(self, library: Library, encoder: Encoder, home: Path) -> None:
        self._library, self._encoder, self._home = library, encoder, home
        self._guard = threading.Lock()
        self._index: Index | None = None

    def warm(self) -> Index:
        """Open the index now, or build it."""
        with self._guard:
            if self._index is None:
                self._index = open_index(self._library, self._encoder, self._home)
                self._place = {chunk.id: i for i, chunk in enumerate(self._index.held)}
            return self._index

    def search(self, text: str, k: int = 5, section: str | None = None) -> list[Passage]:
        """The k best subsections (of one section, if given), best first, each with its best passage.

        Scores add up to 1 over what was ranked. Raises RetrievalError when the index fails, NotFound for an unknown section.
        """
        if section is not None:
            self._library.section(section)
        if not text.strip() or k < 1:
            return []
        index = self.warm()
        vector = self._encoder.encode([text])[0]
        try:
            nearness = self._nearness(index, vector)
            ranked = index.ranker.scores(text, vector, nearness)
        except InterviewError:
            raise
        except Exception as error:  # Chroma raises many kinds; the caller can only go on without passages
            raise RetrievalError(f"The index of the framework cannot be searched: {error}") from error
        wanted = {part: score for part, score in ranked.items() if section is None or part.split(".")[0] == section}
        top = max(wanted.values(), default=0.0)
        shares = {part: float(np.exp(score - top)) for part, score in wanted.items()}
        whole = sum(shares.values())
        best = sorted(wanted, key=lambda part: (-wanted[part], part))[:k]
        return [Passage(subsection=part, score=round(shares[part] / whole, 4), text=self._passage(index, part, nearness)) for part in best]

    def passages(self, subsections: Sequence[str], near: str, k: int = 2) -> list[Passage]:
        """The best passage of each of these subsections for a text, best first."""
        sections = dict.fromkeys(part.split(".")[0] for part in subsections)
        found = [hit for section in sections for hit in self.search(near, k=len(self._library.subsections), section=section)]
        return sorted((hit for hit in found if hit.subsection in subsections), key=lambda hit: -hit.score)[:k]

    def _nearness(self, index: Index, vector: np.ndarray) -> np.ndarray:
        found = index.chunks.query(query_embeddings=[vector.tolist()], n_results=len(index.held), include=["distances"])
        nearness = np.zeros(len(index.held))
        for name, distance in zip(found["ids"][0], (found["distances"] or [[]])[0], strict=True):
            nearness[self._place[name]] = 1.0 - distance
        return nearness

    @staticmethod
    def _passage(index: Index, part: str, nearness: np.ndarray) -> str:
        own = [i for i, chunk in enumerate(index.held) if chunk.subsection == part and chunk.shown]
        return index.held[max(own, key=lambda i: nearness[i])].shown
