"""What an interviewer's reply may mention: no number and no name that is new to the interview.

A figure that nobody gave becomes a requirement that nobody has, and a product that the candidate has not named is half the answer.
Prompts ask for it; this makes sure of it, before a word is shown. It looks for values and names, not for what they are said of: 20 GB
passes where 20 ms was said.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise

from pydantic import BaseModel

from agent.errors import HeldBack
from agent.library import Library
from agent.numerals import Numeral, may_go_on, numerals
from agent.text import FUNCTION_WORDS

COUNTED = 3  # "the two or three that matter": counts up to here order speech and say nothing of the system; "2 ms" does
RARELY = 0.2  # lower-case uses of a word for each capitalised one, up to which the corpus knows it as a name
SHORTEST_STEM = 4  # letters that are left of a name without its ending

# Capitals that name no design choice: how a candidate says "I", what everybody has (an API, a CPU), and what sizes are counted in.
_EVERYDAY = """i ok api cpu ram http https url ui ux id ip os it qps rps sla kpi kb mb gb tb pb mvp
    english monday tuesday wednesday thursday friday saturday sunday
    january february march april may june july august september october november december"""
# Names that are also words of plain English: in lower case they are those words.
_ORDINARY = """accelerator acid apple appointment armor bloom celery chaos chrome cosmos dash docker eastern electron envoy express foyer helm
    keychain lambda lexical litmus monkey next north northern notary pact packer pacific polish postman prescription pub python rabbit raid
    rail relic restful ruby rust safari sat sin slack slate south spark stripe swift temporal topology turnstile union united west worm"""
_ENDINGS = ("search", "sql", "ql", "db", "js", "mq")  # PostgreSQL is Postgres, DynamoDB Dynamo, Elasticsearch Elastic in speech

_WORD = re.compile(r"[^\W_]+(?:\.(?=[a-z])[^\W_]+|['\u2019][^\W_]+)*")
_BEGINS = re.compile(r"(?:^|(?<!e\.g)(?<!i\.e)[.!?:\u2026]|\n|[\"\u201c\u2018]|\s')[\s\"'\u201c\u201d\u2018\u2019)*-]*$")
_LABEL = re.compile(r"\b(?:section|part) $", re.IGNORECASE)
_MINUTES = re.compile(r"[ \u00a0-]minutes?\b", re.IGNORECASE)


@dataclass(frozen=True)
class Known:
    """What has come up in an interview: values of numbers, names in the form in which they are compared, and its own times in minutes."""

    numbers: frozenset[Decimal]
    names: frozenset[str]
    minutes: frozenset[int] = frozenset()


def known(texts: Iterable[str], minutes: Iterable[int] = ()) -> Known:
    """All that these texts mention. Every word counts as a name: what was said in lower case may be written with a capital."""
    numbers: set[Decimal] = set()
    names: set[str] = set()
    for text in texts:
        numbers.update(value for numeral in numerals(text) for value in numeral.values)
        found = [match[0] for match in _WORD.finditer(text)]
        names.update(map(_key, found))
        names.update(_key(first + second) for first, second in pairwise(found))  # "Dynamo DB" is DynamoDB
    return Known(frozenset(numbers), frozenset(names), frozenset(minutes))


class Speech:
    """Watches what a model's reply mentions."""

    def __init__(self, library: Library) -> None:
        self._sections = frozenset(section.id for section in library.sections)
        self._technologies = _technologies(library)

    async def kept(self, pieces: AsyncIterator[str], known: Known) -> AsyncIterator[str]:
        """A model's words as they come, each once it was checked: a word late, and a number when it is over. Raises HeldBack."""
        said, shown = "", 0
        async for piece in pieces:
            said += piece
            if (end := _settled(said, shown)) > shown:
                self._check(said[:end], known, shown)
                yield said[shown:end]
                shown = end
        self._check(said, known, shown)
        if said[shown:]:
            yield said[shown:]

    def _check(self, text: str, known: Known, since: int) -> None:
        if mention := self.stray(text, known, since):
            raise HeldBack("The interviewer's next words mentioned what has not come up.", mention)

    def stray(self, text: str, known: Known, since: int = 0) -> str | None:
        """The first number or name from a place of a text on that has not come up; None if there is none."""
        for numeral in numerals(text, since):
            if not numeral.values & known.numbers and not self._harmless(text, numeral, known):
                return text[numeral.start : numeral.end]
        return next((name for name in self._names(text, since) if _key(name) not in known.names), None)

    def _harmless(self, text: str, numeral: Numeral, known: Known) -> bool:
        """Whether a number tells nothing of the system: a small count, the word "one", a section's number, the interview's own time."""
        value = max(numeral.values)
        if text[numeral.start : numeral.end].lower() == "one" or (value <= COUNTED and value % 1 == 0 and not numeral.measured):
            return True
        if _LABEL.search(text, 0, numeral.start):
            return str(value) in self._sections
        return value in known.minutes and _MINUTES.match(text, numeral.end) is not None

    def _names(self, text: str, since: int) -> Iterator[str]:
        """Proper names, products and technologies: by their capitals or digits, and those that the corpus knows in any case."""
        for match in _WORD.finditer(text, since):
            if _looks_like_name(match, text) or (_key(match[0]) in self._technologies and not _plain(match[0])):
                yield match[0]


def _technologies(library: Library) -> frozenset[str]:
    """The names that rubrics, framework and scenarios use, without those that they use as plain words too."""
    named, plain = Counter[str](), Counter[str]()
    for text in _texts([library.sections, library.rubrics, library.scenarios]):
        for match in _WORD.finditer(text):
            if match[0].islower():
                plain[_key(match[0])] += 1
            elif _looks_like_name(match, text):
                named[_key(match[0])] += 1
    ordinary = frozenset(map(_key, _ORDINARY.split()))
    return frozenset(name for name, count in named.items() if len(name) > 2 and name not in ordinary and plain[name] <= RARELY * count)


def _settled(said: str, shown: int) -> int:
    """Up to where a reply can be judged: before its last word, which may go on, and before a number that the next word may go on with."""
    complete = list(re.finditer(r"\S+\s+", said[shown:]))
    while complete and may_go_on(complete[-1][0].strip()):
        complete.pop()
    return shown + complete[-1].end() if complete else shown


def _looks_like_name(match: re.Match[str], text: str) -> bool:
    word = _bare(match[0])
    if (word.isalpha() and word.islower()) or len(word) == 1 or _plain(word) or any(numerals(word)):
        return False
    inner = any(char.isupper() or char.isdigit() for char in word[1:]) or word[0].isdigit()
    return inner or (word[0].isupper() and not _BEGINS.search(text[max(0, match.start() - 12) : match.start()]))


def _plain(word: str) -> bool:
    """Whether a word is nobody's name, whatever its capitals."""
    return word.lower().replace("\u2019", "'") in FUNCTION_WORDS or _key(word) in _EVERYDAY_KEYS


def _bare(word: str) -> str:
    """Without the possessive."""
    return re.sub(r"['\u2019]s?$", "", word)


@lru_cache(maxsize=32768)  # an interview says the same words again and again
def _key(word: str) -> str:
    """The form in which names are compared: without case, possessive, plural, and an ending that speech leaves out."""
    key = unicodedata.normalize("NFKC", _bare(word)).casefold().replace(".", "")
    key = key[:-1] if len(key) > 3 and key.endswith("s") and not key.endswith("ss") else key
    ending = next((ending for ending in _ENDINGS if key.endswith(ending) and len(key) - len(ending) >= SHORTEST_STEM), "")
    key = key.removesuffix(ending)
    return key.removesuffix("s") if ending and not key.endswith("ss") else key


_EVERYDAY_KEYS = frozenset(map(_key, _EVERYDAY.split()))


def _texts(value: object) -> Iterator[str]:
    """Every text in a value of the corpus."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, BaseModel):
        yield from _texts([getattr(value, name) for name in type(value).model_fields])
    elif isinstance(value, dict):
        yield from _texts(list(value.values()))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)
