"""What all judging by a model shares: how criteria are put to it, what fences the candidate's words, and where its quotes were said."""

import hashlib
import re
from collections.abc import Sequence
from functools import lru_cache

from agent.evidence import FEWEST_QUOTE_WORDS
from agent.schema import Gradable
from agent.text import normalised, words

MODEL_CONFIDENCE = 0.8  # of a verdict of a model, which reports none


def described(criteria: Sequence[Gradable]) -> str:
    """The criteria as the model reads them."""
    blocks = []
    for c in criteria:
        counts, not_counts = "\n".join(f"- met: {line}" for line in c.counts), "\n".join(f"- does not count: {line}" for line in c.does_not_count)
        blocks.append(f"### {c.id}\n{c.statement}\n{counts}\n- partial: {c.partial}\n{not_counts}")
    return "\n\n".join(blocks)


def find_quote(quote: str, texts: Sequence[tuple[int, str]]) -> tuple[int, str] | None:
    """Where the candidate said a quote: (turn, the words as typed). None unless it has four words and stands in one of the texts after
    normalisation."""
    wanted = normalised(quote).strip(" .\"'")
    if len(words(wanted)) < FEWEST_QUOTE_WORDS:
        return None
    found = ((turn, _verbatim(wanted, text)) for turn, text in texts)
    return next(((turn, verbatim) for turn, verbatim in found if verbatim is not None), None)


def _verbatim(wanted: str, text: str) -> str | None:
    """The stretch of `text` that reads `wanted` after normalisation."""
    if wanted not in normalised(text):
        return None
    parts = _spans(text)
    first_word, count = wanted.split()[0], len(wanted.split())
    for first, last in zip(parts, parts[count - 1 :], strict=False):
        if first_word not in normalised(text[first[0] : first[1]]):
            continue
        stretch = text[first[0] : last[1]]
        if wanted in normalised(stretch):
            return stretch
    return wanted  # it crosses a word's inside: the normalised form still is what was said


@lru_cache(maxsize=256)
def _spans(text: str) -> tuple[tuple[int, int], ...]:
    return tuple(found.span() for found in re.finditer(r"\S+", text))


def again(why: str) -> str:
    """What a model is told when it is asked a second time."""
    return f"Your last quotes could not be used: {why} Copy the candidate's own words exactly, or give none."


def mark_of(*known: object) -> str:
    """A fence mark that the candidate cannot guess, the same for the same text, so that a recorded call is found again."""
    return hashlib.sha256("\0".join(("fence", *map(str, known))).encode()).hexdigest()[:12]
