"""`pytest evals` replays the blessed runs: see evals/plugin.py."""

pytest_plugins = ["evals.plugin"]
