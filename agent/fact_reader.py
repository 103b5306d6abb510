"""Which fact a clarifying question asks for, read by linear classifiers over the sentence model's vectors and over words, and checked
against the questions that are known: is it nearer to one that this fact answers than to one that none does?

Fitted on many ways of asking (`python -m evals.train_facts`). A scenario is known by its facts' ids: one that has other facts has no
reading here, and `facts` falls back to nearness to the ways of asking that the scenario itself gives.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
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
STEP = 1 / 400  # to which the saved vectors of known questions are rounded; no part of theirs reaches 127 steps
EVIDENCE = 5  # kinds of it that speak for a fact
NEAREST = 5  # known questions of each kind that are looked at
NONE, TALK = "", "-"  # what stands in the place of a fact's id: a question that no fact answers; words that ask for nothing


@dataclass(frozen=True)
class Reading:
    """The fact that words most likely ask for, the log-odds that they do, and whether they more likely ask for something that no fact answers
    than for nothing at all."""

    fact: str
    odds: float
    asks: bool


class FactReader:
    """Reads questions about the scenarios that it was fitted on. Deterministic; the first use loads the weights."""

    def __init__(self, encoder: Encoder, path: Path = WEIGHTS) -> None:
        self._encoder, self._path = encoder, path

    def read(self, scenario: Scenario, lead: str, question: str) -> Reading | None:
        """What a question asks for; `lead`: what was said right before it. None when the scenario was not fitted with these facts."""
        known = self._scenarios.get(frozenset(fact.id for fact in scenario.facts))
        if known is None:
            return None
        near = vectors(self._encoder, [(lead, question)])
        logits = known.logits(near, [(lead, question)])
        (fact,), evidence = known.evidence(near, logits)
        of = dict(zip(known.classes, logits[0].tolist(), strict=True))
        return Reading(fact, float(weighed(evidence, known.trust)[0]), of[NONE] >= of[TALK])

    @cached_property
    def _scenarios(self) -> dict[frozenset[str], "Fitted"]:
        """By the ids of the facts: a problem that was typed in has those of the general one."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(self._path), framework="numpy") as kept:
                readers = [Fitted.load(kept, name, listed) for name, listed in kept.metadata().items()]
        except (OSError, SafetensorError, ValueError, KeyError) as error:
            raise ConfigurationError(f"{self._path} cannot be read ({error}): make it with `python -m evals.train_facts`.") from None
        return {frozenset(reader.classes) - {NONE, TALK}: reader for reader in readers}


def _in_odds_alone() -> npt.NDArray[np.float32]:
    """What counts until it was fitted how far the rest does."""
    return np.array([1.0] + [0.0] * EVIDENCE, np.float32)


def weighed(evidence: npt.NDArray[np.float32], trust: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The log-odds of the likeliest fact (questions), from the evidence (questions, EVIDENCE) and how far each kind of it counts."""
    odds: npt.NDArray[np.float32] = evidence @ trust[:-1] + trust[-1]
    return odds


@dataclass(frozen=True)
class Fitted:
    """What one scenario's questions are read with."""

    classes: tuple[str, ...]  # facts, NONE and TALK
    words: "TfidfVectorizer"
    weights: npt.NDArray[np.float32]  # (classes, twice the encoder's width + the vocabulary)
    bias: npt.NDArray[np.float32]
    known: Vectors  # (known questions, the encoder's width)
    answers: npt.NDArray[np.int64]  # (known questions): the class of each, a fact or NONE
    trust: npt.NDArray[np.float32] = field(default_factory=_in_odds_alone)  # in each kind of `evidence`, and a constant

    def logits(self, near: Vectors, questions: Sequence[tuple[str, str]]) -> npt.NDArray[np.float32]:
        """(questions, classes). `near`: the questions' vectors."""
        said = self.words.transform(whole(questions)).toarray().astype(np.float32)
        found: npt.NDArray[np.float32] = np.hstack([near, said]) @ self.weights.T + self.bias
        return found

    def evidence(self, near: Vectors, logits: npt.NDArray[np.float32]) -> tuple[list[str], npt.NDArray[np.float32]]:
        """The likeliest fact of every question, and what speaks for it (questions, 5): its log-odds against no fact, its lead before the next
        fact, how much nearer the question is to those that it answers than to those that none does (the nearest, and the nearest five), and,
        against it, how much likelier the words ask for nothing at all."""
        facts = [place for place, name in enumerate(self.classes) if name not in (NONE, TALK)]
        none, talk = self.classes.index(NONE), self.classes.index(TALK)
        likeness = near[:, near.shape[1] // 2 :] @ self.known.T
        found, rows = [], []
        for row, like in zip(logits, likeness, strict=True):
            best, second = sorted(facts, key=lambda place: -row[place])[:2]
            its, others = (np.sort(like[self.answers == one])[::-1] for one in (best, none))
            odds = row[best] - np.logaddexp(row[none], row[talk])
            idle = max(0.0, row[talk] - max(row[best], row[none]))
            rows.append([odds, row[best] - row[second], its[0] - others[0], its[:NEAREST].mean() - others[:NEAREST].mean(), idle])
            found.append(self.classes[best])
        return found, np.array(rows, np.float32)

    @classmethod
    def load(cls, kept: Any, name: str, listed: str) -> "Fitted":
        """From an open file of weights; `listed`: classes, and terms of the vocabulary."""
        found = json.loads(listed)
        words = vectorizer(found["terms"])
        words.idf_ = kept.get_tensor(f"{name}/idf").astype(np.float64)
        weights, bias, known, trust = (kept.get_tensor(f"{name}/{part}").astype(np.float32) for part in ("weights", "bias", "known", "trust"))
        return cls(tuple(found["classes"]), words, weights, bias, known * STEP, np.array(found["answers"]), trust)

    def tensors(self, name: str) -> dict[str, npt.NDArray[Any]]:
        """To be saved, in half the precision, and what is known in a quarter. What is saved is the memory as it lies, so each lies in rows."""
        parts = {"weights": self.weights, "bias": self.bias, "idf": self.words.idf_, "trust": self.trust}
        halves: dict[str, npt.NDArray[Any]] = {f"{name}/{part}": np.ascontiguousarray(value, dtype=np.float16) for part, value in parts.items()}
        return {**halves, f"{name}/known": np.ascontiguousarray(np.clip(np.round(self.known / STEP), -127, 127), dtype=np.int8)}

    def listed(self) -> str:
        """To be saved beside the tensors."""
        return json.dumps({"classes": self.classes, "terms": self.words.get_feature_names_out().tolist(), "answers": self.answers.tolist()})


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
