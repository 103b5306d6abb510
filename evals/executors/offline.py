"""`none`: asks nobody. Every request stays missing; the run ends and names the recordings that are needed."""

from collections.abc import AsyncGenerator, Sequence

from agent.replies import ReplyStore, Request
from evals.executors import Outcome


class OfflineExecutor:
    """Leaves every request as it is."""

    name = "none"

    async def fill(self, requests: Sequence[Request], store: ReplyStore) -> AsyncGenerator[Outcome]:
        """Nothing."""
        for _ in ():
            yield Outcome("")
