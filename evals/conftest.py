"""`pytest evals` replays the blessed runs: see evals/plugin.py."""

from evals.plugin import pytest_collect_file

__all__ = ["pytest_collect_file"]
