"""How likely it is that a candidate's words meet a criterion, half meet it, or do not: read locally, with the words that speak most for it.

Every two neighbouring sentences are read by the classifier for all criteria at once, and compared with each criterion's words, examples and
near misses; a multinomial logistic regression turns the strongest readings of a criterion, and how often interviews show it at all, into
chances (`python -m evals.train` fits it).
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from agent.classifier import Classifier, Logits
from agent.errors import ConfigurationError
from agent.evidence import Piece, Rules, is_question
from agent.library import Library
from agent.matcher import Likeness, Match, Matcher
from agent.revision import Revisions
from agent.schema import Chances, Criterion, Gradable, Turn
from agent.text import around, overlap

WEIGHTS = "estimator.json"
SILENT = -12.0  # logit of what was not said
STRONGEST = 4  # readings whose mean is a feature
FEATURES = 14  # of one criterion
HALF, FULL = 0.35, 0.5  # nearness from which on a criterion that was never trained is half or wholly met
NOTHING = Chances(met=0.0, partial=0.0)

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Said:
    """A turn of the candidate."""

    turn: int
    section: str
    text: str


def said_in(turns: Iterable[Turn]) -> list[Said]:
    """The candidate's turns."""
    return [Said(turn.n, turn.section, turn.text) for turn in turns if turn.speaker == "candidate"]


def asked_in(turns: Iterable[Turn]) -> list[str]:
    """The interviewer's words, turn by turn."""
    return [turn.text for turn in turns if turn.speaker == "interviewer"]


@dataclass(frozen=True)
class Readings:
    """What some pieces show of one criterion, each array a value for each piece; `own`: whether it was said in the criterion's section."""

    own: npt.NDArray[np.bool_]
    logits: Logits  # (pieces, 2)
    words: Array
    examples: Array
    near_misses: Array

    @property
    def best(self) -> int:
        """The piece that speaks most for the criterion."""
        return int(self.logits.mean(axis=1).argmax())

    @property
    def features(self) -> Array:
        """What they come to, (FEATURES,): of the logits of "at least partial", those of "met", the shared words and the nearness to an example
        each the strongest, the mean of the strongest four, and the strongest in the section's own turns; then how near the best piece is to
        an example and to a near miss."""
        if not len(self.own):
            return NOTHING_SAID
        partial, met = self.logits.astype(float).T
        found = [
            *self._summary(partial, partial.min()),
            *self._summary(met, met.min()),
            *self._summary(self.words, 0),
            *self._summary(self.examples, 0),
            self.examples[self.best],
            self.near_misses[self.best],
        ]
        return np.array(found)

    def _summary(self, column: Array, absent: float) -> tuple[float, float, float]:
        """`absent` stands for the section's own turns when nothing was said there."""
        own = column[self.own]
        return column.max(), np.sort(column)[-STRONGEST:].mean(), own.max() if len(own) else absent


NOTHING_SAID: Array = np.concatenate([np.full(6, SILENT), np.zeros(FEATURES - 6)])


@dataclass(frozen=True)
class Estimate:
    """What the words say of a criterion, and the piece that speaks most for it; None when nothing can."""

    criterion: str
    chances: Chances
    piece: Piece | None


class Estimator:
    """Estimates the criteria of a section from all that the candidate said. Deterministic."""

    def __init__(self, library: Library, classifier: Classifier, matcher: Matcher, rules: Rules) -> None:
        self.library, self._classifier, self._matcher, self._rules = library, classifier, matcher, rules
        self.revisions = Revisions(matcher.encoder, rules)  # reads the responses to constraint changes

    @property
    def sections(self) -> frozenset[str]:
        """The sections whose criteria it can estimate."""
        return frozenset(self.library.rubrics)

    def warm(self) -> None:
        """Load the weights now."""
        self._classifier.logits(["ready"])

    def estimate(self, section: str, said: Sequence[Said], asked: Sequence[str]) -> dict[str, Estimate]:
        """The estimates of a section's criteria. `said`: the candidate's turns of the whole interview, because content counts wherever
        it was said; `asked`: the interviewer's words, a copy of which shows nothing."""
        criteria = self.library.rubrics[section].criteria
        pieces = [piece for one in said for piece in self._rules.pieces(one.turn, one.text, asked)]
        sections = {one.turn: one.section for one in said}
        own = np.array([sections[piece.turn] == section for piece in pieces], dtype=bool)
        logits = self._classifier.logits([piece.text for piece in pieces])
        if self._rules.on:  # words that bear on no criterion at all are no evidence for one that nearly everybody meets
            design = logits.mean(axis=2).max(axis=1, initial=SILENT) >= self._weights["floor"]["piece"]
            pieces, own, logits = [piece for piece, yes in zip(pieces, design, strict=True) if yes], own[design], logits[design]
        likeness = self._matcher.likeness(section, [piece.text for piece in pieces])
        places = {c.id: self._classifier.place(c) for c in criteria}
        unknown = None in places.values()
        near = self._matcher.match(section, [piece for piece, here in zip(pieces, own, strict=True) if here]) if unknown else {}
        found = {}
        for number, c in enumerate(criteria):
            place = places[c.id]
            if place is None:
                found[c.id] = _by_nearness(near[c.id])
            else:
                allowed = [i for i, piece in enumerate(pieces) if self._rules.about(piece.text, c)]
                found[c.id] = self._estimated(c, [pieces[i] for i in allowed], readings(own, logits[:, place], likeness, number, allowed))
        return found

    def of_design(self, text: str) -> bool:
        """Whether some words bear on any criterion at all."""
        pieces = [piece.text for piece in self._rules.pieces(1, text, ())] or [text]
        return bool(self._classifier.logits(pieces).mean(axis=2).max() >= self._weights["floor"]["piece"])

    def refused(self, quote: str, text: str, criterion: Gradable, asked: Sequence[str]) -> str | None:
        """Why a quote that a model gives from a candidate's turn is no evidence for a criterion; None when it is."""
        sentence = around(quote, text)
        if (why := self._rules.not_own(quote, asked) or self._rules.not_own(sentence, asked)) is not None:
            return why
        place = self._classifier.place(criterion)
        if not self._rules.on or place is None:
            return None
        floor, read = self._weights["floor"], self._classifier.logits([quote, sentence]).mean(axis=2)
        if read.max() < floor["piece"]:  # few words by themselves; what they are said with may bear on the design
            held = [piece.text for piece in self._rules.pieces(1, text, asked) if overlap(quote, piece.text, text) > 0]
            if self._classifier.logits(held).mean(axis=2).max(initial=SILENT) < floor["piece"]:
                return "It says nothing about the design."
        return "It says nothing about this criterion." if read[:, place].max() < floor["quote"] else None

    def _estimated(self, criterion: Criterion, pieces: Sequence[Piece], found: Readings) -> Estimate:
        if not pieces:
            return Estimate(criterion.id, NOTHING, None)
        met, partial = self.chances(found.features[None], [criterion.id])[0]
        return Estimate(criterion.id, Chances(met=round(float(met), 4), partial=round(float(partial), 4)), pieces[found.best])

    def chances(self, rows: Array, criteria: Sequence[str]) -> Array:
        """Chances of met and of partial, (criteria, 2), from the features of each criterion."""
        weights = self._weights
        prior = np.array([weights["prior"][criterion] for criterion in criteria])
        full = (np.hstack([rows, np.log(prior)]) - weights["mean"]) / weights["scale"]
        scores = full @ np.array(weights["weights"]).T + weights["bias"]
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        found: Array = (scores / scores.sum(axis=1, keepdims=True))[:, [2, 1]]
        return found

    @property
    def sure(self) -> float:
        """The chance that the likeliest verdict must have; below it the criterion is unclear."""
        return float(self._weights["sure"])

    @cached_property
    def _weights(self) -> dict[str, Any]:
        path = self._classifier.folder / WEIGHTS
        try:
            found = dict(json.loads(path.read_text(encoding="utf-8")))
            if not set(found["prior"]) >= set(self._classifier.criteria):
                raise ValueError("it belongs to another classifier")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigurationError(f"{path} cannot be read ({error}): make it with `python -m evals.train`.") from None
        return found


def _by_nearness(match: Match) -> Estimate:
    """The estimate of a criterion that was never trained: of the section's own turns only, because nearness finds subjects, and the more
    text, the more of them. Asking well is half of it."""
    chance = match.probability
    half = match.piece is not None and (is_question(match.piece.text) or chance < FULL)
    met, partial = (0.0, chance) if half and chance >= HALF else (chance, 0.0)
    return Estimate(match.criterion, Chances(met=round(met, 4), partial=round(partial, 4)), match.piece)


def readings(own: npt.NDArray[np.bool_], logits: Logits, likeness: Likeness, number: int, allowed: Sequence[int]) -> Readings:
    """The readings of one criterion in the pieces that may speak for it. `number`: the criterion's place in its section."""
    kept = list(allowed)
    columns = (table[kept, number] for table in (likeness.words, likeness.examples, likeness.near_misses))
    return Readings(own[kept], logits[kept], *columns)
