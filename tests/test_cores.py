"""How many processors torch uses for a batch of texts."""

import os

import pytest
import torch

from agent.cores import FEW, cores_for


def test_many_texts_get_every_processor_and_few_texts_one() -> None:
    with cores_for(FEW + 1):
        assert torch.get_num_threads() == (os.cpu_count() or 1)
    with cores_for(FEW):
        assert torch.get_num_threads() == 1


def test_one_processor_is_left_behind_when_reading_breaks() -> None:
    with pytest.raises(RuntimeError), cores_for(FEW + 1):
        raise RuntimeError("it broke")
    assert torch.get_num_threads() == 1
