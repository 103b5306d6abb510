"""Blessed runs: what the prompts are held against. `python -m evals bless` names one; `pytest evals` replays them."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from agent.errors import ConfigurationError
from agent.library import Library
from agent.replies import ReplyStore
from agent.settings import Settings
from evals import harness
from evals.compare import Compared, compare_runs
from evals.dataset import load_dataset
from evals.judges import EMBEDDED
from evals.run import Run, Setup, load_run, plain, save_run
from evals.variant import BASE, load_variant

BASELINES = Path(__file__).with_name("baselines")


def bless(run: Run, folder: Path = BASELINES) -> Path:
    """Make a run a baseline: the one for its model and cases. Only a run with the shipped prompts can be one."""
    if run.variant != BASE:
        raise ConfigurationError(f"{run.id} was made with the variant {run.variant!r}. Move its files into prompts/, run again, and bless that.")
    for path in folder.glob("*.json"):
        other = load_run(str(path))
        if (other.model, other.cases, other.only, other.sections) == (run.model, run.cases, run.only, run.sections):
            path.unlink()
    return save_run(run, folder)


@dataclass(frozen=True)
class Replay:
    """A baseline and what its setup gives now; `missing` names gradings without a recording."""

    baseline: Run
    compared: Compared | None
    missing: list[str]

    @property
    def passes(self) -> bool:
        """Whether nothing is missing and the prompts are no worse. Where no verdict flipped, few cases are as good as many."""
        return self.compared is not None and (self.compared.passes or not self.compared.flips)

    @property
    def command(self) -> str:
        """The command that makes the missing recordings."""
        run = self.baseline
        parts = [f" --case {case}" for case in run.only] + [f" --section {section}" for section in run.sections]
        record = f"evals/recordings/{plain(run.model)}.jsonl"  # a folder below would not be found
        return f"python -m evals run --cases {run.cases} --model {run.model} --trials {run.trials}{''.join(parts)} --record {record}"


def replay(path: Path, library: Library, store: ReplyStore, settings: Settings) -> Replay:
    """Grade a baseline's cases again with the prompts as they are now, without asking any endpoint."""
    run = load_run(str(path))
    dataset = load_dataset(library, run.cases, run.only)
    if dataset.digest != run.dataset:
        raise ConfigurationError(
            f"{path.name} was blessed over other cases or gold verdicts than those of now. Make it again and bless it: "
            f"{Replay(run, None, []).command}"
        )
    setup = Setup(cases=run.cases, only=run.only, model=run.model, trials=run.trials, sections=run.sections, elsewhere=run.elsewhere)
    variant = load_variant(BASE)
    evaluation = asyncio.run(_graded(setup, harness.Inputs(variant, dataset, library), store, settings))
    if evaluation.runner.work.missing:
        return Replay(run, None, harness.missing_lines(evaluation))
    return Replay(run, compare_runs(run, [evaluation.scored()])[0], [])


async def _graded(setup: Setup, inputs: "harness.Inputs", store: ReplyStore, settings: Settings) -> harness.Evaluation:
    evaluation = await harness.prepare(setup, inputs, store)
    if setup.model == EMBEDDED:  # local: it needs no recording
        with harness.executing("async", harness.model_factory(setup, inputs.variant, settings)) as executor:
            await evaluation.fill(executor)
    return evaluation
