"""`python -m evals.bench_evals`: what the harness costs beside a bare asyncio script, measured in one run against a loopback server.

Throughput is a ratio of two times of the same run, because machines are noisy. The rest is counted: requests of a second run, time of a
replay, requests that are repeated after kill -9, and what becomes of items when replies fail.
"""

import argparse
import asyncio
import functools
import json
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from openai import AsyncOpenAI
from pydantic import SecretStr

from agent.assembly import readers
from agent.encoder import Encoder
from agent.library import Library, load_library
from agent.replies import ReplyStore, Request
from agent.settings import Settings
from evals import harness
from evals.dataset import Dataset, load_dataset
from evals.executors.concurrent import ConcurrentExecutor
from evals.judges import Bench
from evals.runner import Runner, jobs_of
from evals.variant import BASE, Variant, load_variant

IN_FLIGHT = 32
ROUNDS = 4  # of both, in turns; the first warms both up, the medians of the others are compared
MODEL = "loopback"


def main(arguments: list[str]) -> int:
    """Print a line of JSON a measurement."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gradings", type=int, nargs="+", default=[200, 2000])
    parser.add_argument("--latency", type=float, default=0.1)
    parser.add_argument("--cases", default="all")
    chosen = parser.parse_args(arguments)
    harness.calm_collector()  # as `python -m evals run` does; the bare script gains by it as well
    library = load_library()
    dataset = load_dataset(library, chosen.cases)
    for gradings in chosen.gradings:
        throughput(library, dataset, gradings, chosen.latency)
    replayed(library, dataset)
    killed(chosen.cases, chosen.latency)
    faulty(library, dataset)
    return 0


@contextmanager
def serving(latency: float, faults: float = 0.0) -> Iterator[str]:
    """A loopback server in a process of its own; gives its base URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "evals.loopback", str(port), "--latency", str(latency), "--faults", str(faults)]
    process = subprocess.Popen(command)
    url = f"http://127.0.0.1:{port}/v1"
    try:
        for _ in range(200):
            try:
                served(url)
                break
            except OSError:
                time.sleep(0.05)
        yield url
    finally:
        process.kill()
        process.wait()


def served(url: str) -> dict[str, int]:
    """What the server answered so far, by status."""
    with urllib.request.urlopen(f"{url}/served") as answer:
        found: dict[str, int] = json.load(answer)
    return found


def settings_for(url: str) -> Settings:
    """Settings of a run against the loopback server."""
    return Settings(_env_file=None, base_url=url, api_key=SecretStr("any"), model=MODEL)


def runner_for(library: Library, dataset: Dataset, variant: Variant, store: ReplyStore, gradings: int) -> Runner:
    """A runner over the first so many gradings of the dataset, in as many trials as that takes."""
    trials = -(-gradings // len(jobs_of(dataset, 1)))
    jobs = jobs_of(dataset, trials)[:gradings]
    estimator = functools.cache(lambda: readers(library, Encoder())[1])
    return Runner(lambda work, trial: Bench(library, variant, MODEL, store, work.failures, work.asked, estimator).grader(trial), jobs)


async def run_ours(runner: Runner, url: str, store: ReplyStore) -> float:
    """Seconds for planning, filling and grading."""
    model = harness.endpoint_model(settings_for(url), MODEL)
    started = time.perf_counter()
    await runner.plan()
    await runner.fill(ConcurrentExecutor(model, IN_FLIGHT), store)
    seconds = time.perf_counter() - started
    await model.close()
    return seconds


async def run_bare(requests: list[Request], url: str) -> float:
    """Seconds for the same requests with the SDK and a semaphore, and nothing else."""
    client, gate = AsyncOpenAI(base_url=url, api_key="any", max_retries=0), asyncio.Semaphore(IN_FLIGHT)
    model = harness.endpoint_model(settings_for(url), MODEL)  # for the bodies only

    async def ask(request: Request) -> Any:
        assert request.form is not None
        async with gate:
            answer = await client.chat.completions.create(**model.body(request.messages, request.form))
        return request.form.model_validate_json(answer.choices[0].message.content or "")

    started = time.perf_counter()
    await asyncio.gather(*(ask(request) for request in requests))
    seconds = time.perf_counter() - started
    await client.close()
    return seconds


def throughput(library: Library, dataset: Dataset, gradings: int, latency: float) -> None:
    """Ours and the bare script in turns over the same requests, each time from nothing; then ours again, from the store."""
    variant = load_variant(BASE)
    bare, ours = [], []
    with serving(latency) as url, tempfile.TemporaryDirectory() as folder:
        planned = runner_for(library, dataset, variant, ReplyStore(), gradings)
        asyncio.run(planned.plan())
        for turn in range(ROUNDS):
            bare.append(asyncio.run(run_bare(list(planned.work.missing.values()), url)))
            before = sum(served(url).values())
            store = ReplyStore(Path(folder) / f"replies-{turn}.db")
            ours.append(asyncio.run(run_ours(runner_for(library, dataset, variant, store, gradings), url, store)))
            asked = sum(served(url).values()) - before
        second = asyncio.run(run_ours(runner_for(library, dataset, variant, store, gradings), url, store))
        repeated = sum(served(url).values()) - before - asked
    _line(
        measured="throughput",
        gradings=gradings,
        requests=asked,
        bare_s=[round(seconds, 2) for seconds in bare],
        ours_s=[round(seconds, 2) for seconds in ours],
        share_of_bare=round(statistics.median(bare[1:]) / statistics.median(ours[1:]), 3),
        second_run_requests=repeated,
        second_run_s=round(second, 2),
    )


def replayed(library: Library, dataset: Dataset, gradings: int = 200) -> None:
    """A replay of two prompts from one store, as `compare` needs it: everything after the imports, reading the corpus included."""
    variants = [load_variant(BASE), load_variant("strict")]
    with serving(0.0) as url, tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "replies.db"
        store = ReplyStore(path)
        for variant in variants:
            asyncio.run(run_ours(runner_for(library, dataset, variant, store, gradings), url, store))
        store.close()
        started = time.perf_counter()
        store = ReplyStore(path)
        for variant in variants:
            runner = runner_for(library, dataset, variant, store, gradings)
            asyncio.run(runner.plan())
            assert not runner.work.missing
        _line(measured="replay", gradings=2 * gradings, seconds=round(time.perf_counter() - started, 2))


def killed(cases: str, latency: float) -> None:
    """A run that is killed half way, and one after it: what the server saw, and what was on file."""
    with serving(latency) as url, tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "replies.db"
        command = [sys.executable, "-m", "evals", "run", "--cases", cases, "--model", MODEL, "--store", str(store), "--out", folder]
        environment = {"PATH": "", "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "any"}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while served(url).get("good", 0) < 100 and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        time.sleep(2 * latency)
        on_file, seen = len(ReplyStore(store)), sum(served(url).values())
        subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
        total = sum(served(url).values())
        wanted = len(ReplyStore(store))
    _line(measured="killed", on_file_at_kill=on_file, in_flight_at_kill=seen - on_file, asked_after=total - seen, replies=wanted)
    assert total - seen == wanted - on_file, "a finished call was repeated"


def faulty(library: Library, dataset: Dataset, gradings: int = 200) -> None:
    """5 % each of 429, 500 and malformed replies: every item ends graded or unscored."""
    variant = load_variant(BASE)
    with serving(0.02, faults=0.05) as url:
        store = ReplyStore()
        runner = runner_for(library, dataset, variant, store, gradings)
        asyncio.run(run_ours(runner, url, store))
        answered = served(url)
    statuses = [result.status for result in runner.work.results.values()]
    counts = {status: statuses.count(status) for status in sorted(set(statuses))}
    _line(measured="faults", served=answered, gradings=gradings, ended=counts, missing=len(runner.work.missing))
    assert len(statuses) == gradings


def _line(**figures: Any) -> None:
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
