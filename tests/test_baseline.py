"""Blessed runs: named once, replayed offline by `pytest`, and a failure that says what to do."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

import pytest

from agent.assembly import Parts
from agent.errors import ConfigurationError
from agent.library import Library
from agent.replies import ReplyStore
from agent.settings import Settings
from evals.baseline import Replay, bless, replay
from evals.compare import compare_runs
from evals.dataset import Dataset, load_dataset
from evals.executors.concurrent import ConcurrentExecutor
from evals.harness import Inputs, prepare
from evals.run import Run, Setup, save_run
from evals.variant import BASE, load_variant
from tests.eval_cases import edit, graded_run, judge, write_cases
from tests.model_parts import model_at
from tests.openai_server import OpenAIServer

ROOT = Path(__file__).parents[1]


@pytest.fixture
def folder(tmp_path: Path, library: Library) -> Path:
    """Six cases."""
    return write_cases(tmp_path / "cases", library, tune=6)


async def recorded(
    server: OpenAIServer, folder: Path, library: Library, store: ReplyStore, model: str = "test-model", wrong: Collection[str] = (), only: str = ""
) -> Run:
    """A run whose replies are in the store."""
    dataset = load_dataset(library, str(folder), [only] if only else ())
    server.always = judge(dataset, wrong)
    setup = Setup(cases=str(folder), only=(only,) if only else (), model=model)
    evaluation = await prepare(setup, Inputs(load_variant(BASE), dataset, library), store)
    async with model_at(server) as asked:
        asked.name = model
        await evaluation.fill(ConcurrentExecutor(asked, 4))
    return evaluation.scored()


# --- bless ------------------------------------------------------------------------------------------------------


def test_a_blessed_run_takes_the_place_of_the_one_for_the_same_model_and_cases(folder: Path, library: Library, tmp_path: Path) -> None:
    run = graded_run(load_dataset(library, str(folder)), library)
    first = bless(run, tmp_path / "baselines")
    assert bless(run.model_copy(update={"id": "newer"}), tmp_path / "baselines").is_file() and not first.exists()
    for change in ({"model": "another"}, {"cases": "others"}, {"only": ("team-chat-a",)}, {"sections": ("2",)}):
        bless(run.model_copy(update={"id": f"for {change}"[:20], **change}), tmp_path / "baselines")
    assert len(list((tmp_path / "baselines").glob("*.json"))) == 5


def test_a_run_of_a_variant_is_not_blessed(folder: Path, library: Library, tmp_path: Path) -> None:
    run = graded_run(load_dataset(library, str(folder)), library, variant="strict")
    with pytest.raises(ConfigurationError, match=r"'strict'\. Move its files into prompts/"):
        bless(run, tmp_path / "baselines")
    assert not (tmp_path / "baselines").exists()


# --- replay -----------------------------------------------------------------------------------------------------


async def test_a_baseline_is_replayed_from_recordings_and_passes(
    server: OpenAIServer, folder: Path, library: Library, settings: Settings, tmp_path: Path
) -> None:
    store = ReplyStore()
    path = bless(await recorded(server, folder, library, store), tmp_path / "baselines")
    asked = len(server.requests)
    found = await asyncio.to_thread(replay, path, library, store, settings)
    assert found.passes and found.missing == [] and found.compared is not None and not found.compared.flips
    assert len(server.requests) == asked
    nothing = await asyncio.to_thread(replay, path, library, ReplyStore(), settings)
    assert not nothing.passes and len(nothing.missing) == 12
    store.close()


def test_a_single_case_passes_when_nothing_flipped_and_not_when_something_did(folder: Path, library: Library) -> None:
    dataset = load_dataset(library, str(folder), ["team-chat-a"])
    base = graded_run(dataset, library)
    worse = graded_run(dataset, library, lambda case, criterion, trial: criterion == "main-request-walked")
    assert Replay(base, compare_runs(base, [base])[0], []).passes
    assert not Replay(base, compare_runs(base, [worse])[0], []).passes


def test_the_command_that_makes_missing_recordings_repeats_the_setup(folder: Path, library: Library) -> None:
    run = graded_run(load_dataset(library, str(folder)), library, trials=2)
    odd = run.model_copy(update={"only": ("a", "b"), "sections": ("2",), "model": "meta/llama"})
    command = Replay(odd, None, []).command
    assert "--cases small --model meta/llama --trials 2 --case a --case b --section 2" in command
    assert command.endswith("--record evals/recordings/meta-llama.jsonl"), "a recording in a folder below would not be read"


def test_a_baseline_over_other_cases_is_refused(folder: Path, library: Library, settings: Settings, tmp_path: Path) -> None:
    run = graded_run(load_dataset(library, str(folder)), library).model_copy(update={"cases": str(folder)})
    path = bless(run, tmp_path / "baselines")
    edit(folder / "gold" / "team-chat-a.yaml", lambda gold: gold["verdicts"][0].update(note="read again"))
    with pytest.raises(ConfigurationError, match="other cases or gold verdicts than those of now"):
        replay(path, library, ReplyStore(), settings)


def test_the_embedded_baseline_needs_no_recording(
    folder: Path, parts: Parts, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evals.harness.Encoder", lambda: parts.encoder)
    run = graded_run(load_dataset(parts.library, str(folder)), parts.library)
    path = bless(run.model_copy(update={"cases": str(folder), "model": "embedded"}), tmp_path / "baselines")
    found = replay(path, parts.library, ReplyStore(), settings)
    assert found.missing == [] and found.compared is not None and found.compared.flips
    assert not found.passes, "it does not grade these sentences as gold does"


# --- the plugin, in a process of its own ------------------------------------------------------------------------


async def test_pytest_holds_the_prompts_against_every_baseline(server: OpenAIServer, folder: Path, library: Library, tmp_path: Path) -> None:
    home = tmp_path / "data" / "evals" / "replies.db"
    store, elsewhere = ReplyStore(home), ReplyStore()
    everything = [*load_dataset(library, str(folder)).case("team-chat-c").by_criterion]
    baselines = {
        "same": await recorded(server, folder, library, store, "same"),
        "single": await recorded(server, folder, library, store, "single", only="team-chat-a"),
        "worse": await recorded(server, folder, library, elsewhere, "worse"),
        "absent": await recorded(server, folder, library, elsewhere, "absent"),
    }
    await recorded(server, folder, library, store, "worse", wrong=everything)  # what the prompts give now
    for name, run in baselines.items():
        save_run(run.model_copy(update={"id": name}), tmp_path / "baselines")
    (tmp_path / "baselines" / "broken.json").write_text("{}")
    (tmp_path / "other").mkdir()
    shutil.copy(tmp_path / "baselines" / "broken.json", tmp_path / "other" / "no_baseline.json")
    for one in (store, elsewhere):
        one.close()
    asked = len(server.requests)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "evals.plugin",
        "-p",
        "no:cacheprovider",
        "-c",
        "/dev/null",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    done = await asyncio.to_thread(subprocess.run, command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and "3 failed, 2 passed" in done.stdout, done.stdout + done.stderr
    assert "Traceback" not in done.stdout and "no_baseline" not in done.stdout
    assert "broken.json cannot be read as a run" in done.stdout
    assert "The candidate is worse: accuracy 1.000 before" in done.stdout and "24 verdicts flipped" in done.stdout
    assert "12 gradings have no recording: a prompt, a case or the rubric was edited." in done.stdout
    assert "team-chat-a section 0" in done.stdout and "... and 7 more" in done.stdout
    assert "--model absent --trials 1 --record evals/recordings/absent.jsonl" in done.stdout
    assert len(server.requests) == asked


def test_the_small_set_is_what_these_tests_say(folder: Path, library: Library) -> None:
    dataset: Dataset = load_dataset(library, str(folder))
    assert sum(verdict.verdict != "not_observed" for case in dataset for verdict in case.gold.verdicts) == 24
