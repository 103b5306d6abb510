"""What an interviewer must not say: lines of the rubric and the framework, facts that nobody asked for, its own instructions.

A model that follows a candidate's order to print them is stopped in code, before a word of it is shown.
"""

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import cached_property

from agent.errors import HeldBack
from agent.evidence import unreadable
from agent.library import Library
from agent.prompts import Prompts
from agent.schema import Scenario
from agent.text import grams, words

RUN = 7  # words in a row that a leak shares with what is secret
_WORD = re.compile(r"\S+\s*")

Grams = frozenset[tuple[str, ...]]


class Secrets:
    """Watches what a model says."""

    def __init__(self, library: Library, prompts: Prompts) -> None:
        self._library, self._prompts = library, prompts

    async def kept(self, pieces: AsyncIterator[str], scenario: Scenario, known: Iterable[str]) -> AsyncIterator[str]:
        """A model's words as they come, a few words late, so that a leak is seen before it is shown. `known`: what the candidate may
        hear, as what was said and asked before. Raises HeldBack at a leak."""
        secret, public = self._secret(scenario), _grams(known)
        held: list[tuple[str, int]] = []  # what came, and how many words it is
        heard: list[str] = []
        rest = ""
        async for piece in pieces:
            found = _WORD.findall(rest + piece)
            rest = found.pop() if found and not found[-1][-1].isspace() else ""
            for token in found:
                own = _words(token)
                heard += own
                held.append((token, len(own)))
                _check(heard, len(own), secret, public, token)
                while sum(count for _, count in held[1:]) >= RUN:
                    yield held.pop(0)[0]
        own = _words(rest)
        heard += own
        _check(heard, len(own), secret, public, rest)
        if tail := "".join([*(token for token, _ in held), rest]):
            yield tail

    def leaked(self, text: str, scenario: Scenario, known: Iterable[str]) -> bool:
        """Whether a whole text holds a run of secret words, or what cannot be read."""
        secret, public = self._secret(scenario), _grams(known)
        return _forbidden(grams(_words(text), RUN), secret, public) or any(map(unreadable, text.split()))

    def _secret(self, scenario: Scenario) -> tuple[Grams, Grams]:
        return self._corpus, _grams(_hidden(scenario))

    @cached_property
    def _corpus(self) -> Grams:
        rubrics = [line for c in self._library.criteria.values() for line in (*c.lines, *c.examples, *c.near_misses, *c.hints)]
        turns = [line for wrong in self._library.wrong_turns for line in (wrong.why, wrong.probe)]
        return _grams([*rubrics, *turns, *self._library.explanations, *self._prompts.texts.values()])


def _check(heard: Sequence[str], added: int, secret: Sequence[Grams], public: Grams, token: str) -> None:
    """Every run that ends in one of the words just added."""
    runs = (tuple(heard[end - RUN : end]) for end in range(max(RUN, len(heard) - added + 1), len(heard) + 1))
    if _forbidden(runs, secret, public) or unreadable(token):
        raise HeldBack("The interviewer's next words were held back.")


def _forbidden(runs: Iterable[tuple[str, ...]], secret: Sequence[Grams], public: Grams) -> bool:
    return any(run not in public and any(run in some for some in secret) for run in runs)


def _hidden(scenario: Scenario) -> list[str]:
    return [
        scenario.challenge,
        *(fact.answer for fact in scenario.facts),
        *(line for change in scenario.changes for line in (change.say, *change.expects, *change.examples)),
        *(line for wrong in scenario.wrong_turns for line in (wrong.why, wrong.probe)),
        *(point for wanted in scenario.references.values() for point in wanted.lines),
    ]


def _grams(texts: Iterable[str]) -> Grams:
    return frozenset(gram for text in texts for gram in grams(_words(text), RUN))


def _words(text: str) -> list[str]:
    """The words, with those joined by hyphens apart: joining is no disguise."""
    return words(text.replace("-", " "))
