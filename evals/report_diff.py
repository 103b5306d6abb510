"""What differs between the prompts and thresholds of two runs: whole lines, and words within lines that stayed much the same."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from evals.run import Run

Kind = Literal["same", "removed", "added"]
CONTEXT = 2  # unchanged lines that are kept round a change
ALIKE = 0.6  # similarity (difflib's ratio) from which on a line counts as changed, not as replaced


@dataclass(frozen=True)
class Part:
    """A piece of a line."""

    kind: Kind
    text: str


@dataclass(frozen=True)
class Line:
    """A line of a diff; `changed` holds removed and added words; `skipped` stands for so many unchanged lines."""

    kind: Literal["same", "removed", "added", "changed", "skipped"]
    parts: tuple[Part, ...] = ()
    skipped: int = 0


@dataclass(frozen=True)
class PromptDiff:
    """A prompt whose wording differs."""

    name: str
    lines: tuple[Line, ...]

    @property
    def removed(self) -> int:
        """Lines that are gone or were changed."""
        return sum(line.kind in ("removed", "changed") for line in self.lines)

    @property
    def added(self) -> int:
        """Lines that are new or were changed."""
        return sum(line.kind in ("added", "changed") for line in self.lines)


@dataclass(frozen=True)
class Setting:
    """A threshold that differs; None: the run has no such threshold."""

    name: str
    base: float | None
    candidate: float | None


def prompt_diffs(base: Run, candidate: Run) -> list[PromptDiff]:
    """The prompts that differ, by name."""
    names = sorted({*base.prompts, *candidate.prompts})
    pairs = [(name, base.prompts.get(name, ""), candidate.prompts.get(name, "")) for name in names]
    return [PromptDiff(name, tuple(_folded(list(diff_lines(before, now))))) for name, before, now in pairs if before != now]


def settings_diff(base: Run, candidate: Run) -> list[Setting]:
    """The thresholds that differ, by name."""
    names = sorted({*base.thresholds, *candidate.thresholds})
    found = [Setting(name, base.thresholds.get(name), candidate.thresholds.get(name)) for name in names]
    return [one for one in found if one.base != one.candidate]


def diff_lines(before: str, now: str) -> Iterator[Line]:
    """Every line of both texts, in order."""
    old, new = before.splitlines(), now.splitlines()
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            yield from (Line("same", (Part("same", text),)) for text in old[i:j])
        else:
            yield from _replaced(old[i:j], new[k:m])


def _replaced(old: Sequence[str], new: Sequence[str]) -> Iterator[Line]:
    if len(old) == len(new) and all(SequenceMatcher(None, a, b, autojunk=False).ratio() >= ALIKE for a, b in zip(old, new, strict=True)):
        yield from (Line("changed", tuple(diff_words(a, b))) for a, b in zip(old, new, strict=True))
        return
    yield from (Line("removed", (Part("removed", text),)) for text in old)
    yield from (Line("added", (Part("added", text),)) for text in new)


def diff_words(before: str, now: str) -> Iterator[Part]:
    """One line as the words that stayed, went and came; the spaces belong to the word before them."""
    old, new = (re.findall(r"\s+|\S+\s*", text) for text in (before, now))
    for kind, i, j, k, m in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            yield Part("same", "".join(old[i:j]))
            continue
        if j > i:
            yield Part("removed", "".join(old[i:j]))
        if m > k:
            yield Part("added", "".join(new[k:m]))


def _folded(lines: Sequence[Line]) -> Iterator[Line]:
    """The lines without what is unchanged and far from every change."""
    changed = [place for place, line in enumerate(lines) if line.kind != "same"]
    near = {place for at in changed for place in range(at - CONTEXT, at + CONTEXT + 1)}
    away = 0
    for place, line in enumerate(lines):
        if place not in near:
            away += 1
            continue
        if away:
            yield Line("skipped", skipped=away)
            away = 0
        yield line
    if away:
        yield Line("skipped", skipped=away)
