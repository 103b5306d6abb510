"""Small readings of plain text: sentences, words, quotes. No model, no state."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

QUOTABLE = 14  # words that are quoted back at most
LONGEST_SENTENCE = 45  # words; speech is transcribed with few full stops, and a longer run is cut at a comma or here

_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9a-z])|\n+")
_ABBREVIATION = re.compile(r"\b(?:e\.g|i\.e|etc|vs|approx|no|mr|ms|dr|st|fig|resp)\.$", re.IGNORECASE)
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_INVISIBLE = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]")

_FUNCTION_WORDS = """a an and are as at be because been being but by can could did do does for from had has have he her his how i if in into is it
    its just like may me might more most must my no not of on once one only or other our out over per she should since so some such
    than that the their them then there these they this those through to too under until up us very was we were what when where
    which while who why will with without would you your i'd i'll i'm i've we'd we'll we're we've it's that's don't doesn't isn't
    can't won't let's each every any all both about after before between during same also still"""
FUNCTION_WORDS = frozenset(_FUNCTION_WORDS.split())
_EMPTY_WORDS = "use using used uses want need needs get gets make makes go goes thing things way lot kind sort"
STOP_WORDS = FUNCTION_WORDS | frozenset(_EMPTY_WORDS.split())


def clean(text: str) -> str:
    """Text without invisible and control characters, in one Unicode form: what is kept of what a candidate typed."""
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text))
    if text.replace("\n", "").replace("\t", "").isprintable():  # nothing to take out: the usual case, and quick
        return text.strip()
    return "".join(char for char in text if char in "\n\t" or unicodedata.category(char)[0] != "C").strip()


@lru_cache(maxsize=4096)  # a section's turns are searched once for every quote
def normalised(text: str) -> str:
    """For comparing quotes: case, spacing, typographic quotes and dashes do not matter."""
    text = unicodedata.normalize("NFKC", clean(text)).casefold()
    text = re.sub(r"[\u2018\u2019\u201b`]", "'", text)
    text = re.sub(r"[\u201c\u201d\u201e]", '"', text)
    text = re.sub(r"[\u2010-\u2015]", "-", text)
    return re.sub(r"\s+", " ", text).strip()


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return [word.lower().replace("\u2019", "'") for word in _WORD.findall(text)]


def content_words(text: str) -> set[str]:
    """The words that carry meaning, roughly stemmed, for overlap."""
    return {_stem(word) for word in words(text) if word not in STOP_WORDS and len(word) > 1}


def _stem(word: str) -> str:
    for ending in ("ing", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def sentences(text: str) -> list[str]:
    """The sentences of a text, each a verbatim piece of it; a run of more than 45 words is cut at a comma."""
    pieces: list[str] = []
    for piece in _SENTENCE_END.split(text):
        piece = piece.strip()
        if not piece:
            continue
        if pieces and _ABBREVIATION.search(pieces[-1]) and f"{pieces[-1]} {piece}" in text:
            pieces[-1] = f"{pieces[-1]} {piece}"
        else:
            pieces.append(piece)
    return [part for piece in pieces for part in _cut(piece)]


def sentence_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where the sentences of a text stand in it: (first, last)."""
    place = 0
    for sentence in sentences(text):
        place = text.find(sentence, place)
        yield place, place + len(sentence)
        place += len(sentence)


def around(quote: str, text: str) -> str:
    """The whole sentences of a text that a quote touches: half a sentence can hide what the whole one says."""
    first = text.find(quote)
    last = first + len(quote)
    touched = [text[start:end] for start, end in sentence_spans(text) if start < last and end > first]
    return " ".join(touched) if first >= 0 and touched else quote


def overlap(quote: str, piece: str, text: str) -> float:
    """Share of the shorter of two stretches of a text that both cover (0 to 1)."""
    first, second = text.find(quote), text.find(piece)
    if first < 0 or second < 0:
        return 0.0
    shared = min(first + len(quote), second + len(piece)) - max(first, second)
    return max(0, shared) / min(len(quote), len(piece))


def _cut(sentence: str) -> list[str]:
    if len(sentence.split()) <= LONGEST_SENTENCE:
        return [sentence]
    middle = len(sentence) // 2
    breaks = [match.end() for match in re.finditer(r"[,;:]\s|\s-\s", sentence)] or [match.end() for match in re.finditer(r"\s", sentence)]
    at = min(breaks, key=lambda position: abs(position - middle))
    return [*_cut(sentence[:at].strip()), *_cut(sentence[at:].strip())]


def function_share(text: str) -> float:
    """Share of function words: near 0 in a list of names, 0.35 to 0.6 in speech."""
    found = words(text)
    return sum(word in FUNCTION_WORDS for word in found) / len(found) if found else 0.0


def copied_share(text: str, sources: Sequence[str], run: int = 4) -> float:
    """Share of a text's words that stand in runs of `run` or more words taken from one of the sources (0 to 1)."""
    own = words(text)
    if len(own) < run:
        joined = f" {' '.join(own)} "
        return 1.0 if own and any(joined in f" {' '.join(words(source))} " for source in sources) else 0.0
    known = [_runs(source, run) for source in sources]
    hit = [False] * len(own)
    for i, gram in enumerate(grams(own, run)):
        if any(gram in runs for runs in known):
            hit[i : i + run] = [True] * run
    return sum(hit) / len(own)


@lru_cache(maxsize=4096)  # rubrics and questions are compared with again and again
def _runs(text: str, length: int) -> frozenset[tuple[str, ...]]:
    return frozenset(grams(words(text), length))


def grams(found: Sequence[str], length: int) -> list[tuple[str, ...]]:
    """Every run of `length` words, in order."""
    return [tuple(found[i : i + length]) for i in range(len(found) - length + 1)]


_BREAK = re.compile(r"[;:]\s+|,\s+|\s+-\s+|\s+(?:because|so that|and then)\s+", re.IGNORECASE)
_JOINT = re.compile(r"^(?:and|but|so|or|then|well|okay|ok|also|since|because)\s+", re.IGNORECASE)


def clauses(sentence: str) -> list[str]:
    """The parts of a sentence that can be quoted by themselves: itself if it is short, else what stands between commas and the like."""
    whole = sentence.strip().rstrip(".!?,;:")
    if len(whole.split()) <= QUOTABLE:
        return [whole]
    parts = (_JOINT.sub("", part.strip()) for part in _BREAK.split(whole))
    return [part for part in parts if len(part.split()) <= QUOTABLE]


def shortened(text: str, most: int = QUOTABLE) -> str:
    """At most `most` words of a text, cut with an ellipsis, for quoting back."""
    parts = text.strip().rstrip(".!?,;: ").split()
    return " ".join(parts) if len(parts) <= most else " ".join(parts[:most]).rstrip(",;:") + " ..."
