"""A constraint change in an interview, and what the candidate said on either side of it.

Its verdict stands beside the section's score and counts in none: a section with a change must compare with the same section without one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agent.classifier import wording
from agent.estimator import Said
from agent.evidence import Piece
from agent.library import Library
from agent.revision import Revision, Revisions
from agent.schema import ChangeRubric, ChangeVerdict, ConstraintChange, Evidence, Gradable, Turn, VerdictStatus
from agent.scope import Assessment
from agent.text import words

Texts = list[tuple[int, str]]  # (turn, what the candidate said)
SILENT = "Nothing was said after the constraint changed."


@dataclass(frozen=True)
class Response:
    """What a candidate makes of the constraint change that came in a section. `turn`: in which the interviewer brought it."""

    assessment: Assessment
    change: ConstraintChange
    rubric: ChangeRubric
    turn: Turn

    @cached_property
    def wanted(self) -> Gradable:
        """What the response is judged by."""
        return self.rubric.of(self.change)

    @cached_property
    def before(self) -> list[Said]:
        """The candidate's turns before the change, of the whole interview."""
        return [one for one in self.assessment.said if one.turn < self.turn.n]

    @cached_property
    def after(self) -> list[Said]:
        """The candidate's turns after it, in its section or later."""
        return [one for one in self.assessment.said if one.turn > self.turn.n]

    @property
    def silent(self) -> bool:
        """Whether nothing was said after it."""
        return not any(words(one.text) for one in self.after)

    def read(self, revisions: Revisions, since: int = 0) -> Revision:
        """The revision of the design that the embedded reader finds after the change, and after turn `since`."""
        asked = self.assessment.asked
        own, later = ([one for one in self.after if one.turn > since and (one.section == self.turn.section) is within] for within in (True, False))
        return revisions.find(self.wanted, revisions.pieces(texts(own), asked), revisions.pieces(texts(later), asked))

    def revised(self, revisions: Revisions, after: str) -> Evidence | None:
        """The sentence said before the change that some words after it revise; None when none is near enough."""
        return evidence(revisions.revised(after, revisions.sentences(texts(self.before), self.assessment.asked)))

    def verdict(self, status: VerdictStatus, confidence: float, reason: str, **found: Any) -> ChangeVerdict:
        """A verdict on it, with what it rests on."""
        given = {"status": status, "confidence": confidence, "reason": reason, **found}
        known = {"change": self.change.id, "turn": self.turn.n, "said": self.turn.text, "better": self.change.expects}
        return ChangeVerdict.model_validate({**known, **given, "rubric_version": self.rubric.version, "wording": wording(self.wanted)})


def response_in(assessment: Assessment, library: Library) -> Response | None:
    """The response to the constraint change of a section; None when none came there, or the corpus does not have it any more."""
    for turn in assessment.turns:
        if turn.move is not None and turn.move.change is not None:
            change = library.change(assessment.transcript.scenario, turn.move.change)
            return Response(assessment, change, library.change_rubric, turn) if change else None
    return None


def texts(said: Sequence[Said]) -> Texts:
    """Turns as numbers and texts."""
    return [(one.turn, one.text) for one in said]


def evidence(piece: Piece | None) -> Evidence | None:
    """A piece as what a verdict rests on."""
    return Evidence(quote=piece.text, turn=piece.turn) if piece else None
