"""The network behind `classifier`: MiniLM with a linear head that reads a text for every criterion at once.

A module of its own, because importing torch takes seconds: only the classifier's loader and the training import it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer
from transformers.utils import logging as transformers_logging

FROZEN = 3  # lower layers of MiniLM's six that stay as they are: half the time to train, half the weights to ship
MOST_TOKENS = 96  # of a text: two long sentences
SCALE = 3.0  # of the mean vector before the head: without it the head learns too slowly beside the layers
THRESHOLDS = 2  # "at least partial" and "met"


class Network(nn.Module):
    """Texts to logits (texts, criteria, 2): at least partial, met. `frozen`: how many lower layers are not trained.
    `most`: tokens of a text that are read."""

    def __init__(self, base: Path, criteria: int, frozen: int = FROZEN, most: int = MOST_TOKENS) -> None:
        super().__init__()
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        self.tokenizer = AutoTokenizer.from_pretrained(str(base), local_files_only=True)
        self.encoder = AutoModel.from_pretrained(str(base), local_files_only=True)
        self.most = most
        self.head = nn.Linear(self.encoder.config.hidden_size, criteria * THRESHOLDS)
        self.dropout = nn.Dropout(0.1)
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.constant_(self.head.bias, -2.0)  # most texts say nothing of most criteria
        for part in (self.encoder.embeddings, *self.encoder.encoder.layer[:frozen]):
            part.requires_grad_(False)

    def forward(self, tokens: dict[str, Tensor]) -> Tensor:
        """Logits of a batch of tokens."""
        states = self.encoder(**tokens).last_hidden_state
        mask = tokens["attention_mask"][..., None].to(states.dtype)
        mean = (states * mask).sum(1) / mask.sum(1)
        logits: Tensor = self.head(self.dropout(mean) * SCALE)
        return logits.view(len(mean), -1, THRESHOLDS)

    def batches(self, texts: Sequence[str], order: Sequence[int], size: int) -> Iterator[tuple[list[int], dict[str, Tensor]]]:
        """The texts in batches of about equal length, each with the places of its texts; `order` says which and how they are grouped."""
        ids = self.tokenizer(list(texts), truncation=True, max_length=self.most)["input_ids"]
        for start in range(0, len(order), 20 * size):
            near = sorted(order[start : start + 20 * size], key=lambda place: len(ids[place]))
            for first in range(0, len(near), size):
                places = near[first : first + size]
                yield places, dict(self.tokenizer.pad({"input_ids": [ids[place] for place in places]}, return_tensors="pt"))

    @torch.inference_mode()
    def score(self, texts: Sequence[str], size: int = 32) -> Tensor:
        """Logits of texts, without training."""
        self.eval()
        out = torch.zeros((len(texts), self.head.out_features // THRESHOLDS, THRESHOLDS))
        for places, tokens in self.batches(texts, range(len(texts)), size):
            out[places] = self(tokens)
        return out

    def save(self, path: Path) -> None:
        """Write what was trained, in half precision."""
        save_file({name: value.detach().half().contiguous() for name, value in self.state_dict().items() if self._trained(name)}, path)

    def load(self, path: Path) -> None:
        """Take over what was trained. Raises what safetensors and torch raise for a file that does not fit."""
        kept = load_file(path)
        wanted = {name for name in self.state_dict() if self._trained(name)}
        if set(kept) != wanted:
            raise ValueError(f"{path} was trained for another network")
        self.load_state_dict({name: value.float() for name, value in kept.items()}, strict=False)

    def _trained(self, name: str) -> bool:
        upper = name.startswith("encoder.encoder.layer.") and int(name.split(".")[3]) >= FROZEN
        return upper or name.startswith("head.")
