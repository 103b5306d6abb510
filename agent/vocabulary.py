"""The words of the criteria: how much a text shares with each. A word counts more the fewer criteria have it."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from agent.schema import Gradable
from agent.text import content_words

SHORTEST = 8  # words that a text counts as at least: a fragment of two words is no strong match

Shares = npt.NDArray[np.float64]


class Vocabulary:
    """The words of some criteria."""

    def __init__(self, criteria: Iterable[Gradable]) -> None:
        self._words = {c.id: frozenset(content_words(" ".join((*c.lines, *c.examples)))) for c in criteria}
        frequency = Counter(word for words in self._words.values() for word in words)
        self._worth = {word: math.log(1 + len(self._words) / count) for word, count in frequency.items()}

    def shares(self, texts: Sequence[str], criteria: Sequence[Gradable]) -> Shares:
        """(texts, criteria): the worth of the words that a text has in common with a criterion, for its length (0 or more)."""
        rows = np.zeros((len(texts), len(criteria)))
        for row, own in zip(rows, map(content_words, texts), strict=True):
            length = math.sqrt(max(len(own), SHORTEST))
            row[:] = [sum(self._worth[word] for word in own & self._words[c.id]) / length for c in criteria]
        return rows
