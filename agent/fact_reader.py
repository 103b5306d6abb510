"""Which fact a clarifying question asks for, read by linear classifiers over the sentence model's vectors and over words.

Fitted on many ways of asking (`python -m evals.train_facts`). A scenario is known by its facts' ids: one that has other facts has no
reading here, and `facts` falls back to nearness to the ways of asking that the scenario itself gives.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from agent.encoder import Encoder, Vectors
from agent.errors import ConfigurationError
from agent.schema import Scenario

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer

WEIGHTS = Path(__file__).with_name("weights") / "facts.safetensors"
NONE, TALK = "", "-"  # what stands in the place of a fact's id: a question that no fact answers; words that ask for nothing


@dataclass(frozen=True)
class Reading:
    """The fact that a question most likely asks for, the log-odds of that against asking for no fact, and whether it more likely asks for
    something that no fact answers than for nothing at all."""

    fact: str
    odds: float
    asks: bool


class FactReader:
    """Reads questions about the scenarios that it was fitted on. Deterministic; the first use loads the weights."""

    def __init__(self, encoder: Encoder, path: Path = WEIGHTS) -> None:
        self._encoder, self._path = encoder, path

    def read(self, scenario: Scenario, lead: str, question: str) -> Reading | None:
        """What a question asks for; `lead`: what was said right before it. None when the scenario was not fitted with these facts."""
        known = self._scenarios.get(scenario.id)
        if known is None or set(known.classes) != {NONE, TALK, *(fact.id for fact in scenario.facts)}:
            return None
        of = dict(zip(known.classes, known.logits(self._encoder, [(lead, question)])[0].tolist(), strict=True))
        best = max((name for name in known.classes if name not in (NONE, TALK)), key=of.__getitem__)
        return Reading(best, of[best] - float(np.logaddexp(of[NONE], of[TALK])), of[NONE] >= of[TALK])

    @cached_property
    def _scenarios(self) -> dict[str, "Fitted"]:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(self._path), framework="numpy") as kept:
                return {name: Fitted.load(kept, name, listed) for name, listed in kept.metadata().items()}
        except (OSError, SafetensorError, ValueError, KeyError) as error:
            raise ConfigurationError(f"{self._path} cannot be read ({error}): make it with `python -m evals.train_facts`.") from None


@dataclass(frozen=True)
class Fitted:
    """What one scenario's questions are read with."""

    classes: tuple[str, ...]  # facts, NONE and TALK
    words: "TfidfVectorizer"
    weights: npt.NDArray[np.float32]  # (classes, twice the encoder's width + the vocabulary)
    bias: npt.NDArray[np.float32]

    def logits(self, encoder: Encoder, questions: Sequence[tuple[str, str]]) -> npt.NDArray[np.float32]:
        """(questions, classes)."""
        near, said = vectors(encoder, questions), self.words.transform(whole(questions)).toarray().astype(np.float32)
        found: npt.NDArray[np.float32] = np.hstack([near, said]) @ self.weights.T + self.bias
        return found

    @classmethod
    def load(cls, kept: Any, name: str, listed: str) -> "Fitted":
        """From an open file of weights; `listed`: classes, and terms of the vocabulary."""
        found = json.loads(listed)
        words = vectorizer(found["terms"])
        words.idf_ = kept.get_tensor(f"{name}/idf").astype(np.float64)
        weights, bias = (kept.get_tensor(f"{name}/{part}").astype(np.float32) for part in ("weights", "bias"))
        return cls(tuple(found["classes"]), words, weights, bias)

    def tensors(self, name: str) -> dict[str, npt.NDArray[np.float16]]:
        """To be saved, in half the precision. What is saved is the memory as it lies, so each lies in rows."""
        parts = {"weights": self.weights, "bias": self.bias, "idf": self.words.idf_}
        return {f"{name}/{part}": np.ascontiguousarray(value, dtype=np.float16) for part, value in parts.items()}

    def listed(self) -> str:
        """To be saved beside the tensors."""
        return json.dumps({"classes": self.classes, "terms": self.words.get_feature_names_out().tolist()})


def vectorizer(terms: Sequence[str] | None = None) -> "TfidfVectorizer":
    """Words and pairs of words, each known from two questions at least; or just these terms."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2), min_df=2 if terms is None else 1, vocabulary=terms)


def vectors(encoder: Encoder, questions: Sequence[tuple[str, str]]) -> Vectors:
    """Of every (lead, question): the vector of both together, and of the question alone. (questions, twice the encoder's width)"""
    both = encoder.encode([*whole(questions), *(question for _, question in questions)])
    return np.hstack([both[: len(questions)], both[len(questions) :]])


def whole(questions: Sequence[tuple[str, str]]) -> list[str]:
    """Lead and question as they were said."""
    return [f"{lead} {question}".strip() for lead, question in questions]
