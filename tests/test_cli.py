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
import yaml

from agent.__main__ import main
from agent.assembly import assemble
from agent.library import Library
from agent.settings import Settings
from agent.store import EventStore
from tests.conftest import DATA
from tests.model_parts import judging
from tests.openai_server import OpenAIServer, fails, says

ROOT = Path(__file__).parent.parent
Agent = Callable[..., "Done"]
CANDIDATE = ROOT / "corpus" / "candidates" / "team-chat-weak.yaml"


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


def test_play_interviews_a_persona(home: Path, agent: Agent) -> None:
    done = agent("play", "Build a parking app", "--candidate", "persona:silent", "--minutes", "15")
    assert done.returncode == 0, done.stderr
    assert "Build a parking app" in done.stdout


def test_play_keeps_what_was_said_when_the_candidates_model_fails(home: Path, agent: Agent, server: OpenAIServer) -> None:
    server.script(says("I would start with the users."), fails(500), fails(500))
    environment = {"OPENAI_BASE_URL": server.url, "AGENT_MODEL": "gpt-x"}
    done = agent("play", "team-chat", "--candidate", "model:mid", "--model", "embedded", **environment)
    (kept,) = (home / "unfinished").glob("*.json")
    assert done.returncode == 1 and str(kept) in done.stderr and "mid, played by gpt-x" in done.stderr
    turns = json.loads(kept.read_text())["turns"]
    assert [turn["text"] for turn in turns if turn["speaker"] == "candidate"] == ["I would start with the users."]
    assert agent("grade", str(kept), "--model", "embedded", **environment).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("play", "--scenario", "no-such-thing", "--candidate", str(CANDIDATE)), "url-shortener"),
        (("play", "--scenario", "team-chat", "--candidate", str(CANDIDATE), "--level", "junior"), "mid, senior or staff"),
        (("play", "--scenario", "team-chat", "--candidate", str(CANDIDATE), "--minutes", "3"), "15 to 90"),
        (("play", "--scenario", "team-chat", "--candidate", "nowhere.yaml"), "nowhere.yaml"),
        (("play", "--candidate", "persona:weak"), "Give one problem"),
        (("play", "team-chat", "--scenario", "payments", "--candidate", "persona:weak"), "Give one problem"),
        (("play", "team-chat", "--candidate", "persona:shy"), "keyword-dropper"),
        (("play", "team-chat", "--candidate", "model:weak"), "AGENT_MODEL"),
        (("play", "Build a parking app", "--candidate", "persona:weak"), "only to api-platform"),
        (("play", "--scenario", "team-chat", "--candidate", str(CANDIDATE), "--model", "gpt-x"), "OPENAI_BASE_URL"),
        (("retrieve",), "--file"),
        (("retrieve", "x", "--section", "44"), "no section"),
        (("retrieve", "x", "--corpus", "nowhere"), "does not exist"),
        (("export", "nothing"), "no interview"),
        (("erase", "nothing"), "no interview"),
        (("schema", "poem"), "transcript"),
        (("grade",), "--again"),
        (("grade", "--again", "nothing"), "no interview"),
        (("grade", "--again", "nothing", "file.json"), "leave out files"),
        (("grade", "--again", "nothing", "--level", "mid"), "leave out files"),
        (("export", "nothing", "--format", "gold"), "no interview"),
        (("export", "nothing", "--format", "pdf"), "json, md, html or gold"),
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


# --- graded again, and disagreed with ---------------------------------------------------------------------------

SAID = "The phone gets its own small backend that returns one channel's last fifty messages, because that is one read by key"
ANSWER = f"We keep the messages partitioned by conversation id, because every read asks for one. {SAID}."


async def keep_ungraded(home: Path, end: bool = True) -> str:
    """An interview on sections 5 and 6, whose grader could not be reached."""
    settings = Settings(_env_file=None, data=home, base_url="http://127.0.0.1:9/v1", api_key="k", grader_model="test-model")
    store = EventStore(settings.database)
    desk = assemble(settings).desk(store, grace=None)
    session = await desk.start(desk.context.library.scenario("team-chat"), "mid", 45, owner="somebody", sections=("5", "6"))
    for updates in (session.go_on(), session.reply(ANSWER), session.click("done"), session.reply("I would have to think.")):
        async for _ in updates:
            pass
    async for _ in session.click("end") if end else session.grade():
        pass
    async for _ in session.grade():
        pass
    store.close()
    return session.id


async def disagree(home: Path, interview: str, *opinions: tuple[str, str, str, str]) -> None:
    settings = Settings(_env_file=None, data=home)
    store = EventStore(settings.database)
    session = await assemble(settings).desk(store).open(interview)
    for section, criterion, verdict, why in opinions:
        await session.disagree(section, criterion, verdict, why)  # type: ignore[arg-type]
    store.close()


@pytest.fixture
def model(server: OpenAIServer, library: Library) -> dict[str, str]:
    """The settings of a model that grades."""
    server.always = judging(library, SAID)
    return {"OPENAI_BASE_URL": server.url, "OPENAI_API_KEY": "test-key", "AGENT_GRADER_MODEL": "test-model"}


def test_a_kept_interview_whose_grader_failed_is_graded_again(home: Path, agent: Agent, server: OpenAIServer, model: dict[str, str]) -> None:
    kept = asyncio.run(keep_ungraded(home))
    done = agent("grade", "--again", kept, "--json", **model)
    assert (done.returncode, done.stderr) == (0, "Graded again: 5, 6.\n")
    card = json.loads(done.stdout)
    assert card["interview"] == kept
    assert [(row["status"], row["verdicts"][0]["status"]) for row in card["sections"]] == [
        ("graded", "met"),
        ("graded", "met"),
    ]  # it counts wherever it was said
    asked = len(server.requests)
    again = agent("grade", "--again", kept, **model)
    assert (again.returncode, again.stderr) == (0, "No section's grader failed, so nothing was graded again.\n")
    assert again.stdout.startswith("# ") and "## How this was graded" in again.stdout
    assert len(server.requests) == asked


def test_what_fails_again_is_told_and_stays_unscored(home: Path, agent: Agent, server: OpenAIServer, model: dict[str, str]) -> None:
    kept = asyncio.run(keep_ungraded(home))
    server.always = fails(503)
    done = agent("grade", "--again", kept, **model)
    assert done.returncode == 0
    assert done.stderr.splitlines()[-1].startswith("Failed again: 5, 6 (")
    assert "unscored" in done.stdout


def test_an_interview_that_goes_on_is_not_graded_again(home: Path, agent: Agent) -> None:
    done = agent("grade", "--again", asyncio.run(keep_ungraded(home, end=False)))
    assert (done.returncode, done.stdout) == (1, "")
    assert "is not over" in done.stderr


def test_disagreements_are_exported_as_candidate_gold(home: Path, agent: Agent, model: dict[str, str], library: Library) -> None:
    kept = asyncio.run(keep_ungraded(home))
    none = agent("export", kept, "--format", "gold")
    assert (none.returncode, none.stdout) == (1, "") and "Nobody disagreed" in none.stderr
    agent("grade", "--again", kept, **model)
    five, six = library.rubrics["5"].criteria, library.rubrics["6"].criteria
    opinions = [("6", six[1].id, "partial", ""), ("5", five[0].id, "not_observed", "No: that\nwas luck."), ("5", five[1].id, "met", "")]
    asyncio.run(disagree(home, kept, *opinions, ("5", five[1].id, None, "")))  # type: ignore[arg-type]
    found = yaml.safe_load(agent("export", kept, "--format", "gold").stdout)
    first = {
        "criterion": five[0].id,
        "section": "5",
        "verdict": "not_observed",
        "graded": "met",
        "grader": "test-model",
        "turn": 2,
        "quote": f"{SAID}.",
    }
    assert found == {
        "case": kept,
        "scenario": "team-chat",
        "rubrics": {"5": library.rubrics["5"].version, "6": library.rubrics["6"].version},
        "verdicts": [
            first | {"note": "No: that\nwas luck."},
            {"criterion": six[1].id, "section": "6", "verdict": "partial", "graded": "not_observed", "grader": "test-model"},
        ],
    }
    assert "You disagreed with \u201cmet\u201d: not observed." in agent("export", kept, "--format", "md").stdout
    assert "You disagreed with \u201cnot observed\u201d: partly." in agent("export", kept, "--format", "html").stdout
