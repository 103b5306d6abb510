"""How missing replies are got: many at once, by file, by workers, or not at all; and what is left when a process is killed."""

import asyncio
import contextlib
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.assembly import readers
from agent.encoder import Encoder
from agent.errors import ConfigurationError, InterviewError, MalformedReply, ModelUnavailable
from agent.grader import EmbeddedGrader
from agent.library import Library, load_library
from agent.llm import GRADED, Filled, Message, OpenAIChatModel
from agent.replies import ReplyStore, Request
from agent.schema import SectionResult, Transcript
from agent.scope import Assessment
from evals.dataset import SHIPPED
from evals.executors import Executor
from evals.executors.batch import BatchExecutor, Ledger
from evals.executors.concurrent import TRIES, ConcurrentExecutor, Limit
from evals.executors.offline import OfflineExecutor
from evals.executors.ray import RayExecutor
from evals.judges import EmbeddedModel, as_request
from evals.variant import Thresholds
from tests.batch_server import LOST, BatchServer, Line, Result, answers, not_run, refused
from tests.model_parts import Place
from tests.openai_server import Behaviour, Kept, OpenAIServer, fails, fills, says

ROOT = Path(__file__).parents[1]
LISBON = {"title": "Lisbon", "people": 545_000}


def places(count: int, first: int = 0) -> list[Request]:
    """Requests that differ in a number."""
    return [Request("test-model", (Message("user", f"Place number {n}?"),), GRADED, Place) for n in range(first, first + count)]


def number(asked: Kept | Line) -> int:
    """The number in a request, as the server got it."""
    body = asked.body if isinstance(asked, Kept) else asked["body"]
    return int(body["messages"][-1]["content"].split()[2].rstrip("?")) if len(body["messages"]) == 1 else -1


async def filled(executor: Executor, requests: Sequence[Request], store: ReplyStore) -> dict[str, InterviewError | None]:
    """Digest -> failure, of every outcome; none comes twice."""
    found = [outcome async for outcome in executor.fill(requests, store)]
    assert len({outcome.digest for outcome in found}) == len(found)
    return {outcome.digest: outcome.failure for outcome in found}


def missing(requests: Sequence[Request], store: ReplyStore) -> list[Request]:
    return [request for request in requests if store.find(request.digest) is None]


@pytest.fixture
def store() -> Iterator[ReplyStore]:
    kept = ReplyStore()
    yield kept
    kept.close()


# --- a process of its own, to be killed --------------------------------------------------------------------------


async def run_alone(kind: str, url: str, folder: str, count: str) -> None:
    """What the subprocess does: ask for what its store does not hold, and say how it went."""
    store = ReplyStore(Path(folder) / "replies.db")
    model = OpenAIChatModel("test-model", url, "key", timeout=20.0, retries=0)
    executor: Executor = ConcurrentExecutor(model, in_flight=4)
    if kind == "batch":
        executor = BatchExecutor(model, Path(folder) / "batches.db", poll=0.02, most_lines=4, settled=0.0)
    found = await filled(executor, missing(places(int(count)), store), store)
    print(json.dumps({"outcomes": len(found), "failures": sorted({str(failure) for failure in found.values() if failure})}))


def started(kind: str, server: OpenAIServer, folder: Path, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.test_executors", kind, server.url, str(folder), str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def seen_through(process: subprocess.Popen[str]) -> dict[str, Any]:
    said, complaint = process.communicate(timeout=60)
    assert process.returncode == 0, complaint
    report: dict[str, Any] = json.loads(said)
    return report


class Killer:
    """Kills a process with SIGKILL at the first call, and waits until it is gone."""

    def __init__(self, verdict: str = "") -> None:
        self.victim: subprocess.Popen[str] | None = None
        self.ready, self.done = threading.Event(), threading.Event()
        self._verdict = verdict

    def __call__(self) -> str:
        assert self.ready.wait(20)
        if self.victim is not None and not self.done.is_set():
            self.victim.kill()
            self.victim.wait(10)
            self.done.set()
            return self._verdict
        return ""

    def kills(self, process: subprocess.Popen[str]) -> None:
        """Run a process to its death."""
        self.victim = process
        self.ready.set()
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL and self.done.wait(10)


# --- nobody is asked ---------------------------------------------------------------------------------------------


async def test_offline_leaves_every_request_missing(store: ReplyStore) -> None:
    assert await filled(OfflineExecutor(), places(3), store) == {}
    assert len(store) == 0


# --- many at once ------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def plain_model(server: OpenAIServer):
    """A model that leaves trying again to the executor, as a run uses it."""
    model = OpenAIChatModel("test-model", server.url, "key", timeout=5.0, retries=0)
    try:
        yield model
    finally:
        await model.close()


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evals.executors.concurrent.FIRST_PAUSE", 0.02)
    monkeypatch.setattr("evals.executors.batch.FIRST_PAUSE", 0.02)


@pytest.mark.usefixtures("_impatient")
async def test_on_a_bad_day_every_request_ends_in_an_outcome(server: OpenAIServer, store: ReplyStore) -> None:
    def bad_day(request: Kept) -> Behaviour:
        nth = len(server.requests)
        if nth % 20 == 7:
            return fails(429, retry_after_ms=40)
        if nth % 20 == 14:
            return fails(500)
        return says("Somewhere.") if "number 9" in request.text else fills(LISBON)  # 9, 90 to 99 and so on: no form, however often

    requests = places(200)
    lost = {request.digest for request in requests if "number 9" in request.messages[0].content}
    assert len(lost) == 11
    server.always = bad_day
    async with plain_model(server) as model:
        executor = ConcurrentExecutor(model, in_flight=8)
        limits = set()
        found: dict[str, InterviewError | None] = {}
        async for outcome in executor.fill(requests, store):
            limits.add(executor.limit.now)
            found[outcome.digest] = outcome.failure
        assert found.keys() == {request.digest for request in requests}
        assert {digest for digest, failure in found.items() if failure} == lost
        assert all(isinstance(found[digest], MalformedReply) and store.rejections(digest) >= 2 for digest in lost)
        assert len(store) == 189 and min(limits) < 8 and len(limits) > 2
        server.always = fills(LISBON)
        await filled(executor, places(50, first=1000), store)
        assert executor.limit.now == 8


@pytest.mark.usefixtures("_impatient")
async def test_an_endpoint_that_stays_away_is_asked_a_few_times_and_each_request_fails(server: OpenAIServer, store: ReplyStore) -> None:
    server.always = fails(503)
    async with plain_model(server) as model:
        found = await filled(ConcurrentExecutor(model), places(2), store)
    assert all(isinstance(failure, ModelUnavailable) for failure in found.values()) and len(found) == 2
    assert len(server.requests) == 2 * TRIES


async def test_the_endpoints_pause_is_kept_and_one_that_is_too_long_is_not_waited_for(server: OpenAIServer, store: ReplyStore) -> None:
    server.script(fails(429, retry_after=1), fails(429, retry_after=3600))
    server.always = fills(LISBON)
    began = time.monotonic()
    async with plain_model(server) as model:
        assert None not in (await filled(ConcurrentExecutor(model), places(1), store)).values()
    assert 0.99 < time.monotonic() - began < 5.0
    assert len(server.requests) == 2


async def test_a_wrong_key_is_asked_about_once_a_request(server: OpenAIServer, store: ReplyStore) -> None:
    server.always = fails(401)
    async with plain_model(server) as model:
        found = await filled(ConcurrentExecutor(model), places(3), store)
    assert len(server.requests) == len(found) == 3


def test_a_burst_of_refusals_halves_the_limit_once_however_successes_lie_between() -> None:
    limit = Limit(32)
    sent = limit.window
    for _ in range(4):
        limit.pushed_back(sent)
        limit.well()
    assert limit.now == 16
    limit.pushed_back(limit.window)
    assert limit.now == 8
    for _ in range(8):
        limit.well()
    assert limit.now == 9


async def test_leaving_a_run_leaves_no_request_behind(server: OpenAIServer, store: ReplyStore) -> None:
    server.script(fills(LISBON))
    server.always = Behaviour(before=60.0)
    async with plain_model(server) as model:
        async with contextlib.aclosing(ConcurrentExecutor(model, 4).fill(places(9), store)) as outcomes:
            assert (await anext(outcomes)).failure is None
        assert len(asyncio.all_tasks()) == 1
    for request in server.requests[1:]:
        assert await asyncio.to_thread(request.hung_up.wait, 5)


def test_a_run_that_is_killed_half_way_repeats_no_call_that_was_finished(server: OpenAIServer, tmp_path: Path) -> None:
    killer = Killer()
    server.always = lambda _: (killer() if len(server.requests) >= 30 else None, fills(LISBON))[1]
    killer.kills(started("async", server, tmp_path, 60))
    store = ReplyStore(tmp_path / "replies.db")
    finished = {n for n, request in enumerate(places(60)) if store.find(request.digest)}
    assert 20 <= len(finished) <= 30
    assert seen_through(started("async", server, tmp_path, 60)) == {"outcomes": 60 - len(finished), "failures": []}
    calls = Counter(number(request) for request in server.requests)
    assert len(store) == len(calls) == 60
    assert {calls[n] for n in finished} == {1}
    assert sum(calls.values()) <= 60 + 4  # what was in flight
    store.close()


# --- by file -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def batch_server() -> Iterator[BatchServer]:
    with BatchServer() as running:
        yield running


@pytest.fixture
def batches(batch_server: BatchServer) -> BatchServer:
    batch_server.reset()
    return batch_server


Made = Callable[..., BatchExecutor]


@pytest.fixture
async def by_batch(batches: BatchServer, tmp_path: Path, _impatient: None):
    model = OpenAIChatModel("test-model", batches.url, "key", timeout=5.0, retries=0)
    yield partial(BatchExecutor, model, tmp_path / "batches.db", poll=0.01, settled=0.0)
    await model.close()


async def test_a_batch_goes_there_and_back(batches: BatchServer, by_batch: Made, store: ReplyStore) -> None:
    batches.reply = lambda line: answers({"title": f"Place\u2028{number(line)}", "people": number(line)})
    requests = places(5)
    assert await filled(by_batch(), requests, store) == {request.digest: None for request in requests}
    kept = [store.find(request.digest) for request in requests]
    assert [Place.model_validate_json(reply.answer).people for reply in kept if reply] == [0, 1, 2, 3, 4]
    assert all(reply and (reply.usage.tokens_in, reply.usage.tokens_out, reply.model) == (100, 20, "test-model") for reply in kept)
    (batch,) = batches.batches
    assert [line["custom_id"] for line in batch.lines] == [request.digest for request in requests]
    assert {(line["method"], line["url"], line["body"]["model"]) for line in batch.lines} == {("POST", "/v1/chat/completions", "test-model")}
    assert batch.lines[0]["body"]["response_format"]["json_schema"]["strict"] and batch.looks == 2


async def test_many_requests_go_in_several_files_and_none_twice(batches: BatchServer, by_batch: Made, store: ReplyStore) -> None:
    requests = places(10)
    await filled(by_batch(most_lines=4), requests, store)
    assert [len(batch.lines) for batch in batches.batches] == [4, 4, 2]
    assert batches.submitted == [request.digest for request in requests]


async def test_a_file_is_no_larger_than_may_be(batches: BatchServer, by_batch: Made, store: ReplyStore) -> None:
    await filled(by_batch(), places(1), store)
    one = len(batches.files[batches.batches[0].file])
    await filled(by_batch(most_bytes=2 * one), places(5, first=1), store)  # every line is as long as the first
    assert [len(batch.lines) for batch in batches.batches] == [1, 2, 2, 1]
    assert all(len(batches.files[batch.file]) <= 2 * one for batch in batches.batches)
    await filled(by_batch(most_bytes=1), places(2, first=6), store)  # one that is too long by itself: the provider will say so
    assert [len(batch.lines) for batch in batches.batches[4:]] == [1, 1]


async def test_lines_that_fail_stay_missing_and_can_be_asked_again(batches: BatchServer, by_batch: Made, store: ReplyStore) -> None:
    fate = {
        1: refused(400, "max_tokens is not supported with this model"),
        2: not_run("batch_expired", "The window is over."),
        3: Result(absent=True),
        4: Result(raw="this is no JSON"),
        5: answers("", finish_reason="length"),
        6: Result("a text where an object should be"),
    }
    batches.reply = lambda line: fate.get(number(line), answers(LISBON))
    requests = places(7)
    found = await filled(by_batch(), requests, store)
    told = [str(found[request.digest]) for request in requests]
    wanted = [
        "None",
        "max_tokens is not supported",
        "The window is over",
        "without this reply",
        "without this reply",
        "did not finish",
        "without content",
    ]
    assert all(part in text for part, text in zip(wanted, told, strict=True)), told
    assert all(isinstance(failure, ModelUnavailable) for failure in found.values() if failure)
    assert missing(requests, store) == requests[1:]
    batches.reply = lambda line: answers(LISBON)
    assert set((await filled(by_batch(), requests[1:], store)).values()) == {None}
    assert Counter(batches.submitted) == Counter([requests[0].digest] + 2 * [request.digest for request in requests[1:]])


async def test_a_malformed_reply_is_put_apart_and_counted(batches: BatchServer, by_batch: Made, store: ReplyStore) -> None:
    batches.reply = lambda line: answers({"title": "Lisbon", "people": "many"} if number(line) == 1 else LISBON)
    requests = places(2)
    found = await filled(by_batch(), requests, store)
    assert found[requests[0].digest] is None and isinstance(found[requests[1].digest], MalformedReply)
    assert store.find(requests[1].digest) is None and store.rejections(requests[1].digest) == 1
    await filled(by_batch(), requests[1:], store)
    assert store.rejections(requests[1].digest) == 2 and len(batches.submitted) == 3


@pytest.mark.parametrize("ending", ["expired", "cancelled"])
async def test_a_batch_that_ends_early_gives_what_it_has(batches: BatchServer, by_batch: Made, store: ReplyStore, ending: str) -> None:
    batches.ends = ending
    batches.reply = lambda line: answers(LISBON) if number(line) < 2 else not_run(f"batch_{ending}", "It was too late.")
    requests = places(4)
    found = await filled(by_batch(), requests, store)
    assert missing(requests, store) == requests[2:]
    assert [str(found[request.digest]) for request in requests[2:]] == ["The batch brought no response for this request. It was too late."] * 2


async def test_a_batch_that_fails_at_validation_says_why_and_is_submitted_again_by_the_next_run(
    batches: BatchServer, by_batch: Made, store: ReplyStore
) -> None:
    batches.ends, batches.faults = "failed", ["Enqueued token limit reached."]
    requests = places(2)
    found = await filled(by_batch(), requests, store)
    assert all(failure and "ended as failed" in str(failure) and "Enqueued token limit" in str(failure) for failure in found.values())
    batches.ends, batches.faults = "completed", []
    assert set((await filled(by_batch(), requests, store)).values()) == {None}


async def test_a_run_that_asks_for_a_part_leaves_the_rest_of_a_batch_for_later(batches: BatchServer, by_batch: Made, store: ReplyStore) -> None:
    requests = places(6)
    async with contextlib.aclosing(by_batch().fill(requests, store)) as outcomes:
        assert (await anext(outcomes)).failure is None  # and the run is left
    assert len(store) == 1
    await filled(by_batch(), requests[3:], store)
    assert missing(requests, store) == requests[1:3]
    await filled(by_batch(), requests[1:3], store)
    assert missing(requests, store) == [] and len(batches.submitted) == 6


async def test_a_provider_that_is_away_for_a_moment_is_asked_again(batches: BatchServer, by_batch: Made, store: ReplyStore) -> None:
    batches.failing = [503, 429]
    batches.at["created"] = lambda: batches.failing.extend([500, 503])
    assert set((await filled(by_batch(), places(2), store)).values()) == {None}
    assert len(batches.submitted) == 2


async def test_a_provider_that_stays_away_fails_every_request_and_nothing_is_lost(batches: BatchServer, by_batch: Made, store: ReplyStore) -> None:
    requests = places(2)
    batches.failing = [401]
    assert all("check OPENAI_API_KEY" in str(failure) for failure in (await filled(by_batch(), requests, store)).values())
    batches.failing = []
    batches.at["created"] = lambda: batches.failing.extend([503] * 5)
    found = await filled(by_batch(), requests, store)
    assert all("cannot be read" in str(failure) and "batches.db" in str(failure) for failure in found.values()) and len(found) == 2
    batches.failing = []
    assert set((await filled(by_batch(), requests, store)).values()) == {None}
    assert batches.submitted == [request.digest for request in requests]


async def test_a_creation_whose_answer_is_lost_is_looked_for_and_not_repeated(batches: BatchServer, by_batch: Made, store: ReplyStore) -> None:
    requests = places(5)
    model = OpenAIChatModel("test-model", batches.url, "key", timeout=0.3, retries=0)
    hasty = BatchExecutor(model, by_batch.args[1], poll=0.01, most_lines=2, settled=0.0)  # type: ignore[attr-defined]
    batches.creation = 0.5
    assert {type(failure) for failure in (await filled(hasty, requests, store)).values()} == {ModelUnavailable}
    await model.close()
    await asyncio.sleep(0.5)
    batches.creation = 0.0
    assert len(batches.batches) == 3 and all(not batch.looks for batch in batches.batches)
    assert set((await filled(by_batch(), requests, store)).values()) == {None}
    assert Counter(batches.submitted) == Counter(request.digest for request in requests)


async def test_an_unsettled_batch_that_cannot_be_looked_for_is_not_submitted_again(batches: BatchServer, by_batch: Made, store: ReplyStore) -> None:
    requests = places(2)
    batches.at["create"] = lambda: LOST
    await filled(by_batch(), requests, store)
    batches.at, batches.failing = {}, [403]
    assert all("may not be used" in str(failure) for failure in (await filled(by_batch(), requests, store)).values())
    assert batches.submitted == []
    assert set((await filled(by_batch(), requests, store)).values()) == {None}
    assert len(batches.submitted) == 2


KILLED_AT = {
    "before the file is there": ("upload", LOST),
    "between upload and creation": ("uploaded", ""),
    "while the creation is lost": ("create", LOST),
    "between creation and its answer": ("created", ""),
    "between creation and collection": ("retrieve", ""),
    "while the output is fetched": ("content", ""),
}


@pytest.mark.parametrize(("moment", "verdict"), KILLED_AT.values(), ids=KILLED_AT)
def test_a_process_that_is_killed_submits_nothing_twice(batches: BatchServer, tmp_path: Path, moment: str, verdict: str) -> None:
    killer = Killer(verdict)
    batches.at[moment] = killer
    killer.kills(started("batch", batches, tmp_path, 6))  # two files
    assert seen_through(started("batch", batches, tmp_path, 6)) == {"outcomes": 6, "failures": []}
    assert Counter(batches.submitted) == Counter(request.digest for request in places(6))
    store = ReplyStore(tmp_path / "replies.db")
    assert missing(places(6), store) == []
    store.close()


async def test_a_batch_that_shows_up_late_is_waited_for(batches: BatchServer, by_batch: Made, store: ReplyStore, tmp_path: Path) -> None:
    killer = Killer()
    batches.at["create"], batches.creation = killer, 1.5
    killer.kills(started("batch", batches, tmp_path, 3))
    batches.creation = 0.0
    assert batches.batches == []  # it is on its way
    assert set((await filled(by_batch(settled=3.0), places(3), store)).values()) == {None}
    assert batches.calls.count("POST /v1/batches") == 1
    assert Counter(batches.submitted) == Counter(request.digest for request in places(3))


async def test_a_reply_that_was_rejected_before_the_kill_counts_once(batches: BatchServer, by_batch: Made, store: ReplyStore) -> None:
    batches.reply = lambda line: answers("no form")
    requests = places(3)
    async with contextlib.aclosing(by_batch().fill(requests, store)) as outcomes:
        await anext(outcomes)
        await anext(outcomes)
    assert len(await filled(by_batch(), requests, store)) == 3
    assert [store.rejections(request.digest) for request in requests] == [1, 1, 1]
    assert len(batches.submitted) == 3


async def test_two_runs_cannot_hold_one_ledger(batches: BatchServer, by_batch: Made, store: ReplyStore, tmp_path: Path) -> None:
    with Ledger(tmp_path / "batches.db"), pytest.raises(ConfigurationError, match="Wait for the run that holds it"):
        await filled(by_batch(), places(1), store)
    assert batches.calls == []


async def test_a_file_that_is_no_ledger_is_refused(by_batch: Made, store: ReplyStore, tmp_path: Path) -> None:
    (tmp_path / "batches.db").write_text("this is no database, and long enough for SQLite to look at its header twice " * 20)
    with pytest.raises(ConfigurationError, match="Move it away"):
        await filled(by_batch(), places(1), store)


# --- by workers --------------------------------------------------------------------------------------------------


def embedded_model() -> Any:
    """What a worker grades with."""
    library = load_library()
    return EmbeddedModel("embedded@test", library, readers(library, Encoder())[1], Thresholds())


class Frail:
    """A model whose process dies at a place that it cannot bear: once, or whenever it is asked for it. It notes what it is asked."""

    name = "test-model"

    def __init__(self, folder: Path, once: int, always: int) -> None:
        self._folder, self._once, self._always = folder, once, always

    async def fill(self, messages: Sequence[Message], form: Any) -> Filled[Any]:
        """The place's number as its people; 5 is malformed."""
        asked = int(messages[0].content.split()[2].rstrip("?"))
        seen = self._folder / str(asked)
        if asked == self._always or (asked == self._once and not seen.exists()):
            seen.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        seen.touch()
        if asked == 5:
            raise MalformedReply("It does not fit.", "five")
        return Filled(Place(title="There", people=asked))


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR, _node_ip_address="127.0.0.1")
    yield
    ray.shutdown()


@pytest.mark.ray
async def test_workers_grade_as_this_process_does(library: Library, store: ReplyStore) -> None:
    transcript = Transcript.model_validate(yaml.safe_load((SHIPPED / "transcripts" / "url-shortener-a.yaml").read_text()))
    asked = [Assessment(transcript, section) for section in ("1", "4")]
    requests = [as_request("embedded@test", assessment) for assessment in asked]
    grader = EmbeddedGrader(library, readers(library, Encoder())[1])

    async def here() -> list[SectionResult]:
        return [await grader.grade(assessment) for assessment in asked]

    with RayExecutor(embedded_model, workers=1, chunk=2) as executor:  # a cluster of its own
        found, graded = await asyncio.gather(filled(executor, requests, store), here())
    assert found == {request.digest: None for request in requests}
    for request, result in zip(requests, graded, strict=True):
        kept = store.find(request.digest)
        assert kept and SectionResult.model_validate_json(kept.answer) == result and result.verdicts
        assert kept.model == "embedded@test"


@pytest.mark.ray
@pytest.mark.usefixtures("cluster")
async def test_a_dead_workers_chunk_is_tried_again_and_one_that_kills_every_worker_fails(store: ReplyStore, tmp_path: Path) -> None:
    requests = places(12)
    with RayExecutor(partial(Frail, tmp_path, once=1, always=10), workers=2, chunk=2) as executor:
        found = await filled(executor, requests, store)
    assert len(found) == 12 and len(store) == 9
    failed = {n: found[request.digest] for n, request in enumerate(requests) if found[request.digest]}
    assert failed.keys() == {5, 10, 11}  # 11 shares the chunk of 10
    assert isinstance(failed[5], MalformedReply) and store.rejections(requests[5].digest) == 1
    assert all(isinstance(failed[n], ModelUnavailable) and "3 times" in str(failed[n]) for n in (10, 11))


@pytest.mark.ray
@pytest.mark.usefixtures("cluster")
async def test_no_more_chunks_are_under_way_than_there_are_workers_however_slowly_outcomes_are_taken(store: ReplyStore, tmp_path: Path) -> None:
    with RayExecutor(partial(Frail, tmp_path, once=-1, always=-1), workers=2, chunk=3) as executor:
        async with contextlib.aclosing(executor.fill(places(60, first=10), store)) as outcomes:
            await anext(outcomes)
            await asyncio.sleep(0.5)
            assert 3 <= len(os.listdir(tmp_path)) <= 6


def no_model() -> Any:
    raise ConfigurationError("There is no such model.")


@pytest.mark.ray
@pytest.mark.usefixtures("cluster")
async def test_workers_that_cannot_start_say_why(store: ReplyStore) -> None:
    with RayExecutor(no_model, workers=1) as executor:
        found = await filled(executor, places(2), store)
    assert len(found) == 2 and all("There is no such model." in str(failure) for failure in found.values())


def test_without_ray_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigurationError, match=r"pip install 'system-design-interviewer\[ray\]'"):
        RayExecutor(embedded_model)


if __name__ == "__main__":
    asyncio.run(run_alone(*sys.argv[1:]))
