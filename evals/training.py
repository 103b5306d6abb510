"""What the embedded grader is trained on: labelled statements (evals/pairs), interviews that were written for it (evals/training), talk that
shows nothing (evals/chatter), and the tune split of the gold set. Never the report split, nor the attacks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pydantic import RootModel

from agent.errors import ConfigurationError
from agent.estimator import Said, asked_in, said_in
from agent.evidence import Piece, Rules
from agent.library import Library
from agent.schema import SectionId, Text, Transcript, Value
from agent.text import overlap
from evals.dataset import LABELS, Label, load_dataset
from evals.files import read_value

PAIRS = Path(__file__).with_name("pairs")
CHATTER = Path(__file__).with_name("chatter")
INTERVIEWS = Path(__file__).with_name("training")
UNKNOWN = -1
OVERLAP = 0.6  # of the shorter of quote and piece: from here on a piece carries the quote's label


class Statement(Value):
    """A statement that was written for a criterion, with the labels of two readers."""

    kind: Text
    scenario: Text
    labels: tuple[Label, Label]
    text: Text


class Statements(Value):
    """The statements of one criterion."""

    criterion: Text
    statements: tuple[Statement, ...]


class Labelled(Value):
    """One label of an interview that was written for training: a single reader's, not gold."""

    criterion: Text
    section: SectionId
    verdict: Label
    turn: int | None = None
    quote: str | None = None


class LabelledInterview(Value):
    """The labels of one interview, and the rubric versions that they were made with."""

    case: Text
    rubrics: dict[str, int]
    verdicts: tuple[Labelled, ...]


class Chatter(RootModel[tuple[Text, ...]]):
    """Small talk, thinking aloud, empty words: what earns nothing for any criterion."""


@dataclass(frozen=True)
class Interview:
    """An interview with a label for every criterion of the sections that were reached."""

    id: str
    scenario: str
    transcript: Transcript
    labels: tuple[Labelled, ...]

    @cached_property
    def said(self) -> list[Said]:
        """The candidate's turns."""
        return said_in(self.transcript.turns)

    @cached_property
    def asked(self) -> list[str]:
        """The interviewer's turns."""
        return asked_in(self.transcript.turns)

    def pieces(self, rules: Rules) -> list[Piece]:
        """All that can be evidence."""
        return [piece for one in self.said for piece in rules.pieces(one.turn, one.text, self.asked)]


@dataclass(frozen=True)
class Texts:
    """Texts with a label for some of the criteria: `labels` (texts, criteria), 0 to 2 in the order of LABELS, or UNKNOWN."""

    texts: list[str]
    labels: npt.NDArray[np.int8]


def statements(library: Library, folder: Path = PAIRS) -> list[tuple[str, Statement]]:
    """(criterion, statement), where both readers agree; without criteria that the library no longer has."""
    found = [read_value(path, Statements) for path in sorted(folder.glob("*/*.yaml"))]
    return [(one.criterion, s) for one in found if one.criterion in library.criteria for s in one.statements if s.labels[0] == s.labels[1]]


def chatter(folder: Path = CHATTER) -> list[str]:
    """What shows nothing at all."""
    return [text for path in sorted(folder.glob("*.yaml")) for text in read_value(path, Chatter).root]


def interviews(library: Library, folder: Path = INTERVIEWS) -> list[Interview]:
    """The tune split and the interviews written for training."""
    made = [
        Interview(
            case.id,
            case.entry.scenario,
            case.transcript,
            tuple(
                Labelled(criterion=v.criterion, section=v.section, verdict=v.verdict, turn=v.turn, quote=v.quote)
                for v in case.gold.verdicts
                if v.criterion in library.criteria
            ),
        )
        for case in load_dataset(library, "tune")
    ]
    for path in sorted((folder / "labels").glob("*.yaml")):
        labels, transcript = read_value(path, LabelledInterview), read_value(folder / "transcripts" / path.name, Transcript)
        stale = sorted(section for section, version in labels.rubrics.items() if library.rubrics[section].version != version)
        if stale:
            raise ConfigurationError(f"{path}: section {', '.join(stale)} was labelled with another version of its rubric: label it again.")
        known = tuple(label for label in labels.verdicts if label.criterion in library.criteria)
        made.append(Interview(labels.case, labels.case.rsplit("-", 1)[0], transcript, known))
    return made


def transcripts(library: Library, folder: Path = INTERVIEWS) -> list[tuple[str, str, Transcript]]:
    """(interview, scenario, transcript) of the same interviews, for what needs no labels."""
    found = [(case.id, case.entry.scenario, case.transcript) for case in load_dataset(library, "tune")]
    written = [(path.stem, read_value(path, Transcript)) for path in sorted((folder / "transcripts").glob("*.yaml"))]
    return [*found, *((name, name.rsplit("-", 1)[0], transcript) for name, transcript in written)]


def texts_of(
    rules: Rules, spoken: Iterable[Interview], written: Iterable[tuple[str, Statement]], empty: Sequence[str], criteria: Sequence[str]
) -> Texts:
    """The training rows: each statement with its label; each piece of an interview with the labels that are known of it; `empty`: what
    shows none of the criteria.

    Of an interview is known: a piece is not observed for every criterion that nobody found in the whole of it, and a piece that holds the
    deciding quote has that criterion's label. What else a piece may show is unknown and costs nothing in training.
    """
    place = {criterion: number for number, criterion in enumerate(criteria)}
    texts, rows = list(empty), [np.zeros(len(criteria), np.int8) for _ in empty]
    for criterion, statement in written:
        row = np.full(len(criteria), UNKNOWN, np.int8)
        row[place[criterion]] = LABELS.index(statement.labels[0])
        texts.append(statement.text)
        rows.append(row)
    for one in spoken:
        absent = [place[label.criterion] for label in one.labels if label.verdict == "not_observed"]
        quoted = [label for label in one.labels if label.verdict != "not_observed" and label.quote]
        turns = {turn.turn: turn.text for turn in one.said}
        for piece in one.pieces(rules):
            row = np.full(len(criteria), UNKNOWN, np.int8)
            row[absent] = 0
            for label in quoted:
                if label.turn == piece.turn and overlap(label.quote or "", piece.text, turns[piece.turn]) >= OVERLAP:
                    row[place[label.criterion]] = LABELS.index(label.verdict)
            texts.append(piece.text)
            rows.append(row)
    return Texts(texts, np.array(rows))
