"""How many processors torch uses for a batch of texts."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

FEW = 8  # texts: up to here one processor is quicker than two (measured: a single query takes 16 ms on one, 45 ms and more on two)


@contextmanager
def cores_for(texts: int) -> Iterator[None]:
    """All processors while many texts are read, one otherwise. The setting is the process': who reads at the same time gets it too."""
    import torch

    torch.set_num_threads((os.cpu_count() or 1) if texts > FEW else 1)
    try:
        yield
    finally:
        torch.set_num_threads(1)
