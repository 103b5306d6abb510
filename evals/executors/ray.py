"""`ray`: workers on a Ray cluster, for grading that is heavy on the processor, or for judges that are served beside the workers."""

import asyncio
import logging
import os
from collections import deque
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from agent.errors import ConfigurationError, ModelUnavailable
from agent.replies import Kept, Rejected, ReplyStore, Request
from evals.executors import ModelFactory, Outcome
from evals.executors.concurrent import ConcurrentExecutor

CHUNK = 32  # requests that a worker gets at a time, and has in flight at its model
RETRIES = 2  # of a chunk whose worker died


@dataclass
class Answers(ReplyStore):
    """What a worker found out: a store that keeps nothing but what is put in, to be sent to the driver."""

    kept: list[Kept] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)

    def keep(self, reply: Kept) -> None:
        """Note a validated reply."""
        self.kept.append(reply)

    def reject(self, reply: Rejected) -> None:
        """Note a reply that did not fit."""
        self.rejected.append(reply)

    def put(self, store: ReplyStore) -> None:
        """Into a store on file."""
        for rejected in self.rejected:
            store.reject(rejected)
        for kept in self.kept:
            store.keep(kept)


class Worker:
    """An actor: its own model, which loads once, and chunks of requests one after another."""

    def __init__(self, factory: ModelFactory) -> None:
        self._model = factory()

    async def fill(self, requests: Sequence[Request]) -> Answers:
        """The replies to a chunk. Passing failures are tried again here."""
        answers = Answers()
        async for outcome in ConcurrentExecutor(self._model, len(requests)).fill(requests, answers):
            answers.outcomes.append(outcome)
        return answers


class RayExecutor:
    """Deals chunks of requests to workers. Only the driver writes to the store.

    A worker has one chunk at a time, so never more than `workers` chunks are under way, however slowly outcomes are taken. Ray
    starts a dead worker anew and gives it its chunk again. Without an `address` or a cluster that is connected to already, a
    cluster starts on this machine. `close` (or leaving the `with`) gives workers and cluster back.
    """

    name = "ray"

    def __init__(self, factory: ModelFactory, workers: int = 2, chunk: int = CHUNK, cpus: float = 1.0, address: str | None = None) -> None:
        if workers < 1 or chunk < 1:
            raise ConfigurationError(f"Ray needs at least one worker and one request a chunk, not {workers} and {chunk}.")
        self._factory, self._count, self._chunk, self._cpus, self._address = factory, workers, chunk, cpus, address
        self._ray = _ray()
        self._started = False
        self._workers: list[Any] = []

    async def fill(self, requests: Sequence[Request], store: ReplyStore) -> AsyncGenerator[Outcome]:
        """An outcome a request, chunk by chunk as they come."""
        chunks = _chunks(requests, self._chunk)
        idle = deque(await asyncio.to_thread(self._crew))
        busy: dict[asyncio.Task[Answers], Any] = {}
        try:
            while True:
                while idle and (chunk := next(chunks, None)):
                    worker = idle.popleft()
                    busy[asyncio.create_task(self._one(worker, chunk))] = worker
                if not busy:
                    return
                done, _ = await asyncio.wait(busy, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    idle.append(busy.pop(task))
                    answers = task.result()
                    answers.put(store)
                    for outcome in answers.outcomes:
                        yield outcome
        finally:
            for task in busy:
                task.cancel()
            await asyncio.gather(*busy, return_exceptions=True)

    async def _one(self, worker: Any, chunk: Sequence[Request]) -> Answers:
        try:
            answers: Answers = await worker.fill.remote(chunk)
        except self._ray.exceptions.RayError as error:
            failure = ModelUnavailable(f"A worker failed with this chunk {RETRIES + 1} times or cannot start. {_reason(error)}")
            return Answers(outcomes=[Outcome(request.digest, failure) for request in chunk])
        return answers

    def _crew(self) -> list[Any]:
        """The workers; the first call starts them."""
        if not self._workers:
            self._connect()
            actor = self._ray.remote(num_cpus=self._cpus, max_restarts=-1, max_task_retries=RETRIES)(Worker)
            self._workers = [actor.remote(self._factory) for _ in range(self._count)]
        return self._workers

    def _connect(self) -> None:
        if self._ray.is_initialized():
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would tell its makers about every cluster
        own = {"num_cpus": max(1, round(self._count * self._cpus)), "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
        try:
            self._ray.init(address=self._address or "local", log_to_driver=False, logging_level=logging.ERROR, **({} if self._address else own))
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise ConfigurationError(f"No Ray cluster at {self._address or 'this machine'}: {error}") from None
        self._started = True

    def close(self) -> None:
        """Give back what was started."""
        for worker in self._workers:
            self._ray.kill(worker)
        self._workers = []
        if self._started:
            self._ray.shutdown()
            self._started = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _ray() -> Any:
    try:
        import ray
    except ImportError:
        raise ConfigurationError("The executor `ray` needs Ray: pip install 'system-design-interviewer[ray]'") from None
    return ray


def _chunks(requests: Sequence[Request], size: int) -> Iterator[Sequence[Request]]:
    for start in range(0, len(requests), size):
        yield requests[start : start + size]


def _reason(error: Exception) -> str:
    """The last line that says something: Ray puts the worker's whole traceback into the message."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
