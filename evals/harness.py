"""Puts a run together: dataset, variant, store, executor. The one place that knows where things of the evals are kept."""

import asyncio
import functools
import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from agent.assembly import assemble, endpoint, readers
from agent.clock import ManualClock
from agent.encoder import Encoder
from agent.errors import ConfigurationError
from agent.estimator import Estimator
from agent.grader import Grader
from agent.interviewer import EmbeddedInterviewer
from agent.library import Library, load_library
from agent.llm import OpenAIChatModel
from agent.model_interviewer import ModelInterviewer
from agent.recorded import FillingModel, RecordedChatModel
from agent.replies import ReplyStore, Usage
from agent.settings import Settings
from evals.conduct import Conductor, Next, Position
from evals.dataset import Dataset
from evals.executors import Executor, ModelFactory
from evals.executors.batch import BatchExecutor
from evals.executors.concurrent import IN_FLIGHT, ConcurrentExecutor
from evals.executors.offline import OfflineExecutor
from evals.executors.ray import RayExecutor
from evals.judges import EMBEDDED, Bench, EmbeddedModel, embedded_name, grader_name
from evals.prices import Spending, price_of
from evals.run import Run, Setup, score_run
from evals.runner import Progress, Runner, Work, jobs_of
from evals.variant import Thresholds, Variant

STORE = Path("data/evals/replies.db")
RECORDINGS = Path(__file__).with_name("recordings")
TYPICAL_OUT = 1200  # tokens that a section's verdicts take, as long as no reply of the model is on file
SPEAKING = 8  # utterances of a model at once
CHARACTERS_A_TOKEN = 4.0  # of English text, for a preview before the endpoint has counted


def open_store(path: Path = STORE, recordings: Path = RECORDINGS) -> ReplyStore:
    """The local store, with every committed recording in it."""
    store = ReplyStore(path)
    for file in sorted(recordings.glob("*.jsonl")):
        store.read(file)
    return store


def calm_collector() -> None:
    """Let Python look for reference cycles less often. A run keeps tens of thousands of verdicts, which have none; looking through all of
    them again and again takes a tenth of its time."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


@dataclass(frozen=True)
class Preview:
    """What a run is going to ask for, before anything is spent. `cost` is None when the model's price is not known."""

    gradings: int
    on_file: int
    calls: int
    usage: Usage
    cost: float | None


def preview(runner: Runner, setup: Setup) -> Preview:
    """The missing calls that are known now; criteria that have to be asked again come on top."""
    missing = list(runner.work.missing.values())
    usage = Usage(round(sum(request.characters for request in missing) / CHARACTERS_A_TOKEN), TYPICAL_OUT * len(missing))
    free = setup.model == EMBEDDED
    price = price_of(setup.model)
    waiting = sum(len(jobs) for jobs in runner.work.waiting.values())
    done = len(runner.work.results)
    cost = 0.0 if free else price.cost(usage) if price else None
    return Preview(done + waiting, done, len(missing), Usage() if free else usage, cost)


@dataclass(frozen=True)
class Inputs:
    """What a run depends on, beside the replies."""

    variant: Variant
    dataset: Dataset
    library: Library


@dataclass(frozen=True)
class Evaluation:
    """A run in the making."""

    setup: Setup
    inputs: Inputs
    store: ReplyStore
    runner: Runner

    async def fill(
        self, executor: Executor, progress: Progress = lambda work: None, shard: tuple[int, int] = (1, 1), most: float | None = None
    ) -> Work:
        """Get what is missing; stop when the calls have cost `most` US dollars."""
        price = price_of(self.setup.model)
        if most is None or price is None:
            return await self.runner.fill(executor, self.store, progress, shard)
        spending = Spending(price, most)

        def enough(digest: str) -> bool:
            kept = self.store.find(digest)
            return kept is not None and spending.enough(kept.usage)

        return await self.runner.fill(executor, self.store, progress, shard, enough)

    @property
    def grader(self) -> str:
        """The grader's name with all that its verdicts depend on."""
        return grader_name(self.setup.model, self.inputs.library, self.inputs.variant.thresholds)

    def scored(self) -> Run:
        """The run, as far as it was graded."""
        inputs = self.inputs
        return score_run(self.setup, inputs.variant, inputs.dataset, inputs.library, self.runner.work, self.store, self.grader)


async def prepare(setup: Setup, inputs: Inputs, store: ReplyStore) -> Evaluation:
    """Plan a run: grade what the store can answer, and know what is missing."""
    unknown = sorted(set(setup.sections) - {section.id for section in inputs.library.sections})
    if unknown:
        raise ConfigurationError(f"There is no section {', '.join(unknown)}.")

    @functools.cache
    def estimator() -> Estimator:
        return readers(inputs.library, Encoder())[1]

    def graders(work: Work, trial: int) -> Grader:
        bench = Bench(inputs.library, inputs.variant, setup.model, store, work.failures, work.asked, estimator, setup.elsewhere)
        return bench.grader(trial)

    jobs = jobs_of(inputs.dataset, setup.trials, setup.sections)
    if not jobs:
        raise ConfigurationError(f"No case of {setup.cases} reached section {', '.join(setup.sections)}: there is nothing to grade.")
    runner = Runner(graders, jobs)
    await runner.plan()
    return Evaluation(setup, inputs, store, runner)


def model_factory(setup: Setup, variant: Variant, settings: Settings) -> ModelFactory:
    """Makes the model that a run asks; picklable, so that a worker elsewhere can make its own."""
    if setup.model == EMBEDDED:
        return functools.partial(embedded_model, settings.corpus, variant.thresholds)
    return functools.partial(endpoint_model, settings, setup.model)


def embedded_model(corpus: Path | None, thresholds: Thresholds) -> FillingModel:
    """The embedded grader; loads the encoder."""
    library = load_library(corpus)
    _, estimator = readers(library, Encoder())
    estimator.warm()
    return EmbeddedModel(embedded_name(library, thresholds), library, estimator, thresholds)


def endpoint_model(settings: Settings, model: str) -> OpenAIChatModel:
    """A model at the configured endpoint; who fills many requests retries by himself."""
    made = endpoint(settings, model, retries=0)
    assert made is not None
    return made


@contextmanager
def executing(name: str, factory: ModelFactory, in_flight: int = IN_FLIGHT, store: Path = STORE) -> Iterator[Executor]:
    """The executor of this name; a batch's ledger is kept beside the store. Ray's workers are given back at the end."""
    if name == "none":
        yield OfflineExecutor()
    elif name == "async":
        model = factory()
        local = not isinstance(model, OpenAIChatModel)  # more at once than there are processors only wait for each other
        yield ConcurrentExecutor(model, min(in_flight, os.cpu_count() or 1) if local else in_flight)
    elif name == "batch":
        model = factory()
        if not isinstance(model, OpenAIChatModel):
            raise ConfigurationError("The embedded grader knows no Batch API: use --executor async, or ray.")
        yield BatchExecutor(model, store.with_suffix(".batches.db"))
    elif name == "ray":
        with RayExecutor(factory, workers=os.cpu_count() or 1) as executor:
            yield executor
    else:
        raise ConfigurationError(f"There is no executor {name!r}. Known: none, async, batch, ray.")


def missing_lines(evaluation: Evaluation) -> list[str]:
    """What has no recording: case, section and trial."""
    jobs = [(job.case, job.section, job.trial) for jobs in evaluation.runner.work.waiting.values() for job in jobs]
    return [f"{case} section {section}" + (f" trial {trial + 1}" if evaluation.setup.trials > 1 else "") for case, section, trial in sorted(jobs)]


async def conducted(dataset: Dataset, variant: Variant, model: str, executor: str, store: ReplyStore, settings: Settings) -> tuple[list[Next], int]:
    """The next utterance at every position of every case, and how many of a model's are not recorded."""
    if executor not in ("none", "async"):
        raise ConfigurationError(f"The executor {executor!r} cannot stream words. Use none or async.")
    parts = assemble(settings.speaking(None))
    parts.warm()
    context = parts.context(ManualClock())
    if model != EMBEDDED:
        assert isinstance(parts.interviewer, EmbeddedInterviewer)
        recorded = RecordedChatModel(model, store, endpoint(settings, model) if executor == "async" else None)
        speaker = ModelInterviewer(recorded, parts.interviewer, variant.prompts, parts.library, parts.retriever)
        context = replace(context, interviewer=speaker)
    conductor, gate = Conductor(parts.library, context), asyncio.Semaphore(SPEAKING)

    async def spoken(position: Position) -> Next | None:
        async with gate:
            return await conductor.next(position)

    positions = [position for case in dataset for position in conductor.positions(case)]
    rows = await asyncio.gather(*map(spoken, positions))
    return [row for row in rows if row is not None], sum(row is None for row in rows)
