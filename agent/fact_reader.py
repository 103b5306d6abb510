"""Which fact a clarifying question asks for, read by a linear classifier over the sentence model's vectors.

Fitted on many ways of asking (`python -m evals.train_facts`). A scenario is known by its facts' ids: one that has other facts has no
reading here, and `facts` falls back to nearness to the ways of asking that the scenario itself gives.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agent.encoder import Encoder, Vectors
from agent.errors import ConfigurationError
from agent.schema import Scenario

WEIGHTS = Path(__file__).with_name("weights") / "facts.safetensors"
NONE, TALK = "", "-"  # what stands in the place of a fact's id: a question that no fact answers; words that ask for nothing


@dataclass(frozen=True)
class Reading:
    """The fact that a question most likely asks for, the log-odds of that against asking for no fact, and whether it more likely asks for
    something that no fact answers than for nothing at all."""

    fact: str
    odds: float
    asks: bool


class FactReader:
    """Reads questions about the scenarios that it was fitted on. Deterministic; the first use loads the weights."""

    def __init__(self, encoder: Encoder, path: Path = WEIGHTS) -> None:
        self._encoder, self._path = encoder, path

    def read(self, scenario: Scenario, lead: str, question: str) -> Reading | None:
        """What a question asks for; `lead`: what was said right before it. None when the scenario was not fitted with these facts."""
        known = self._scenarios.get(scenario.id)
        if known is None or set(known.classes) != {NONE, TALK, *(fact.id for fact in scenario.facts)}:
            return None
        logits = known.weights @ features(self._encoder, [(lead, question)])[0] + known.bias
        of = dict(zip(known.classes, logits.tolist(), strict=True))
        best = max((name for name in known.classes if name not in (NONE, TALK)), key=of.__getitem__)
        return Reading(best, of[best] - float(np.logaddexp(of[NONE], of[TALK])), of[NONE] >= of[TALK])

    @cached_property
    def _scenarios(self) -> dict[str, "_Fitted"]:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(self._path), framework="numpy") as kept:
                classes = kept.metadata()
                return {
                    name: _Fitted(
                        tuple(listed.split(" ")),
                        kept.get_tensor(f"{name}/weights").astype(np.float32),
                        kept.get_tensor(f"{name}/bias").astype(np.float32),
                    )
                    for name, listed in classes.items()
                }
        except (OSError, SafetensorError, ValueError) as error:
            raise ConfigurationError(f"{self._path} cannot be read ({error}): make it with `python -m evals.train_facts`.") from None


@dataclass(frozen=True)
class _Fitted:
    classes: tuple[str, ...]
    weights: npt.NDArray[np.float32]  # (classes, width of the features)
    bias: npt.NDArray[np.float32]


def features(encoder: Encoder, questions: "list[tuple[str, str]]") -> Vectors:
    """Of every (lead, question): the vector of both together, and of the question alone. (questions, twice the encoder's width)"""
    texts = [f"{lead} {question}".strip() for lead, question in questions] + [question for _, question in questions]
    both = encoder.encode(texts)
    return np.hstack([both[: len(questions)], both[len(questions) :]])
