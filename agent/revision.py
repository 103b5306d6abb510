"""How likely it is that a candidate's words revise the design because of a constraint change, read locally, with the words that say most.

The change was trained nowhere: its own examples, near misses and expectations say what a revision of it is about, and a few turns of phrase
say that something becomes different. A logistic regression joins them (`python -m agent.calibrate_revision`).
"""

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agent.encoder import Encoder
from agent.errors import ConfigurationError
from agent.evidence import Piece, Rules, is_question
from agent.schema import Chances, Gradable
from agent.text import content_words, sentence_spans
from agent.vocabulary import SHORTEST

WEIGHTS = Path(__file__).with_name("revision.json")
FEATURES = ("example", "near_miss", "expected", "shared_words", "turns_of_phrase")
HALF_WIDTH = 2.5  # log-odds between "at least reacts" and "revises": the near misses lie below, the examples above
LATER = 3.0  # log-odds that talk of another section must have more: a strong one is full of turns that sound like a revision
NEAREST = 0.5  # cosine from which on an earlier sentence is what the later one revises: one in seventeen of another problem's interviews reaches it
MOST_PHRASES = 3

_REVISES = re.compile(
    r"\b(?:instead|rather than|no longer|any ?more|until now|so far|before(?=[,.:;]| (?:it|this|that|the|we|every|each|everyone)\b)|earlier"
    r"|previously|originally|at first|(?:i|we) (?:had|said|planned|assumed|sized|thought)|used to|becomes?|chang(?:e[sd]?|ing)|replac(?:e[sd]?|ing)"
    r"|switch(?:es)?|mov(?:e[sd]?|ing)|splits?|drop(?:s|ped)?|goes (?:from|away)|breaks?|(?:is|are|was)n't enough|not enough"
    r"|(?:would|does|do|did)n't (?:work|hold|help|notice|fit|meet|scale)|too (?:coarse|slow|late|small)|from \w+(?: \w+){0,4} to"
    r"|my (?:\w+ ){1,3}(?:was|were|is|are|goes|has|have)|stays?|now)\b",
    re.IGNORECASE,
)

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Revision:
    """What was found after a change: the chances that it revises the design, and the piece that speaks most for it; None when nothing can."""

    chances: Chances
    piece: Piece | None


class Revisions:
    """Reads the words that came after a constraint change. Deterministic."""

    def __init__(self, encoder: Encoder, rules: Rules, weights: Path = WEIGHTS) -> None:
        self._encoder, self._rules, self._path = encoder, rules, weights

    def find(self, wanted: Gradable, own: Sequence[Piece], later: Sequence[Piece]) -> Revision:
        """The revision in some pieces: `own` of the section in which the change came, `later` of those after it."""
        pieces = [piece for piece in (*own, *later) if self._rules.about(piece.text, wanted)]
        if not pieces:
            return Revision(Chances(met=0.0, partial=0.0), None)
        within = set(own)
        odds = self.odds(self.features(wanted, [piece.text for piece in pieces])) - [0.0 if piece in within else LATER for piece in pieces]
        best = int(odds.argmax())
        met, reacts = _chance(odds[best]), _chance(odds[best] + HALF_WIDTH)
        return Revision(Chances(met=round(met, 4), partial=round(reacts - met, 4)), pieces[best])

    def revised(self, after: str, pieces: Sequence[Piece]) -> Piece | None:
        """The one among earlier sentences that some later words are nearest to: what they revise. None when none is near enough."""
        stated = [piece for piece in pieces if not is_question(piece.text)]
        if not stated:
            return None
        near = self._encoder.encode([piece.text for piece in stated]) @ self._encoder.encode([after])[0]
        best = int(near.argmax())
        return stated[best] if near[best] >= NEAREST else None

    def pieces(self, said: Sequence[tuple[int, str]], asked: Sequence[str]) -> list[Piece]:
        """What can be evidence in some turns: (number, text)."""
        return [piece for turn, text in said for piece in self._rules.pieces(turn, text, asked)]

    def sentences(self, said: Sequence[tuple[int, str]], asked: Sequence[str]) -> list[Piece]:
        """The single sentences of some turns that can be evidence."""
        found = [Piece(turn, text[first:last]) for turn, text in said for first, last in sentence_spans(text)]
        return [piece for piece in found if self._rules.shows_nothing(piece.text, asked) is None]

    def features(self, wanted: Gradable, texts: Sequence[str]) -> Array:
        """Of every text, (texts, FEATURES): cosines to the nearest example, near miss and expectation, words in common, turns of phrase."""
        vectors = self._encoder.encode(list(texts))
        nearest = [self._nearest(vectors, bank) for bank in (wanted.examples, wanted.near_misses, wanted.counts)]
        known = content_words(" ".join((*wanted.counts, *wanted.examples)))
        own = [content_words(text) for text in texts]
        shared = [len(found & known) / math.sqrt(max(len(found), SHORTEST)) for found in own]
        phrases = [min(MOST_PHRASES, len(_REVISES.findall(text))) for text in texts]
        return np.column_stack([*nearest, shared, phrases]).astype(float)

    def odds(self, rows: Array) -> Array:
        """Log-odds that each text revises."""
        mean, scale, weights, bias = self._weights
        found: Array = ((rows - mean) / scale) @ weights + bias
        return found

    def _nearest(self, vectors: npt.NDArray[np.float32], bank: Sequence[str]) -> npt.NDArray[np.float32]:
        """Cosines to the nearest text of a bank; 0 to an empty one, which only a corpus of one's own has."""
        found: npt.NDArray[np.float32] = (vectors @ self._encoder.encode(bank).T).max(axis=1, initial=0.0)
        return found

    @cached_property
    def _weights(self) -> tuple[Array, Array, Array, float]:
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            if tuple(kept["features"]) != FEATURES:
                raise ValueError("it was fitted for other features")
            return np.array(kept["mean"]), np.array(kept["scale"]), np.array(kept["weights"]), float(kept["bias"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"{self._path} cannot be read ({error}): make it with `python -m agent.calibrate_revision`.") from None


def _chance(odds: float) -> float:
    return float(1.0 / (1.0 + math.exp(-odds)))
