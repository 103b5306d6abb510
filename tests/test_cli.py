"""The command line as its users call it: real processes, real exit codes, JSON on stdout and nothing else there."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.__main__ import main
from agent.assembly import assemble
from agent.settings import Settings
from agent.store import EventStore
from tests.conftest import DATA

ROOT = Path(__file__).parent.parent
Agent = Callable[..., "Done"]
CANDIDATE = ROOT / "evals" / "candidates" / "team-chat-weak.yaml"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data folder of its own that shares the index."""
    (tmp_path / "index").symlink_to((ROOT / DATA / "index").resolve())
    return tmp_path


@dataclass
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def agent(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run a command in this process: torch takes ten seconds to import, and one test below shows the real process."""

    def run(*arguments: str, **environment: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["agent", *arguments])
        for name, value in {"AGENT_DATA": str(home), **environment}.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        told = capsys.readouterr()
        return Done(int(left.value.code or 0), told.out, told.err)

    return run


def test_help_loads_nothing_heavy() -> None:
    code = "import sys; sys.argv = ['agent', '--help']\ntry:\n import agent.__main__ as m; m.main()\nexcept SystemExit: pass\n"
    code += "print([name for name in ('torch', 'gradio', 'chromadb', 'langgraph', 'openai', 'sentence_transformers') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"


def test_play_prints_a_transcript_that_grade_takes_with_the_same_result(home: Path, agent: Agent) -> None:
    played = agent("play", "--scenario", "team-chat", "--level", "mid", "--candidate", str(CANDIDATE), "--json")
    assert played.returncode == 0, played.stderr
    result = json.loads(played.stdout)
    (home / "t.json").write_text(json.dumps(result["transcript"]))
    (home / "broken.json").write_text('{"turns": [')
    graded = agent("grade", str(home / "t.json"), str(home / "broken.json"), "--json")
    lines = [json.loads(line) for line in graded.stdout.splitlines()]
    assert graded.returncode == 1
    assert [row["score"] for row in lines[0]["sections"]] == [row["score"] for row in result["scorecard"]["sections"]]
    assert "broken.json" in lines[1]["file"] and lines[1]["error"]


def test_play_without_json_prints_the_report(home: Path, agent: Agent) -> None:
    done = agent("play", "--scenario", "Build a parking app", "--candidate", str(CANDIDATE), "--minutes", "20")
    assert done.returncode == 0, done.stderr
    assert "Build a parking app" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("play", "--scenario", "no-such-thing", "--candidate", str(CANDIDATE)), "url-shortener"),
        (("play", "--scenario", "team-chat", "--candidate", str(CANDIDATE), "--level", "junior"), "mid, senior or staff"),
        (("play", "--scenario", "team-chat", "--candidate", str(CANDIDATE), "--minutes", "3"), "15 to 90"),
        (("play", "--scenario", "team-chat", "--candidate", "nowhere.yaml"), "nowhere.yaml"),
        (("play", "--scenario", "team-chat", "--candidate", str(CANDIDATE), "--model", "gpt-x"), "OPENAI_BASE_URL"),
        (("retrieve",), "--file"),
        (("retrieve", "x", "--section", "44"), "no section"),
        (("retrieve", "x", "--corpus", "nowhere"), "does not exist"),
        (("export", "nothing"), "no interview"),
        (("erase", "nothing"), "no interview"),
        (("schema", "poem"), "transcript"),
    ],
)
def test_bad_input_is_one_clear_line_and_a_failing_exit_code(home: Path, agent: Agent, arguments: tuple[str, ...], complaint: str) -> None:
    done = agent(*arguments)
    assert done.returncode not in (0, -9, -11)
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_wrong_setting_is_named(home: Path, agent: Agent) -> None:
    done = agent("list", AGENT_TIMEOUT="soon")
    assert done.returncode == 2
    assert "TIMEOUT" in done.stderr


def test_retrieve_prints_one_list_a_line(home: Path, agent: Agent) -> None:
    (home / "q.txt").write_text("sidecars do mutual TLS\n\npay once even when the client retries\n")
    done = agent("retrieve", "--file", str(home / "q.txt"), "-k", "3", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [len({hit["subsection"] for hit in row}) for row in rows] == [3, 3]


def test_a_real_process_prints_json_and_nothing_else_on_stdout(home: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AGENT_", "OPENAI_"))}
    command = [sys.executable, "-m", "agent", "retrieve", "sidecars do mutual TLS", "--section", "5", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env={**kept, "AGENT_DATA": str(home)}, timeout=120)
    assert all(hit["subsection"].startswith("5.") for hit in json.loads(done.stdout))


def test_the_schema_is_json_schema_and_names_what_a_turn_holds(home: Path, agent: Agent) -> None:
    found = json.loads(agent("schema", "transcript").stdout)
    assert {"n", "section", "speaker", "text", "at"} <= set(found["$defs"]["Turn"]["properties"])


async def keep_one(home: Path) -> str:
    settings = Settings(_env_file=None, data=home)
    store = EventStore(settings.database)
    desk = assemble(settings).desk(store)
    session = await desk.start(desk.context.library.scenario("team-chat"), "mid", 45)
    async for _ in session.go_on():
        pass
    store.close()
    return session.id


def test_a_kept_interview_is_listed_exported_and_erased(home: Path, agent: Agent) -> None:
    kept = asyncio.run(keep_one(home))
    assert [(row["id"], row["finished"]) for row in json.loads(agent("list", "--json").stdout)] == [(kept, False)]
    assert json.loads(agent("export", kept).stdout)["turns"][0]["section"] == "0"
    assert "Interviewer" in agent("export", kept, "--format", "md").stdout
    assert agent("export", kept, "--format", "html").returncode == 1
    assert agent("erase", kept).returncode == 0
    assert json.loads(agent("list", "--json").stdout) == []


def test_a_model_that_fails_leaves_every_file_with_an_unscored_card(home: Path, agent: Agent) -> None:
    turns = [{"n": 1, "section": "6", "speaker": "candidate", "text": "We shard by conversation id because reads go by conversation."}]
    (home / "t.json").write_text(json.dumps({"scenario": "team-chat", "turns": turns}))
    files = [str(home / "t.json")] * 3
    done = agent("grade", *files, "--json", OPENAI_BASE_URL="http://127.0.0.1:9/v1", AGENT_MODEL="nobody")
    cards = [json.loads(line) for line in done.stdout.splitlines()]
    assert [card["sections"][6]["status"] for card in cards] == ["unscored"] * 3
    assert all(card["overall"]["score"] is None and card["grader"] == "nobody" for card in cards)
