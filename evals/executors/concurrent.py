"""`async`, the default: many requests in flight at once, as many as the endpoint bears."""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence

from agent.errors import InterviewError, ModelUnavailable
from agent.recorded import FillingModel, record
from agent.replies import ReplyStore, Request
from evals.executors import Outcome

IN_FLIGHT = 32
TRIES = 5  # of one request that fails for a passing reason
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 120.0  # seconds before a try, doubled each time; who wants a longer one is not asked again


class ConcurrentExecutor:
    """Asks a model for many replies at once. Fewer are in flight while it pushes back (429, 5xx), and slowly more again."""

    name = "async"

    def __init__(self, model: FillingModel, in_flight: int = IN_FLIGHT) -> None:
        self._model = model
        self.limit = Limit(in_flight)

    async def fill(self, requests: Sequence[Request], store: ReplyStore) -> AsyncGenerator[Outcome]:
        """An outcome a request, as they come."""
        waiting = iter(requests)
        running: set[asyncio.Task[Outcome]] = set()
        done: asyncio.Queue[asyncio.Task[Outcome]] = asyncio.Queue()
        try:
            while True:
                while len(running) < self.limit.now and (request := next(waiting, None)) is not None:
                    task = asyncio.create_task(self._one(request, store))
                    task.add_done_callback(done.put_nowait)
                    running.add(task)
                if not running:
                    return
                finished = await done.get()
                running.remove(finished)
                yield finished.result()
                await asyncio.sleep(0)  # requests go out while the listener is busy with outcomes
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def _one(self, request: Request, store: ReplyStore) -> Outcome:
        assert request.form is not None, "a run asks for forms only"
        pause = FIRST_PAUSE
        for tried in range(1, TRIES + 1):
            window = self.limit.window
            try:
                await record(self._model, request, request.form, store)
                self.limit.well()
                return Outcome(request.digest)
            except ModelUnavailable as error:
                if error.transient:
                    self.limit.pushed_back(window)
                if not error.transient or tried == TRIES or error.retry_after > LONGEST_PAUSE:
                    return Outcome(request.digest, error)
                await asyncio.sleep(max(error.retry_after, pause * random.uniform(0.75, 1.25)))
                pause *= 2
            except InterviewError as error:
                return Outcome(request.digest, error)
        raise AssertionError("unreachable")


class Limit:
    """How many requests may be in flight: halved when the endpoint pushes back, one more after as many successes as it is now.

    Additive increase, multiplicative decrease (Chiu and Jain 1989), as in TCP: it settles near what the endpoint bears.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.now = most
        self.window = 0  # how often it was halved; a request takes the number along when it is sent
        self._well = 0

    def well(self) -> None:
        """A request went well."""
        self._well += 1
        if self._well >= self.now:
            self._well, self.now = 0, min(self._most, self.now + 1)

    def pushed_back(self, window: int) -> None:
        """The endpoint asked for less. What was sent before the limit was last halved counts no more: it was in flight already."""
        if window == self.window:
            self._well, self.now, self.window = 0, max(1, self.now // 2), window + 1
