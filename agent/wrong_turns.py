"""Which typical wrong turn an answer takes: what it says is near to the claim."""

import re
from collections.abc import Sequence

from agent.encoder import Encoder, Vectors
from agent.library import Library
from agent.schema import Scenario, WrongTurn
from agent.text import clauses, sentences, words

CLAIM_MATCH = 0.68  # cosine of a sentence to a claim from which on it says the same
QUOTED_MATCH = 0.5  # ... from which on part of a sentence is quoted back as the claim
FEWEST_WORDS = 5


class WrongTurns:
    """Finds them by nearness: those of the problem, and those that candidates take in any."""

    def __init__(self, encoder: Encoder, library: Library) -> None:
        self._encoder, self._library = encoder, library
        self._claims: dict[tuple[WrongTurn, ...], Vectors] = {}

    def taken(self, scenario: Scenario, section: str, text: str, said: Sequence[str] = ()) -> str | None:
        """The id of the wrong turn that the text comes nearest to; None when it takes none. One that belongs to a later section is left for
        then, and one about which the candidate knows better by all that he has `said` is no wrong turn."""
        parts = [part for part in sentences(text) if len(words(part)) >= FEWEST_WORDS]
        turns = self._library.wrong_turns_of(scenario)
        if not turns or not parts:
            return None
        if turns not in self._claims:  # all sections' at once: each is needed again in every section after its own
            self._claims[turns] = self._encoder.encode([claim for turn in turns for claim in turn.claims])
        owners = [turn for turn in turns for _ in turn.claims]
        near = (self._encoder.encode(parts) @ self._claims[turns].T).max(axis=0)
        order = [one.id for one in self._library.sections]
        due, everything = order[: order.index(section) + 1], " ".join((*said, text))
        claimed = [(float(value), turn) for value, turn in zip(near, owners, strict=True) if value >= CLAIM_MATCH and turn.section in due]
        return max(((value, turn.id) for value, turn in claimed if not knows_better(turn, everything)), default=(0.0, None))[1]


def knows_better(turn: WrongTurn, said: str) -> bool:
    """Whether a candidate said one of the words that show it."""
    return any(re.search(rf"\b{re.escape(word)}", said, re.IGNORECASE) for word in turn.unless)


def claim_in(encoder: Encoder, turn: WrongTurn, text: str) -> str | None:
    """The words of a text that claim it, to be quoted; None when they are too long for that."""
    parts = [clause for part in sentences(text) for clause in clauses(part) if len(words(clause)) >= FEWEST_WORDS]
    if not parts:
        return None
    near = (encoder.encode(parts) @ encoder.encode(turn.claims).T).max(axis=1)
    best = int(near.argmax())
    return parts[best] if near[best] >= QUOTED_MATCH else None
