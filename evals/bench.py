"""`python -m evals.bench`: our own overhead from send to first word, with a model that answers at once, over 200 turns; and how long the
embedded grader takes for interviews that it has not read before."""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from agent.assembly import Parts, assemble
from agent.candidate import WORDS_A_MINUTE, read_candidate
from agent.clock import ManualClock
from agent.grader import EmbeddedGrader
from agent.llm import ScriptedChatModel
from agent.scope import Assessment
from agent.settings import Settings
from agent.store import EventStore
from agent.text import words
from agent.updates import Token
from evals.dataset import Dataset, load_dataset

CANDIDATES = Path(__file__).parents[1] / "corpus" / "candidates"
QUESTION = "And what happens to that when the machine it runs on goes away?"


async def measure(parts: Parts, model: ScriptedChatModel, turns: int) -> tuple[list[float], list[int]]:
    """Milliseconds from reply to first word, and model calls, for each turn; interviews follow each other until there are enough."""
    waits: list[float] = []
    calls: list[int] = []
    files = sorted(CANDIDATES.glob("*.yaml"))
    with tempfile.TemporaryDirectory() as folder:
        clock = ManualClock()
        store = EventStore(f"sqlite:///{folder}/bench.db")
        desk = parts.desk(store, clock, grace=None)
        while len(waits) < turns:
            path = files[len(waits) % len(files)]
            session = await desk.start(parts.library.scenario(path.stem.rsplit("-", 1)[0]), "senior", 90, seed=len(waits))
            async for _ in session.go_on():
                pass
            for said in [answer for answers in read_candidate(path).values() for answer in answers]:
                if session.interview.finished or len(waits) >= turns:
                    break
                clock.advance(60 * len(words(said)) / WORDS_A_MINUTE)
                before, start, first = len(model.requests), time.perf_counter(), None
                async for update in session.reply(said):
                    if first is None and isinstance(update, Token):
                        first = time.perf_counter()
                        calls.append(len(model.requests) - before)
                waits.append(1000 * ((first or time.perf_counter()) - start))
        store.close()
    return waits, calls


def grading(parts: Parts, dataset: Dataset) -> tuple[list[float], list[float]]:
    """Seconds to grade each interview from its transcript, of which no word was read before; and each section of one whose words were read as
    they were said, as the observer does."""
    grader = EmbeddedGrader(parts.library, parts.estimator)
    whole: list[float] = []
    sections: list[float] = []
    for case in dataset:
        start = time.perf_counter()
        for section in case.sections:
            grader.grade_now(Assessment(case.transcript, section))
        whole.append(time.perf_counter() - start)
        for section in case.sections:
            start = time.perf_counter()
            grader.grade_now(Assessment(case.transcript, section))
            sections.append(time.perf_counter() - start)
    return whole, sections


def main(arguments: list[str]) -> int:
    """Print p50 and p95 in milliseconds and the model calls per turn, for the scripted model and the embedded default; then median and longest
    time to grade, in seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=200)
    parser.add_argument("--data", type=Path, default=Path("data"))
    chosen = parser.parse_args(arguments)
    settings = Settings(_env_file=None, data=chosen.data)
    for name in ("scripted", "embedded"):
        model = ScriptedChatModel([QUESTION], repeat=True)
        parts = assemble(settings, interviewer=model if name == "scripted" else None)
        parts.warm()
        waits, calls = asyncio.run(measure(parts, model, chosen.turns))
        quantiles = statistics.quantiles(waits, n=20)
        row = {"brain": name, "turns": len(waits), "p50_ms": round(statistics.median(waits), 1), "p95_ms": round(quantiles[18], 1)}
        print(json.dumps({**row, "model_calls_before_first_word": {str(n): calls.count(n) for n in sorted(set(calls))}}))
    parts = assemble(settings)
    parts.warm()
    whole, sections = grading(parts, load_dataset(parts.library, "tune"))
    seconds = {name: [round(statistics.median(found), 2), round(max(found), 2)] for name, found in (("transcript_s", whole), ("section_s", sections))}
    print(json.dumps({"grader": "embedded", "interviews": len(whole), **seconds}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
