"""`async`, the default: many requests in flight at once, as many as the endpoint bears."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence

from agent.errors import InterviewError, MalformedReply, ModelUnavailable
from agent.recorded import FillingModel, record
from agent.replies import ReplyStore, Request
from evals.executors import Outcome

IN_FLIGHT = 32
TRIES = 5  # of one request that fails for a passing reason
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 60.0  # seconds before a try, doubled each time


class ConcurrentExecutor:
    """Asks a model for many replies at once. Fewer are in flight while it pushes back (429, 5xx), and slowly more again."""

    name = "async"

    def __init__(self, model: FillingModel, in_flight: int = IN_FLIGHT) -> None:
        self._model = model
        self.limit = Limit(in_flight)

    async def fill(self, requests: Sequence[Request], store: ReplyStore) -> AsyncIterator[Outcome]:
        """An outcome a request, as they come."""
        waiting = iter(requests)
        running: set[asyncio.Task[Outcome]] = set()
        try:
            while True:
                while len(running) < self.limit.now and (request := next(waiting, None)) is not None:
                    running.add(asyncio.create_task(self._one(request, store)))
                if not running:
                    return
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    yield task.result()
        finally:
            for task in running:
                task.cancel()

    async def _one(self, request: Request, store: ReplyStore) -> Outcome:
        assert request.form is not None, "a run asks for forms only"
        pause = FIRST_PAUSE
        for tried in range(1, TRIES + 1):
            try:
                await record(self._model, request, request.form, store)
                self.limit.well()
                return Outcome(request.digest)
            except MalformedReply as error:
                return Outcome(request.digest, error)
            except ModelUnavailable as error:
                if not error.transient or tried == TRIES:
                    return Outcome(request.digest, error)
                self.limit.pushed_back()
                await asyncio.sleep(min(LONGEST_PAUSE, max(error.retry_after, pause * random.uniform(0.75, 1.25))))
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
        self._well = 0

    def well(self) -> None:
        """A request went well."""
        self._well += 1
        if self._well >= self.now:
            self._well, self.now = 0, min(self._most, self.now + 1)

    def pushed_back(self) -> None:
        """The endpoint asked for less. What fails together counts once: the rest were in flight already."""
        if self._well > 0 or self.now == self._most:
            self._well, self.now = 0, max(1, self.now // 2)
