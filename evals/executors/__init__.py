"""How missing replies are got: one small protocol, and an executor a file."""

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from agent.errors import InterviewError
from agent.recorded import FillingModel
from agent.replies import ReplyStore, Request

ModelFactory = Callable[[], FillingModel]


@dataclass(frozen=True)
class Outcome:
    """What became of one request: it is in the store now, or it failed."""

    digest: str
    failure: InterviewError | None = None


class Executor(Protocol):
    """Gets the replies to requests and puts them in a store."""

    name: str

    def fill(self, requests: Sequence[Request], store: ReplyStore) -> AsyncGenerator[Outcome]:
        """An outcome a request, as they come. What was killed half way is asked again by the next run, and nothing else is."""
        ...
