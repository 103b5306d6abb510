"""Reads talk for every criterion of the shipped rubrics at once, in milliseconds and without a language model.

MiniLM whose upper layers, and a linear head, were trained on labelled statements and interviews (`python -m evals.train`). A criterion
is known by its wording: one that is new or was reworded since has no logits here, and `estimator` falls back to nearness.
"""

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from agent.cores import cores_for
from agent.encoder import LOADING, base_model
from agent.errors import ConfigurationError
from agent.schema import Gradable

if TYPE_CHECKING:
    from agent.network import Network

WEIGHTS = Path(__file__).with_name("weights")
NETWORK, CRITERIA = "classifier.safetensors", "criteria.json"
BATCH = 32  # texts that are read at once
DIGITS = 3  # of a logit: how texts are batched moves the sixth
REMEMBERED = 20_000  # texts whose logits are kept: the observer and the grader read the same ones

Logits = npt.NDArray[np.float32]


def wording(criterion: Gradable) -> str:
    """A digest of what a criterion asks: it changes when a line that graders judge by does."""
    return hashlib.sha256("\0".join(criterion.lines).encode()).hexdigest()[:12]


class Classifier:
    """Logits of texts for the criteria it was trained on. May be used from any thread; the first use loads the weights."""

    def __init__(self, folder: Path = WEIGHTS) -> None:
        self.folder = folder
        self._guard = threading.Lock()
        self._known: OrderedDict[str, Logits] = OrderedDict()

    @cached_property
    def criteria(self) -> dict[str, str | None]:
        """Criterion -> digest of the wording that it was trained with (None: there was too little to learn), in the order of the logits."""
        try:
            return dict(json.loads((self.folder / CRITERIA).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{self.folder / CRITERIA} cannot be read ({error}): make it with `python -m evals.train`.") from None

    def place(self, criterion: Gradable) -> int | None:
        """Where a criterion stands in the logits; None when it was not trained in this wording."""
        return self._places.get((criterion.id, wording(criterion)))

    def logits(self, texts: Sequence[str]) -> Logits:
        """(texts, criteria, 2): logits of "at least partial" and of "met". ConfigurationError when the weights cannot be read."""
        new = sorted({text for text in texts if text not in self._known}, key=lambda text: (len(text), text))  # of like length: little is padded
        for start in range(0, len(new), BATCH):  # who reads a whole interview lets others in between
            part = new[start : start + BATCH]
            with self._guard, cores_for(len(part)):
                self._known.update(zip(part, self._network.score(part).numpy().round(DIGITS), strict=True))
        with self._guard:
            found = [self._recalled(text) for text in texts]
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return np.stack(found) if found else np.zeros((0, len(self.criteria), 2), np.float32)

    def _recalled(self, text: str) -> Logits:
        """The logits of a text that was just read; read again if others crowded it out in between."""
        if text not in self._known:
            self._known[text] = self._network.score([text]).numpy().round(DIGITS)[0]
        self._known.move_to_end(text)
        return self._known[text]

    @cached_property
    def _places(self) -> dict[tuple[str, str | None], int]:
        return {known: place for place, known in enumerate(self.criteria.items())}

    @cached_property
    def _network(self) -> "Network":
        from safetensors import SafetensorError

        try:
            with LOADING:
                from agent.network import Network

                network = Network(base_model(), len(self.criteria))
                network.load(self.folder / NETWORK)
        except (OSError, ValueError, RuntimeError, SafetensorError) as error:
            raise ConfigurationError(f"{self.folder / NETWORK} cannot be read ({error}): make it with `python -m evals.train`.") from None
        return network
