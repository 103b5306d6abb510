"""The words that give a criterion's answer away. A question must not bring one up before the candidate does."""

from functools import cached_property

from agent.library import Library
from agent.schema import Criterion
from agent.text import content_words

RARE = 0.15  # a word that stands in fewer than this share of the criteria is particular to those in which it stands
SHARED = 2  # ... and a key term of a criterion when so many of its example answers hold it


class KeyTerms:
    """They stand in several of its example answers, and in few other criteria."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def of(self, criterion: Criterion) -> set[str]:
        """Stemmed key terms; words of the criterion's own question bank are no less telling for standing there."""
        return self._terms[criterion.id]

    @cached_property
    def _terms(self) -> dict[str, set[str]]:
        criteria = self._library.criteria
        spoken = {name: [content_words(example) for example in c.examples] for name, c in criteria.items()}
        counts: dict[str, int] = {}
        for examples in spoken.values():
            for word in set().union(*examples):
                counts[word] = counts.get(word, 0) + 1
        most = RARE * len(criteria)
        return {
            name: {word for word in set().union(*examples) if counts[word] <= most and sum(word in example for example in examples) >= SHARED}
            for name, examples in spoken.items()
        }
