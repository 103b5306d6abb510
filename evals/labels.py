"""Labelled data from elsewhere: a CSV file of labels, and a YAML file of the same name beside it that says what its columns are.

    items: [question, answer, item]   # together they name an item
    cluster: answer                   # items of one cluster resemble each other
    gold: [human1, human2]            # an empty label here means that this person did not judge
    labels: {0: not_observed, 1: met} # what stands in the file: what it means
    source: where it is from
    licence: under which terms

Every other column holds the labels of one run of a grader.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from agent.errors import ConfigurationError
from agent.schema import Text, Value, VerdictStatus
from evals.statistics import GradedItem, PairedVerdict, pair


class LabelError(ConfigurationError):
    """A labels file is wrong; the message names the file, and the row and column where there is one."""


class Columns(Value):
    """What the columns of a labels file are. Values of the file are compared as text, as they stand there."""

    items: tuple[Text, ...] = Field(min_length=1)
    cluster: Text
    gold: tuple[Text, ...] = Field(min_length=1)
    labels: dict[str, VerdictStatus] = Field(min_length=1)
    source: Text
    licence: Text
    title: str = ""

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that are not runs."""
        return tuple(dict.fromkeys((*self.items, self.cluster, *self.gold)))


@dataclass(frozen=True)
class LabelledRow:
    """An item with the label that each annotator and each run gave it."""

    cluster: str
    item: str
    labels: dict[str, VerdictStatus]  # column -> label


@dataclass(frozen=True)
class LabelTable:
    """A labels file, read and checked. `runs`: the columns that hold a grader's labels."""

    path: Path
    columns: Columns
    runs: tuple[str, ...]
    rows: tuple[LabelledRow, ...]

    def graded(self, run: str, against: str | None = None) -> list[GradedItem]:
        """One column against the gold, or against one other column only. A person is held against the other people, never himself.

        Items that a person left without a label are left out where that label is wanted.
        """
        person = self._known(run) in self.columns.gold
        gold = tuple(column for column in self.columns.gold if column != run) if against is None else (self._known(against),)
        found = []
        for row in self.rows:
            labels = tuple(row.labels[column] for column in gold if row.labels[column] != "unscored")
            if labels and not (person and row.labels[run] == "unscored"):
                found.append(GradedItem(row.cluster, row.item, row.labels[run], labels))
        return found

    def paired(self, base: str, candidate: str) -> list[PairedVerdict]:
        """Two runs item by item; LabelError if the file has no such column."""
        return pair(self.graded(base), self.graded(candidate))

    def _known(self, column: str) -> str:
        if column not in (*self.runs, *self.columns.gold):
            raise LabelError(f"{self.path}: there is no run {column!r}; there are {', '.join((*self.runs, *self.columns.gold))}.")
        return column


def read_labels(path: Path) -> LabelTable:
    """The labels of a CSV file.

    Raises:
        LabelError: A file is missing or cannot be read, a column is missing, a value has no meaning, an item appears twice or has no gold.
    """
    columns = _read_columns(path.with_suffix(".yaml"), path)
    lines = _lines(path)
    _, header = next(lines, (0, []))
    missing = [name for name in columns.named if name not in header]
    if missing or len(set(header)) < len(header):
        fault = f"the header has no column {missing[0]!r}" if missing else "the header names a column twice"
        raise LabelError(f"{path}: {fault}; it reads {', '.join(header)}.")
    runs = tuple(name for name in header if name not in columns.named)
    rows: dict[str, LabelledRow] = {}
    for number, cells in lines:
        row = _row(path, number, header, cells, columns, runs)
        if row.item in rows:
            raise LabelError(f"{path}, row {number}: item {row.item} appears twice; the columns in `items` must tell all items apart.")
        rows[row.item] = row
    if not rows:
        raise LabelError(f"{path}: there is no row below the header.")
    return LabelTable(path, columns, runs, tuple(rows.values()))


def _read_columns(path: Path, described: Path) -> Columns:
    try:
        # BaseLoader leaves every value as text: `0`, `yes` and `1.0` mean what stands in the CSV file, not a number or a truth value.
        found = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
        return Columns.model_validate(found)
    except FileNotFoundError:
        raise LabelError(f"{path}: not found; it must say what the columns of {described.name} are (items, cluster, gold, labels ...).") from None
    except OSError as error:
        raise LabelError(f"{path}: cannot be read: {error.strerror}.") from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise LabelError(f"{path}: not YAML: {error}") from None
    except ValidationError as error:
        fault = error.errors()[0]
        raise LabelError(f"{path}: {'.'.join(map(str, fault['loc'])) or 'the file'}: {fault['msg']}.") from None


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            for cells in reader:
                if cells:
                    yield reader.line_num, [cell.strip() for cell in cells]
    except OSError as error:
        raise LabelError(f"{path}: cannot be read: {error.strerror}.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{path}: not CSV in UTF-8: {error}.") from None


def _row(path: Path, number: int, header: list[str], cells: list[str], columns: Columns, runs: tuple[str, ...]) -> LabelledRow:
    if len(cells) != len(header):
        raise LabelError(f"{path}, row {number}: {len(cells)} values for {len(header)} columns.")
    values = dict(zip(header, cells, strict=True))
    labels = {column: _label(path, number, column, values[column], columns) for column in (*columns.gold, *runs)}
    if all(labels[column] == "unscored" for column in columns.gold):
        raise LabelError(f"{path}, row {number}: no gold label in {', '.join(columns.gold)}; leave the row out, or label it.")
    return LabelledRow(values[columns.cluster], "/".join(values[column] for column in columns.items), labels)


def _label(path: Path, number: int, column: str, value: str, columns: Columns) -> VerdictStatus:
    if value in columns.labels:
        return columns.labels[value]
    if not value and column in columns.gold:
        return "unscored"
    known = ", ".join(f"{raw!r}" for raw in columns.labels)
    raise LabelError(f"{path}, row {number}, column {column}: {value!r} has no meaning; `labels` in the YAML file knows {known}.")
