"""Numbers in plain text, in digits or in words, as the values that they stand for: "20,000", "20k" and "twenty thousand" are one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

_ONES = "zero one two three four five six seven eight nine".split()
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SMALL = {word: value for value, word in enumerate(_ONES + _TEENS)} | {word: 10 * tens for tens, word in enumerate(_TENS, 2)}
_SCALES = {"dozen": 12, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_SUFFIXES = {"k": 10**3, "m": 10**6, "mn": 10**6, "mio": 10**6, "b": 10**9, "bn": 10**9, "t": 10**12, "tn": 10**12}
_AMBIGUOUS = ("m", "b", "t")  # "5m" is five million, five minutes or five metres: it is read both ways

_DIGITS = r"\d+(?:[,_'\u2019\u2009\u202f]\d{3}(?!\d))*(?:\.\d+)?"
_SUFFIX = "|".join(sorted(_SUFFIXES, key=len, reverse=True))
_ATTACHED = r"[nmu\u00b5]?s|secs?|mins?|hr?s?|d|[kmgtp]i?b|[kmgt]bps|rps|qps"
_END = r"(?![^\W_])"
_J = r"[ \u00a0-]"


def _any(words: list[str]) -> str:
    return f"(?:{'|'.join(sorted(words, key=len, reverse=True))})"


_BELOW = rf"(?:{_any(_TENS)}(?:{_J}{_any(_ONES)})?|{_any(_ONES + _TEENS)})(?:{_J}point(?:{_J}{_any(_ONES)})+)?"
_HALF = rf"half{_J}an?"  # "half a million"; "two and a half" adds it
_PART = rf"(?:(?:(?:{_BELOW}|{_DIGITS}){_J})?hundred(?:{_J}(?:and{_J})?{_BELOW})?|{_BELOW}|{_DIGITS}){_END}(?:{_J}and{_J}a{_J}half{_END})?"
_AND = rf"{_J}(?:and{_J})?"
_SCALE = rf"{_any(list(_SCALES))}{_END}"
_SPELLED = rf"(?:(?:(?:{_PART}|{_HALF}){_J})?{_SCALE}(?:{_AND}{_PART}{_J}{_SCALE})*(?:{_AND}{_PART})?|{_PART})"
_NUMBER = re.compile(
    rf"(?<![^\W_])(?:(?P<figure>{_DIGITS})"
    rf"(?:{_J}?(?P<suffix>{_SUFFIX})|(?P<unit>{_ATTACHED})|x|st|nd|rd|th){_END}|p(?P<percentile>\d\d(?:\.\d+)?){_END}|(?P<spelled>{_SPELLED}))",
    re.IGNORECASE,
)
_MEASURE = re.compile(
    rf"(?:{_J}|/)?(?:%|percent|per cent|[nmu\u00b5]?s|sec(?:ond)?s?|min(?:ute)?s?|h(?:ou)?rs?|days?|weeks?|months?|years?|[kmgtp]i?bs?|[kmgt]bps"
    rf"|(?:kilo|mega|giga|tera|peta)?(?:byte|bit)s?|dollars?|euros?|pounds?|cents?){_END}",
    re.IGNORECASE,
)
_CURRENCY = re.compile(r"[$\u20ac\u00a3] ?$")
_GOES_ON = re.compile(rf"(?:{_any([*_SMALL, *_SCALES, 'hundred', 'and', 'a', 'an', 'half', 'point'])}|.*\d[^\W_]*)", re.IGNORECASE)


@dataclass(frozen=True)
class Numeral:
    """A number in a text. Its unit is not part of its value: 20 ms and 20 GB are both 20."""

    start: int
    end: int
    values: frozenset[Decimal]  # two where a suffix can be read in two ways
    measured: bool  # a quantity with a unit (2 ms, 3 %, $1), not a count of things


def numerals(text: str, since: int = 0) -> Iterator[Numeral]:
    """The numbers of a text from a place on, in order. A percentile is one (p95 is 95); what else begins with a
    letter, or joins digits to letters that are no unit, is a name (S3, 2PC)."""
    for match in _NUMBER.finditer(text, since):
        measured = bool(match["unit"] or _MEASURE.match(text, match.end()) or _CURRENCY.search(text, 0, match.start()))
        yield Numeral(match.start(), match.end(), _values(match), measured)


def may_go_on(word: str) -> bool:
    """Whether a number that a word belongs to may go on in the next word: "twenty", and then "thousand"."""
    return bool(_GOES_ON.fullmatch(re.split(r"[^\w.,]+", word)[-1]))


def _values(match: re.Match[str]) -> frozenset[Decimal]:
    if match["spelled"]:
        return frozenset({_spelled(match["spelled"].lower())})
    figure, suffix = _figure(match["figure"] or match["percentile"]), (match["suffix"] or "").lower()
    scaled = figure * _SUFFIXES.get(suffix, 1)
    return frozenset({scaled, figure}) if suffix in _AMBIGUOUS else frozenset({scaled})


def _figure(digits: str) -> Decimal:
    return Decimal(re.sub(r"[^\d.]", "", digits))


def _spelled(phrase: str) -> Decimal:
    """The value of a number's words and digits: what stands before a scale is multiplied by it, the rest is added."""
    total, current, place = Decimal(0), Decimal(0), Decimal(1)  # `place`: of the next decimal, 1 before a "point"
    for word in re.findall(rf"{_DIGITS}|[a-z]+", phrase):
        if word == "point":
            place = Decimal("0.1")
        elif word == "half":
            current += Decimal("0.5")
        elif word == "hundred":
            current = (current or 1) * Decimal(100)
        elif word in _SCALES:
            total, current, place = total + (current or 1) * _SCALES[word], Decimal(0), Decimal(1)
        elif word in _SMALL:
            current += _SMALL[word] * place
            place = place / 10 if place < 1 else place
        elif word[0].isdigit():
            current += _figure(word)
    return total + current
