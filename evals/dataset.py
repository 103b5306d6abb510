"""The recorded interviews with their gold verdicts (evals/cases, or another folder in the same form), read and checked.

index.yaml             a line a case: scenario, split, intended quality; the annotators never saw it
transcripts/ID.yaml    a Transcript: what was said, section by section
gold/ID.yaml           Gold: a verdict for every criterion of every section that was reached
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, RootModel
from pydantic.json_schema import models_json_schema

from agent.errors import ConfigurationError
from agent.library import Library
from agent.schema import SectionId, Text, Transcript, Value
from agent.text import normalised
from evals.files import read_value, read_yaml, validated

SHIPPED = Path(__file__).with_name("cases")
Split = Literal["tune", "report"]
Quality = Literal["weak", "mid", "strong"]
Label = Literal["met", "partial", "not_observed"]
LABELS: tuple[Label, ...] = ("not_observed", "partial", "met")
QUALITIES: tuple[Quality, ...] = ("weak", "mid", "strong")
SPLITS: tuple[Split, ...] = ("tune", "report")


class Entry(Value):
    """A case in the index. `quality` is what the transcript's author meant to write, not a verdict."""

    scenario: Text
    split: Split
    quality: Quality
    about: Text  # who speaks, in a few words


class GoldVerdict(Value):
    """What people say that a transcript shows of a criterion: two independent passes, and one verdict that stands."""

    criterion: Text
    section: SectionId
    verdict: Label
    passes: tuple[Label, Label]
    quote: str | None = None
    turn: int | None = Field(default=None, ge=1)
    note: str = ""  # why, where the passes disagreed


class Gold(Value):
    """The gold verdicts of one case, and the rubric versions that they were made with."""

    case: Text
    rubrics: dict[str, int]  # section -> version
    verdicts: tuple[GoldVerdict, ...]


class Index(RootModel[dict[str, Entry]]):
    """index.yaml: case -> entry."""


@dataclass(frozen=True)
class Case:
    """One recorded interview with its gold verdicts."""

    id: str
    entry: Entry
    transcript: Transcript
    gold: Gold

    @property
    def sections(self) -> list[str]:
        """The sections that the candidate reached, in order."""
        return list(dict.fromkeys(turn.section for turn in self.transcript.turns if turn.speaker == "candidate"))

    @cached_property
    def by_criterion(self) -> dict[str, GoldVerdict]:
        """The gold verdicts by criterion."""
        return {verdict.criterion: verdict for verdict in self.gold.verdicts}

    @property
    def words(self) -> int:
        """How many words the candidate says."""
        return sum(len(turn.text.split()) for turn in self.transcript.turns if turn.speaker == "candidate")


@dataclass(frozen=True)
class Dataset:
    """Cases, and a digest that changes when a word of them does."""

    cases: tuple[Case, ...]
    digest: str

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)

    def __len__(self) -> int:
        return len(self.cases)

    def case(self, name: str) -> Case:
        """The case with this id."""
        return next(case for case in self.cases if case.id == name)


def load_dataset(library: Library, which: str = "all", only: Sequence[str] = ()) -> Dataset:
    """The cases of `tune`, `report` or `all`, or those of a folder; `only` keeps the named ones of them.

    Raises ConfigurationError with all that is wrong with them.
    """
    folder = SHIPPED if which in (*SPLITS, "all") else Path(which)
    cases, problems = read_cases(folder, library)
    if problems:
        raise ConfigurationError("\n".join(problems))
    chosen = [case for case in cases if which not in SPLITS or case.entry.split == which]
    unknown = sorted(set(only) - {case.id for case in chosen})
    if unknown:
        raise ConfigurationError(f"There is no case {', '.join(unknown)} in {which}. There are {', '.join(case.id for case in chosen)}.")
    chosen = [case for case in chosen if not only or case.id in only]
    if not chosen:
        raise ConfigurationError(f"{folder} holds no case of {which!r}.")
    return Dataset(tuple(chosen), digest(chosen))


def digest(cases: Iterable[Case]) -> str:
    """16 hexadecimal digits over transcripts and gold; the index's remarks do not count."""
    made = hashlib.sha256()
    for case in sorted(cases, key=lambda case: case.id):
        made.update(f"{case.id}\0{case.transcript.model_dump_json()}\0{case.gold.model_dump_json()}\0".encode())
    return made.hexdigest()[:16]


def read_cases(folder: Path, library: Library) -> tuple[list[Case], list[str]]:
    """The cases of a folder that can be read, and what is wrong, a line a problem: file and reason."""
    problems: list[str] = []
    cases: list[Case] = []
    index = folder / "index.yaml"
    if not index.is_file():
        return [], [f"{index}: there is no index; it names each case with scenario, split, quality and about (see evals/cases/README.md)"]
    try:
        rows = _rows(index)
    except ConfigurationError as error:
        return [], [str(error)]
    for name, row in rows.items():
        try:
            entry = validated(index, Entry, row, f"{name}.")
            transcript = read_value(folder / "transcripts" / f"{name}.yaml", Transcript)
            gold = read_value(folder / "gold" / f"{name}.yaml", Gold)
        except ConfigurationError as error:
            problems.append(str(error))
            continue
        case = Case(name, entry, transcript, gold)
        cases.append(case)
        problems += [f"{folder / 'transcripts' / name}.yaml: {problem}" for problem in transcript_problems(case, library)]
        problems += [f"{folder / 'gold' / name}.yaml: {problem}" for problem in gold_problems(case, library)]
    for kind in ("transcripts", "gold"):
        strays = {path.stem for path in (folder / kind).glob("*.yaml")} - set(rows)
        problems += [f"{folder / kind / stray}.yaml: index.yaml does not name this case" for stray in sorted(strays)]
    return cases, problems + split_problems(cases, index)


def transcript_problems(case: Case, library: Library) -> list[str]:
    """What is wrong with a transcript as a case."""
    known = [section.id for section in library.sections]
    turns = case.transcript.turns
    found = [f"turn {turn.n}: there is no section {turn.section}" for turn in turns if turn.section not in known]
    found += [f"turn {turn.n}: turns are numbered from 1 on, in order" for number, turn in enumerate(turns, 1) if turn.n != number]
    order = [turn.section for turn in turns if turn.section in known]
    if order != sorted(order, key=known.index):
        found.append("the sections are not in the framework's order")
    if not case.sections:
        found.append("the candidate says nothing")
    if case.transcript.scenario != case.entry.scenario:
        found.append(f"the scenario is {case.transcript.scenario}; the index says {case.entry.scenario}")
    return found


def gold_problems(case: Case, library: Library) -> list[str]:
    """What is wrong with the gold verdicts of a case."""
    found = [f"it is the gold of {case.gold.case}"] if case.gold.case != case.id else []
    for section in case.sections:
        rubric = library.rubrics.get(section)
        if rubric is None:
            continue
        version = case.gold.rubrics.get(section)
        if version != rubric.version:
            found.append(f"section {section} was labelled with version {version} of its rubric; now it is version {rubric.version}: label it again")
        missing = [criterion.id for criterion in rubric.criteria if criterion.id not in case.by_criterion]
        found += [f"section {section}: no verdict for {criterion}" for criterion in missing]
    home = {criterion.id: section for section, rubric in library.rubrics.items() for criterion in rubric.criteria}
    for verdict in case.gold.verdicts:
        found += [f"{verdict.criterion}: {problem}" for problem in _verdict_problems(verdict, case, home)]
    if len(case.by_criterion) != len(case.gold.verdicts):
        found.append("a criterion has two verdicts")
    return found


def _verdict_problems(verdict: GoldVerdict, case: Case, home: dict[str, str]) -> Iterator[str]:
    if verdict.criterion not in home:
        yield "no rubric has this criterion"
    elif verdict.section != home[verdict.criterion]:
        yield f"it belongs to section {home[verdict.criterion]}, not {verdict.section}"
    if verdict.section not in case.sections:
        yield f"section {verdict.section} was not reached"
    if verdict.verdict == "not_observed":
        return
    turn = next((turn for turn in case.transcript.turns if turn.n == verdict.turn), None)
    if turn is None or turn.speaker != "candidate":
        yield f"a {verdict.verdict} verdict needs the number of a candidate's turn, not {verdict.turn}"
    elif not verdict.quote or normalised(verdict.quote) not in normalised(turn.text):
        yield f"turn {verdict.turn} does not hold the quote {verdict.quote!r}"


def case_schema() -> dict[str, Any]:
    """The JSON Schema of the three files of a case folder; evals/cases/schema.json holds it."""
    _, found = models_json_schema([(Index, "validation"), (Transcript, "validation"), (Gold, "validation")], title="A case folder")
    parts = {"index.yaml": "Index", "transcripts/ID.yaml": "Transcript", "gold/ID.yaml": "Gold"}
    return {**found, "properties": {file: {"$ref": f"#/$defs/{name}"} for file, name in parts.items()}}


def split_problems(cases: Iterable[Case], index: Path) -> list[str]:
    """A scenario belongs to one split only, or the report split would be seen while tuning."""
    splits: dict[str, set[str]] = {}
    for case in cases:
        splits.setdefault(case.entry.scenario, set()).add(case.entry.split)
    return [f"{index}: scenario {name} is in both splits; a scenario belongs to one" for name, found in splits.items() if len(found) > 1]


def _rows(index: Path) -> dict[str, Any]:
    found = read_yaml(index) or {}
    if not isinstance(found, dict):
        raise ConfigurationError(f"{index}: it holds a line a case, `ID: {{scenario: ..., split: ..., quality: ..., about: ...}}`")
    return {str(name): row for name, row in found.items()}
