"""Finds the section of the framework that each utterance belongs to, where nobody wrote it down.

Spoken and written markers win: a heading, or a hand-over such as "let's move on to data storage". Everything between them is
scored with the retriever, and the cheapest path through the sections is taken (Viterbi): staying is free, going forward is
cheap, going back is dear in an interview, which follows a plan, and cheaper in an essay. The same text always gives the same path.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from agent.library import Library
from agent.retrieval import Retriever
from agent.schema import Speaker
from agent.text import content_words, normalised, sentences, words

# Costs are in units of log-probability. Chosen on the answers of corpus/candidates with their sections in several orders; half or
# twice of any of them costs up to three points of accuracy on average. tests/test_importing.py prints what they reach.
FORWARD, SKIPPED = 1.0, 0.3  # to the next section; more for each one that is passed over
BACK_INTERVIEW, BACK_ESSAY, BACK_STEP = 4.0, 2.0, 0.3
LATE_START = 0.3  # for each section that comes before the one that a transcript begins with
MARKED, LEAVING = 3, 3.0  # from so many announced sections on, a section that was not announced is that much dearer
FLOOR = 0.002  # the least share of a section: one sure but wrong score must not decide a path
QUESTION = 0.5  # weight of the question beside its answer
INHERITS, FULL_WEIGHT = 6, 20  # words: a shorter text inherits its section; from so many on it counts fully, in between in part
GROUP = 50  # words that are scored at once: a few sentences
LONG, PART = 250, 120  # words: a longer turn without a known section is cut into parts, which may differ in their section
PINNED = 1e6

# Other words for what a section's title says. The key is a word of a title: a framework without that word is unaffected.
_SYNONYMS: dict[str, str] = {
    "framing": r"caveats?|disclaimer|real world",
    "scope": r"requirements?|functional|use cases?|goals?|estimat\w+|back of envelope|capacity(?: planning)?|clarif\w+|users?|metrics|constraints?",
    "architecture": r"high level|overview|big picture|diagrams?|building blocks|components|request flow|data flow",
    "frontend": r"front end|clients?(?: side)?|ui|ux|web app|mobile(?: apps?)?|apis?|endpoints?",
    "edge": r"(?:api )?gateways?|cdn|load balanc\w+|rate limit\w+|dns",
    "core": r"back end|micro ?services?|services?|deep dives?|detailed|low level|business logic",
    "storage": r"databases?|data|schema|persistence|sql|nosql|cap|consistency|data stores?",
    "scalability": r"scal\w+|reliab\w+|performan\w+|availability|fault toleran\w+|resilien\w+|cach\w+|failures?|failover",
    "deployment": r"deploy\w*|ci cd|cicd|observab\w+|monitor\w*|logging|alert\w*|secur\w+|auth\w*|operations|rollouts?|releases?|devops",
    "evolution": r"extensions?|trade offs?|tradeoffs?|bottlenecks?|evol\w+|future|improvements?|migrat\w+|roadmap|tenancy|testing",
}
_NUMBER = re.compile(r"^(?:section\s+)?(?P<number>\d+(?:\.\d+)?)\s*[.):/-]*\s*(?=\D|$)", re.IGNORECASE)
_GENERIC = frozenset("layer design system part section topic step thing detail ownership".split())
_HANDOVER = re.compile(
    r"\b(?:(?:move|moving|shift|shifting|switch|switching|turning|(?:go|going|get|getting|carry|come|jump|over) (?:on|over)|on)"
    r" (?:(?:on|over|now|next|gears) )*(?:in)?to|next (?:up )?(?:is|comes|topic is|section is|part is)|next (?:up|topic|section)[:,]"
    r"|let(?:'s| us) (?:(?:now|also|next|first|just) )*(?:(?:go|turn|jump|dive|dig|get|skip) (?:in)?to|talk about|speak about|discuss|cover|look at"
    r"|start with|begin with|do)|(?:i'd|i would) like to (?:talk about|discuss|hear about))"
    r" (?:(?:the|your|our|some|about|topic of|question of|part on|section on) )*(?P<what>[^.?!;:\n]{2,80})",
    re.IGNORECASE,
)
LONGEST_NAME = 8  # words: a longer heading or announced topic says more than the name of a section
Path = list[str]
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Utterance:
    """What somebody said, before it is a turn."""

    speaker: Speaker
    text: str
    at: float | None = None  # seconds; None when the file has no time for it
    section: str | None = None  # from a heading or the file itself; None: to be inferred


class Sectioner:
    """Assigns sections. Deterministic; several milliseconds for each sentence, for the retriever encodes it."""

    def __init__(self, library: Library, retriever: Retriever) -> None:
        self._library, self._retriever = library, retriever
        self._order = [section.id for section in library.sections]
        self._titles = {section.id: _plain(section.title) for section in library.sections}
        self._parts = {section.id: content_words(_plain(" ".join(part.title for part in section.subsections))) for section in library.sections}

    def sectioned(self, said: Sequence[Utterance], essay: bool = False) -> list[Utterance]:
        """The utterances with their sections. A long one that runs through several sections becomes several."""
        pieces = [(number, piece) for number, one in enumerate(said) for piece in _pieces(one)]
        found: list[tuple[int, Utterance]] = []
        for (number, piece), section in zip(pieces, self.assign([piece for _, piece in pieces], essay), strict=True):
            if found and found[-1][0] == number and found[-1][1].section == section:
                found[-1] = (number, replace(found[-1][1], text=f"{found[-1][1].text} {piece.text}"))
            else:
                found.append((number, replace(piece, section=section)))
        parts = Counter(number for number, _ in found)
        return [replace(one, text=said[number].text) if parts[number] == 1 else one for number, one in found]

    def assign(self, said: Sequence[Utterance], essay: bool = False) -> Path:
        """The section of each utterance; a known one stays. A question goes with the answer that follows it."""
        if all(one.section for one in said):
            return [one.section or "" for one in said]
        units = _units(said)
        scores = np.stack([self._scored([said[i] for i in unit]) for unit in units])
        announced = [self._announced([said[i] for i in unit]) for unit in units]
        for row, section in zip(scores, announced, strict=True):
            if section is not None:
                row[self._order.index(section)] += PINNED
        leaving = LEAVING if len({section for section in announced if section}) >= MARKED else 0.0
        path = _cheapest(scores, self._costs(BACK_ESSAY if essay else BACK_INTERVIEW, leaving))
        by_turn = {i: self._order[position] for unit, position in zip(units, path, strict=True) for i in unit}
        return [one.section or by_turn[i] for i, one in enumerate(said)]

    def named(self, heading: str) -> str | None:
        """The section that a heading names ("## 6. Data storage", "Scaling"); None if none or more than one fits equally well."""
        text = _plain(heading)
        number = _NUMBER.match(text)
        name = text[number.end() :].strip() if number else text
        for section, title in self._titles.items():
            if name and name == title:
                return section
        if number and (not name or "." in number["number"]):
            part = self._library.subsections.get(number["number"])
            if part is not None and (not name or content_words(name) & content_words(_plain(part.title))):
                return number["number"].split(".")[0]
            if not name and number["number"] in self._order:
                return number["number"]
        return self._best_name(name)

    def announced(self, text: str) -> str | None:
        """The section that somebody says to go on to; the last one if there are several."""
        for match in reversed(list(_HANDOVER.finditer(text.replace("\u2019", "'")))):
            for topic in (match["what"], *re.split(r",| and (?:how|what|why|where|tell|then)\b", match["what"])[:1]):
                section = self.named(topic)
                if section is not None:
                    return section
        return None

    def _best_name(self, name: str) -> str | None:
        name = re.sub(r"\bedge cases?\b", "", name)
        own = content_words(name) - _GENERIC
        if not own or len(words(name)) > LONGEST_NAME:
            return None
        points: dict[str, float] = {}
        for section, title in self._titles.items():
            in_title, patterns = content_words(title) - _GENERIC, [pattern for word, pattern in _SYNONYMS.items() if word in words(title)]
            meant = {word for pattern in patterns for hit in re.findall(rf"\b(?:{pattern})\b", name) for word in content_words(hit)}
            close = (own & in_title) | meant
            if len(close | (own & self._parts[section])) * 2 >= len(own):
                points[section] = len(close) + 0.4 * len((own & self._parts[section]) - close)
        best = sorted(points.values(), reverse=True)
        if not best or (len(best) > 1 and best[0] == best[1]):
            return None
        return max(points, key=lambda section: points[section])

    def _announced(self, unit: Sequence[Utterance]) -> str | None:
        """What a unit's words say about its place: a known section, else a hand-over."""
        for one in reversed(unit):
            if one.section is not None:
                return one.section
        for one in unit:
            # a candidate announces where he starts; further on he speaks of going to the database and the like
            text = one.text if one.speaker == "interviewer" else next(iter(sentences(one.text)), "")
            if one.speaker == "candidate" and len(words(text)) > 2 * LONGEST_NAME:
                continue
            section = self.announced(text)
            if section is not None:
                return section
        return None

    def _scored(self, unit: Sequence[Utterance]) -> Scores:
        """Log-probability of every section, damped when little was said."""
        total = np.zeros(len(self._order))
        answered = any(one.speaker == "candidate" for one in unit)
        for one in unit:
            if one.section is None:
                total += self._of_text(one.text) * (QUESTION if one.speaker == "interviewer" and answered else 1.0)
        return total

    def _of_text(self, text: str) -> Scores:
        groups = _groups(text)
        weights = np.array([len(words(group)) for group in groups], dtype=float)
        if weights.sum() < INHERITS:
            return np.zeros(len(self._order))
        rows = np.stack([self._of_group(group) for group in groups])
        mean: Scores = (rows * weights[:, None]).sum(axis=0) / weights.sum()
        return mean * min(1.0, float(weights.sum()) / FULL_WEIGHT)

    def _of_group(self, text: str) -> Scores:
        shares = np.full(len(self._order), FLOOR)
        for hit in self._retriever.search(text, k=len(self._library.subsections)):
            shares[self._order.index(hit.subsection.split(".")[0])] += hit.score
        found: Scores = np.log(shares / shares.sum())
        return found

    def _costs(self, back: float, leaving: float) -> Scores:
        """Cost of going from a section (row) to a section (column)."""
        steps = np.arange(len(self._order))[None, :] - np.arange(len(self._order))[:, None]
        forward = FORWARD + SKIPPED * (steps - 1) + leaving
        backward = back + BACK_STEP * (-steps - 1) + leaving
        costs: Scores = np.where(steps == 0, 0.0, np.where(steps > 0, forward, backward))
        return costs


def _cheapest(scores: Scores, costs: Scores) -> list[int]:
    """Viterbi: the path with the best sum of scores less costs; a tie goes to the earlier section."""
    reached = scores[0] - LATE_START * np.arange(scores.shape[1])
    came_from: list[npt.NDArray[np.intp]] = []
    for row in scores[1:]:
        ways = reached[:, None] - costs
        came_from.append(ways.argmax(axis=0))
        reached = ways.max(axis=0) + row
    path = [int(reached.argmax())]
    for origin in reversed(came_from):
        path.append(int(origin[path[-1]]))
    return path[::-1]


def _units(said: Sequence[Utterance]) -> list[list[int]]:
    """What belongs together: the interviewer's words and the first answer after them; each further answer by itself."""
    units: list[list[int]] = []
    open_question = False
    for i, one in enumerate(said):
        if open_question:
            units[-1].append(i)
        else:
            units.append([i])
        open_question = one.speaker == "interviewer"
    return units


def _groups(text: str, size: int = GROUP) -> list[str]:
    """A text's sentences, joined until `size` words are reached."""
    groups: list[str] = []
    for sentence in sentences(text):
        if groups and len(f"{groups[-1]} {sentence}".split()) <= size:
            groups[-1] = f"{groups[-1]} {sentence}"
        else:
            groups.append(sentence)
    return groups


def _pieces(one: Utterance) -> list[Utterance]:
    if one.section is not None or one.speaker == "interviewer" or len(words(one.text)) <= LONG:
        return [one]
    return [replace(one, text=group) for group in _groups(one.text, PART)]


def _plain(heading: str) -> str:
    """A heading without its marks, in lower case, "&" as "and" and hyphens as spaces."""
    text = normalised(heading).replace("&", " and ").replace("/", " ")
    text = re.sub(r"[#*_`=\[\]()]|(?<=\w)-(?=\w)|\s-+\s|^-+|-+$", " ", text)
    return " ".join(re.sub(r"\bthe\b", " ", text).split()).strip(" .,:")
