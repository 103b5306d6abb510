"""How many processors torch uses for a batch of texts, and what may be loaded at the same time."""

import os
import subprocess
import sys

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


def test_encoder_and_classifier_can_be_loaded_by_two_threads_at_once() -> None:
    program = "from agent.classifier import Classifier; from agent.encoder import Encoder; Encoder().start(); print(Classifier().logits(['We shard.']).ndim)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (0, "3"), done.stderr
