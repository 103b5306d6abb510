"""The drill-down of a report: single verdicts with their reasons, and the words of the transcript that they rest on."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from agent.schema import Turn
from agent.text import clean, normalised
from evals.compare import Compared
from evals.dataset import Case, Dataset, GoldVerdict
from evals.run import Row, Run

LOST, WON, NEITHER, MISSED = "lost", "won", "neither", "missed"
EFFECTS = {-1: LOST, 1: WON, 0: NEITHER}


@dataclass(frozen=True)
class Segment:
    """A piece of what was said; `owners` are those who quote it."""

    text: str
    owners: tuple[str, ...] = ()


@dataclass(frozen=True)
class SaidTurn:
    """A turn in segments."""

    turn: Turn
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class Entry:
    """One item with what each run said of it. Without the cases at hand there is neither gold's quote nor a transcript."""

    effect: str
    rows: tuple[tuple[str, Row], ...]  # who -> verdict
    gold: GoldVerdict | None
    case: Case | None

    @property
    def row(self) -> Row:
        """The first run's verdict: case, criterion, section, trial and gold are the same in all."""
        return self.rows[0][1]

    @property
    def said(self) -> list[SaidTurn]:
        """The turns of the section, with the quotes marked; also turns of other sections that hold a quote."""
        if self.case is None:
            return []
        quotes: list[tuple[str, str | None, int | None]] = [(who, row.quote, row.turn) for who, row in self.rows]
        if self.gold:
            quotes.insert(0, ("gold", self.gold.quote, self.gold.turn))
        cited = {turn for _, quote, turn in quotes if quote}
        turns = [turn for turn in self.case.transcript.turns if turn.section == self.row.section or turn.n in cited]
        return [SaidTurn(turn, tuple(marked(turn.text, [(who, quote) for who, quote, n in quotes if quote and n == turn.n]))) for turn in turns]


@dataclass(frozen=True)
class Group:
    """Entries of one kind, and how many were withheld because nobody reads in their cases."""

    effect: str
    title: str
    entries: tuple[Entry, ...]
    withheld: int


def flip_groups(one: Compared, dataset: Dataset | None, candidate: str) -> list[Group]:
    """The flips of a comparison: away from gold, towards it, neither."""
    entries = [_entry(EFFECTS[flip.effect], (("base", flip.base), (candidate, flip.candidate)), dataset) for flip in one.flips]
    titles = {LOST: "Lost: the base agreed with gold", WON: "Won: the candidate agrees with gold", NEITHER: "Changed, and neither agrees with gold"}
    return [_group(effect, title, [entry for entry in entries if entry.effect == effect], one.base.figures_only) for effect, title in titles.items()]


def missed_group(runs: Mapping[str, Run], dataset: Dataset | None) -> Group:
    """The items that all runs judge alike, and not as gold does."""
    (_, base), *others = runs.items()
    verdicts = [{(row.case, row.item): row for row in run.rows} for _, run in others]
    entries = []
    for row in base.rows:
        rows = [row, *(found[row.case, row.item] for found in verdicts)]
        if row.status not in row.gold and len({one.status for one in rows}) == 1:
            entries.append(_entry(MISSED, tuple(zip(runs, rows, strict=True)), dataset))
    return _group(MISSED, "Unchanged, and not gold's" if others else "Not gold's", entries, base.figures_only)


def _group(effect: str, title: str, entries: Sequence[Entry], hidden: Iterable[str]) -> Group:
    closed = set(hidden)
    shown = tuple(entry for entry in entries if entry.row.case not in closed)
    return Group(effect, title, shown, len(entries) - len(shown))


def _entry(effect: str, rows: tuple[tuple[str, Row], ...], dataset: Dataset | None) -> Entry:
    row = rows[0][1]
    case = next((case for case in dataset or () if case.id == row.case), None)
    return Entry(effect, rows, case.by_criterion.get(row.criterion) if case else None, case)


# --- quotes in a text -------------------------------------------------------------------------------------------


def marked(text: str, quotes: Iterable[tuple[str, str]]) -> Iterator[Segment]:
    """A text cut where quotes begin and end. `quotes`: who quotes which words; one that is not found marks nothing."""
    text = clean(text)
    spans = [(who, *span) for who, quote in quotes if (span := find_quote(quote, text))]
    cuts = sorted({0, len(text), *(place for _, *span in spans for place in span)})
    for start, end in pairwise(cuts):
        yield Segment(text[start:end], tuple(dict.fromkeys(who for who, low, high in spans if low <= start and end <= high)))


def find_quote(quote: str, text: str) -> tuple[int, int] | None:
    """Where a quote stands in a text, by the rule that quotes are checked with: case, spacing and typographic marks do not matter."""
    plain, places = "", []
    for place, char in enumerate(text):
        piece = normalised(char) or (" " if char.isspace() else "")
        if piece == " " and plain.endswith(" "):
            continue
        plain += piece
        places += [place] * len(piece)
    wanted = normalised(quote)
    found = re.search(re.escape(wanted), plain) if wanted else None
    return (places[found.start()], places[found.end() - 1] + 1) if found else None
