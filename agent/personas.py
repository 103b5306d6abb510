"""Simulated candidates that need no model: each has one trait that an interviewer must cope with."""

import random
from pathlib import Path

from agent.candidate import NOD, Answers, Candidate, Scripted, Spoken, asked_back, open_section, read_candidate, spoken
from agent.errors import ConfigurationError
from agent.library import SHIPPED
from agent.manners import (
    ArguingManner,
    ClarifyingManner,
    ClockManner,
    Deck,
    KeywordManner,
    Manner,
    Manners,
    RamblingManner,
    SilentManner,
    read_manners,
)
from agent.schema import Scenario
from agent.state import Interview
from agent.text import sentences, words

QUALITIES = ("strong", "mid", "weak")  # what there are scripted answers of
SCRIPTLESS = ("silent", "keyword-dropper", "clarifying-everything")  # these can talk about any problem
LEAST_RAMBLING = 400  # words of an answer
UNANSWERED_SHARE = 0.2  # of the questions of who clarifies everything
DESIGN_SHARE = 0.15  # of his answers


class Cast:
    """Makes the candidates of a corpus: from its manners and its scripted answers, or the shipped ones."""

    def __init__(self, root: Path | None = None) -> None:
        self.manners: Manners = read_manners(root)
        self._folders = [folder / "candidates" for folder in (root, SHIPPED) if folder is not None]

    @property
    def scripted(self) -> list[str]:
        """The scenarios for which there are answers of every quality."""
        found = {path.stem.removesuffix("-mid") for folder in self._folders for path in folder.glob("*-mid.yaml")}
        return sorted(name for name in found if all(self._script(name, quality) for quality in QUALITIES))

    def candidate(self, persona: str, scenario: Scenario, seed: int = 0) -> Candidate:
        """A candidate for one interview. ConfigurationError for an unknown persona, and for one that has no answers to this problem."""
        manner = self.manners.of(persona)
        if persona in QUALITIES:
            return Scripted(self._answers(persona, persona, scenario), persona)
        chance = random.Random(f"{persona} {scenario.id} {seed}")  # a text is hashed the same way everywhere
        match manner:
            case SilentManner():
                return Silent(persona, manner, chance)
            case KeywordManner():
                return KeywordDropper(persona, manner, chance)
            case ClarifyingManner():
                return ClarifyingEverything(persona, manner, chance, scenario)
        script = Scripted(self._answers(persona, "mid", scenario))
        match manner:
            case RamblingManner():
                return Rambling(persona, manner, chance, script)
            case ArguingManner():
                return Arguing(persona, manner, chance, script, scenario.thing)
            case ClockManner():
                return ClockRunner(persona, manner, chance, script)
        raise AssertionError(persona)

    def _answers(self, persona: str, quality: str, scenario: Scenario) -> Answers:
        path = self._script(scenario.id, quality)
        if path is None:
            raise ConfigurationError(
                f"The persona {persona!r} says scripted answers, and there are none to {scenario.title!r}, only to {', '.join(self.scripted)}. "
                f"For this problem take {', '.join(SCRIPTLESS)}, a model (model:{persona}), or a file of your own answers."
            )
        return read_candidate(path)

    def _script(self, scenario: str, quality: str) -> Path | None:
        paths = [folder / f"{scenario}-{quality}.yaml" for folder in self._folders]
        return next((path for path in paths if path.is_file()), None)


class _Improvised:
    """What the personas share: a name, chance, and the seconds that they think."""

    def __init__(self, name: str, manner: Manner, chance: random.Random) -> None:
        self.name, self._chance, self._thinks = name, chance, manner.thinks

    def _spoken(self, *pieces: str) -> Spoken:
        return spoken(" ".join(piece for piece in pieces if piece), self._chance.uniform(*self._thinks))


class Silent(_Improvised):
    """Says nothing for long stretches, then next to nothing."""

    def __init__(self, name: str, manner: SilentManner, chance: random.Random) -> None:
        super().__init__(name, manner, chance)
        self._murmurs = Deck(manner.murmurs, chance)

    async def answer(self, interview: Interview) -> Spoken:
        """A sound."""
        return self._spoken(self._murmurs.draw())


class Rambling(_Improvised):
    """The mid answers, each lost in stories."""

    def __init__(self, name: str, manner: RamblingManner, chance: random.Random, script: Scripted) -> None:
        super().__init__(name, manner, chance)
        self._script, self._tangents, self._returns = script, Deck(manner.tangents, chance), Deck(manner.returns, chance)

    async def answer(self, interview: Interview) -> Spoken:
        """A story, half of the answer, a story, the other half, and stories until it is long enough."""
        first, second = _halves(self._script.next(open_section(interview)) or "")
        pieces = [self._tangents.draw(), self._returns.draw(), first, self._tangents.draw(), self._returns.draw(), second]
        while len(words(" ".join(pieces))) < LEAST_RAMBLING:
            pieces.append(self._tangents.draw())
        return self._spoken(*pieces)


class KeywordDropper(_Improvised):
    """Lists of names, until the section's are used up."""

    def __init__(self, name: str, manner: KeywordManner, chance: random.Random) -> None:
        super().__init__(name, manner, chance)
        self._sections = {section: Deck(said, chance) for section, said in manner.sections.items()}
        self._anywhere, self._done = Deck(manner.anywhere, chance), Deck(manner.done, chance)

    async def answer(self, interview: Interview) -> Spoken:
        """The next list of the section; when there is none left, one that fits anywhere, and that this is all."""
        deck = self._sections.get(open_section(interview))
        if deck is None or deck.used_up:
            return self._spoken(self._anywhere.draw(), self._done.draw())
        return self._spoken(deck.draw(), self._anywhere.draw() if self._chance.random() < 0.25 else "")


class Arguing(_Improvised):
    """Objects to what was asked, then half answers it."""

    def __init__(self, name: str, manner: ArguingManner, chance: random.Random, script: Scripted, thing: str) -> None:
        super().__init__(name, manner, chance)
        self._script, self._done, self._thing = script, Deck(manner.done, chance), thing
        self._contests = {kind: Deck(said, chance) for kind, said in manner.contests.items()}

    async def answer(self, interview: Interview) -> Spoken:
        """An objection to the interviewer's last move, and the first half of an answer while there are any."""
        move = interview.turns[-1].move
        deck = (self._contests.get(move.kind) if move else None) or self._contests["follow_up"]
        answer = self._script.next(open_section(interview))
        half = _halves(answer)[0] if answer else self._done.draw()
        return self._spoken(deck.draw().replace("{thing}", self._thing), half)


class ClarifyingEverything(_Improvised):
    """Asks for the scenario's facts one after the other, in other words when all were asked for, and for what nobody knows."""

    def __init__(self, name: str, manner: ClarifyingManner, chance: random.Random, scenario: Scenario) -> None:
        super().__init__(name, manner, chance)
        self._leads, self._designs = Deck(manner.leads, chance), Deck(manner.designs, chance)
        self._facts = Deck([fact.id for fact in scenario.facts], chance)
        self._asks = {fact.id: Deck(fact.asks, chance) for fact in scenario.facts}
        self._unanswered = Deck(manner.unanswered, chance)

    async def answer(self, interview: Interview) -> Spoken:
        """A question, seldom after a sentence of design."""
        if asked_back(interview):
            return self._spoken(NOD)
        throw = self._chance.random()
        before = self._designs.draw() if throw < DESIGN_SHARE else self._leads.draw() if throw < 0.6 else ""
        return self._spoken(before, self._question())

    def _question(self) -> str:
        if not self._asks or self._chance.random() < UNANSWERED_SHARE:
            return self._unanswered.draw()
        return self._asks[self._facts.draw()].draw()


class ClockRunner(_Improvised):
    """Says all that is known of a section in one answer of many minutes, and would go on."""

    def __init__(self, name: str, manner: ClockManner, chance: random.Random, script: Scripted) -> None:
        super().__init__(name, manner, chance)
        self._script, self._musings, self._endings = script, Deck(manner.musings, chance), Deck(manner.endings, chance)

    async def answer(self, interview: Interview) -> Spoken:
        """The section's mid answers with thinking aloud round each of them."""
        section = open_section(interview)
        pieces = [self._musings.draw()]
        while answer := self._script.next(section):
            pieces += [answer, self._musings.draw()]
        return self._spoken(*pieces, self._musings.draw(), self._endings.draw())


def _halves(text: str) -> tuple[str, str]:
    """The first and the second half of a text's sentences; the first has the odd one."""
    parts = sentences(text)
    middle = (len(parts) + 1) // 2
    return " ".join(parts[:middle]), " ".join(parts[middle:])
