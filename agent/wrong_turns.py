"""Which of a scenario's typical wrong turns an answer takes: what it says is near to the claim."""

from agent.encoder import Encoder, Vectors
from agent.schema import Scenario, WrongTurn
from agent.text import sentences, words

CLAIM_MATCH = 0.68  # cosine of a sentence to a claim from which on it says the same
FEWEST_WORDS = 5


class WrongTurns:
    """Finds them by nearness."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._claims: dict[tuple[WrongTurn, ...], Vectors] = {}

    def taken(self, scenario: Scenario, section: str, text: str) -> str | None:
        """The id of the wrong turn of this section that the text comes nearest to; None when it takes none."""
        turns = tuple(turn for turn in scenario.wrong_turns if turn.section == section)
        said = [part for part in sentences(text) if len(words(part)) >= FEWEST_WORDS]
        if not turns or not said:
            return None
        if turns not in self._claims:
            self._claims[turns] = self._encoder.encode([turn.claim for turn in turns])
        near = (self._encoder.encode(said) @ self._claims[turns].T).max(axis=0)
        best = int(near.argmax())
        return turns[best].id if near[best] >= CLAIM_MATCH else None
