"""No network, no key, a clock that stands still: what every test shares."""

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.assembly import Parts, assemble
from agent.clock import ManualClock
from agent.desk import Desk
from agent.encoder import Encoder
from agent.library import Library, load_library
from agent.settings import Settings
from agent.store import EventStore
from tests.openai_server import OpenAIServer

DATA = Path(os.environ.get("AGENT_TEST_DATA", "data"))  # where the index of the shipped corpus is kept between runs
SLOW = {  # files that take longer than the rest together: other processes, whole interviews, training, every case of the gold set
    f"test_{name}.py"
    for name in (
        "attacking baseline candidate change cli evals_cli executors fact_reader grader importing model_interviewer play "
        "recorded replies retrieval runner statistics training"
    ).split()
}
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser's tests come last: its driver keeps an event loop running, in which no asynchronous test can run. Files that take long are
    marked, so that `make check` can leave them out."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
    for item in items:
        if item.path.name in SLOW:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(autouse=True, scope="session")
def _alone() -> Iterator[None]:
    """Nothing is asked of the network, and no key or endpoint of the developer's leaks into a test."""
    for name in list(os.environ):
        ours = name.startswith("AGENT_") and name not in ("AGENT_TEST_DATA", "AGENT_REQUIRE_BROWSER")
        if ours or name.startswith(("OPENAI_", "LANGSMITH_", "LANGCHAIN_")):
            del os.environ[name]
    real = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and isinstance(address, tuple) and address[0] not in LOOPBACK:
            raise AssertionError(f"a test tried to reach {address}")
        real(self, address)  # type: ignore[arg-type]

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def library() -> Library:
    return load_library()


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings(_env_file=None, data=DATA)


@pytest.fixture(scope="session")
def parts(settings: Settings) -> Parts:
    """The embedded interviewer and grader over the shipped corpus, warmed up."""
    made = assemble(settings)
    made.warm()
    return made


@pytest.fixture(scope="session")
def encoder(parts: Parts) -> Encoder:
    return parts.encoder


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(1000.0)


@pytest.fixture
def make_desk(tmp_path: Path, clock: ManualClock) -> Iterator[Callable[..., Desk]]:
    """Desks over one real SQLite file: a second one is a second server, or the same one after a crash."""
    stores: list[EventStore] = []

    def make(made: Parts, grace: float | None = None) -> Desk:
        stores.append(EventStore(f"sqlite:///{tmp_path / 'interviews.db'}"))
        return made.desk(stores[-1], clock, grace)

    yield make
    for store in stores:
        store.close()


@pytest.fixture(scope="session")
def running() -> Iterator[OpenAIServer]:
    with OpenAIServer() as server:
        yield server


@pytest.fixture
def server(running: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> OpenAIServer:
    """A server that speaks the OpenAI protocol, with nothing scripted yet; who waits for it to come back does not wait long."""
    monkeypatch.setattr("agent.llm.RETRY_PAUSE", 0.02)
    monkeypatch.setattr("agent.llm.TAIL", 0.2)
    monkeypatch.setattr("agent.model_interviewer.RETRY_PAUSE", 0.02)
    running.reset()
    return running
