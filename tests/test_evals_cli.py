"""`python -m evals` as its users call it: exit codes 0, 1, 2 and 3, JSON on stdout and nothing else there, no request too many."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from agent.assembly import Parts
from agent.library import Library
from agent.replies import ReplyStore
from evals import harness
from evals.__main__ import app, main
from evals.baseline import bless
from evals.dataset import Dataset, load_dataset
from evals.harness import open_store
from evals.looks import look
from tests.conftest import DATA
from tests.eval_cases import edit, judge, write_cases
from tests.openai_server import OpenAIServer, fails, says
from tests.test_runner import failing_on

ROOT = Path(__file__).parents[1]
GRADINGS = 12  # six cases, two sections each
ASK = ("run", "--cases", "cases", "--model", "test-model")


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What was printed, which must be JSON and nothing else."""

        def refuse(name: str) -> None:
            raise AssertionError(f"{name} is no JSON")

        return json.loads(self.out, parse_constant=refuse)


Evals = Callable[..., Done]


@pytest.fixture
def evals(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], library: Library) -> Evals:
    """Run a command in this process, in a folder of its own that holds six cases; what belongs to the project stays untouched."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AGENT_DATA", str((ROOT / DATA).resolve()))
    monkeypatch.setattr("evals.executors.concurrent.FIRST_PAUSE", 0.01)
    monkeypatch.setattr("evals.__main__.load_library", lambda corpus: library)  # a quarter of a second a command; one test below reads it
    monkeypatch.setattr(harness, "open_store", partial(open_store, recordings=tmp_path / "recordings"))
    monkeypatch.setattr("evals.__main__.look", partial(look, path=tmp_path / "looks.jsonl"))
    monkeypatch.setattr("evals.__main__.bless", partial(bless, folder=tmp_path / "baselines"))
    write_cases(tmp_path / "cases", library, tune=6)

    def run(*arguments: str) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(list(arguments))
        told = capsys.readouterr()
        return Done(int(left.value.code or 0), told.out, told.err)

    return run


@pytest.fixture
def cases(evals: Evals, library: Library) -> Dataset:
    return load_dataset(library, "cases")


@pytest.fixture
def endpoint(server: OpenAIServer, cases: Dataset, monkeypatch: pytest.MonkeyPatch) -> OpenAIServer:
    """A server that grades as gold does, and that the settings name."""
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    server.always = judge(cases)
    return server


@pytest.fixture
def warm(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder is loaded once for all tests."""
    for place in ("evals.harness.Encoder", "agent.assembly.Encoder"):
        monkeypatch.setattr(place, lambda *_: parts.encoder)


def saved(folder: Path = Path("data/evals/runs")) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.json"))


# --- check ------------------------------------------------------------------------------------------------------


def test_check_tells_the_figures_of_a_sound_set(evals: Evals) -> None:
    done = evals("check", "--cases", "cases")
    assert done.code == 0 and "6 cases, 114 gold verdicts" in done.out
    found = evals("check", "--cases", "cases", "--json")
    assert found.code == 0 and found.json["problems"] == [] and found.json["gold"]["cases"] == 6


def test_check_names_all_that_is_wrong_and_exits_with_2(evals: Evals) -> None:
    Path("cases/gold/team-chat-a.yaml").unlink()
    edit(Path("cases/gold/team-chat-b.yaml"), lambda gold: gold["rubrics"].update({"0": 99}))
    done = evals("check", "--cases", "cases")
    assert done.code == 2 and done.out == ""
    assert "team-chat-a.yaml: cannot be read" in done.err and "version 99 of its rubric" in done.err
    found = evals("check", "--cases", "cases", "--json")
    assert found.code == 2 and len(found.json["problems"]) == 2 and found.json["gold"] is None
    assert evals("check", "--cases", "nowhere").code == 2


# --- run --------------------------------------------------------------------------------------------------------


def test_a_plan_asks_nothing_and_tells_what_it_would_cost(evals: Evals, endpoint: OpenAIServer) -> None:
    done = evals(*ASK, "--plan")
    assert done.code == 0 and "12 gradings with test-model: 0 on file, 12 to get" in done.out and "cost unknown" in done.out
    priced = evals("run", "--cases", "cases", "--model", "gpt-4o-mini", "--plan", "--json")
    assert priced.code == 0 and priced.json["calls"] == 12 and priced.json["cost"] > 0
    assert not endpoint.requests and not saved()


def test_a_run_is_graded_and_filed_and_a_second_one_asks_nothing(evals: Evals, endpoint: OpenAIServer) -> None:
    first = evals(*ASK, "--json")
    assert first.code == 0 and len(endpoint.requests) == GRADINGS
    assert first.json["overall"]["accuracy"] == 1 and Path(first.json["file"]).is_file() and saved() == [first.json["id"]]
    second = evals(*ASK)
    assert second.code == 0 and len(endpoint.requests) == GRADINGS
    assert "12 on file, 0 to get" in second.out and first.json["id"] in second.out.replace("\n", "")


def test_trials_cases_and_sections_can_be_chosen(evals: Evals, endpoint: OpenAIServer) -> None:
    done = evals(*ASK, "--case", "team-chat-a", "--case", "team-chat-c", "--section", "2", "--trials", "3", "--json")
    assert done.code == 0 and len(endpoint.requests) == 6 and done.json["verdicts"] == 60


def test_a_request_that_failed_makes_exit_2_and_only_it_is_asked_again(evals: Evals, endpoint: OpenAIServer, cases: Dataset) -> None:
    endpoint.always = failing_on(judge(cases), "Porto ships Java|### framing-time-plan", fails(401))  # type: ignore[assignment]
    first = evals(*ASK, "--json")
    assert first.code == 2 and first.json["unscored"] == 9 and first.json["calls"]["failed"] == 1
    assert len(endpoint.requests) == GRADINGS and len(saved()) == 1
    endpoint.always = judge(cases)
    second = evals(*ASK, "--json")
    assert second.code == 0 and second.json["unscored"] == 0 and len(endpoint.requests) == GRADINGS + 1


def test_a_reply_that_never_fits_is_a_result_of_the_model_and_no_failure_of_the_run(evals: Evals, endpoint: OpenAIServer, cases: Dataset) -> None:
    endpoint.always = failing_on(judge(cases), "Porto ships Java|### framing-time-plan", says("No."))  # type: ignore[assignment]
    done = evals(*ASK, "--json")
    assert done.code == 0 and done.json["unscored"] == 9 and done.json["calls"]["invalid_first"] == 1


def test_without_an_endpoint_nothing_can_be_got(evals: Evals) -> None:
    done = evals(*ASK)
    assert done.code == 2 and "needs an endpoint" in done.err and not saved()


def test_the_yardstick_needs_nobody(evals: Evals, server: OpenAIServer) -> None:
    done = evals("run", "--cases", "cases", "--model", "always-met", "--json")
    assert done.code == 0 and done.json["calls"]["asked"] == 0 and 0 < done.json["overall"]["accuracy"] < 0.5
    assert not server.requests


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--max-cost", "5"), "price of test-model is not known: add it to evals/prices.yaml"),
        (("--model", "gpt-4o", "--max-cost", "0.0001"), "more than --max-cost 0.00. Nothing was asked."),
        (("--variant", "mystery"), "no variant 'mystery'. Known: shipped"),
        (("--set", "grade_section=absent.md"), "absent.md: this prompt cannot be read"),
        (("--set", "grade_section=odd.md"), "odd.md:5: declared inputs ['section'], used ['mood', 'section']"),
        (("--set", "mystery=odd.md"), "Nothing uses the prompts mystery"),
        (("--set", "grade_section"), "--set grade_section: write PROMPT=FILE"),
        (("--case", "team-chat-z"), "no case team-chat-z in cases"),
        (("--section", "12"), "no section 12"),
        (("--section", "9"), "reached section 9: there is nothing to grade"),
        (("--cases", "nowhere"), "nowhere/index.yaml: there is no index"),
        (("--executor", "fast"), "no executor 'fast'"),
        (("--shard", "3/2"), "--shard 3/2: write I/N"),
        (("--shard", "²/³"), "write I/N"),
        (("--shard", "1"), "write I/N"),
        (("--store", "odd.md"), "reply store odd.md cannot be used"),
        (("--trials", "0"), "--trials"),
        (("--mystery",), "--mystery"),
    ],
)
def test_bad_input_is_refused_before_the_first_call(evals: Evals, endpoint: OpenAIServer, arguments: tuple[str, ...], reason: str) -> None:
    Path("odd.md").write_text("---\nversion: 1\ninputs: [section]\n---\n{{section}} {{mood}}")
    done = evals(*ASK, *arguments)
    assert done.code == 2 and reason in done.err.replace("\n", " "), done.err
    assert not endpoint.requests and not saved()


def spoilt_recording() -> None:
    Path("recordings").mkdir()
    Path("recordings/r.jsonl").write_text("{}\n")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda: Path("cases/gold/team-chat-a.yaml").unlink(), "gold/team-chat-a.yaml: cannot be read"),
        (lambda: edit(Path("cases/gold/team-chat-a.yaml"), lambda gold: gold["rubrics"].update({"2": 0})), "version 0 of its rubric"),
        (lambda: edit(Path("cases/gold/team-chat-a.yaml"), lambda gold: gold["verdicts"][0].update(quote="never said")), "does not hold the quote"),
        (lambda: edit(Path("cases/index.yaml"), lambda index: index["team-chat-a"].update(split="report")), "is in both splits"),
        (spoilt_recording, "recordings/r.jsonl:1: not a recording"),
    ],
    ids=["no gold", "an older rubric", "a false quote", "both splits", "a broken recording"],
)
def test_a_spoilt_file_is_named_before_the_first_call(evals: Evals, endpoint: OpenAIServer, spoil: Callable[[], object], reason: str) -> None:
    spoil()
    done = evals(*ASK)
    assert done.code == 2 and reason in done.err.replace("\n", " "), done.err
    assert not endpoint.requests and not saved()


def test_a_cost_that_is_allowed_is_spent(evals: Evals, endpoint: OpenAIServer) -> None:
    assert evals("run", "--cases", "cases", "--model", "gpt-4o-mini", "--max-cost", "5").code == 0
    assert len(endpoint.requests) == GRADINGS


# --- offline ----------------------------------------------------------------------------------------------------


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody may connect anywhere, not even to this machine."""

    def refuse(*arguments: object) -> None:
        raise AssertionError(f"a socket was to be connected: {arguments}")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


def test_missing_recordings_are_named_with_case_and_section_and_make_exit_3(evals: Evals, no_network: None) -> None:
    done = evals(*ASK, "--executor", "none")
    assert done.code == 3 and not saved()
    assert "url-shortener-b section 0\n" in done.err and "team-chat-c section 2\n" in done.err
    found = evals(*ASK, "--executor", "none", "--json")
    assert found.code == 3 and len(found.json["missing"]) == GRADINGS


def test_recordings_travel_by_file_and_replay_without_any_connection(
    evals: Evals, endpoint: OpenAIServer, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = evals(*ASK, "--record", "recordings/test.jsonl", "--json")
    assert first.code == 0 and len(Path("recordings/test.jsonl").read_text().splitlines()) == GRADINGS
    monkeypatch.delenv("OPENAI_BASE_URL")
    request.getfixturevalue("no_network")
    again = evals(*ASK, "--executor", "none", "--store", "new/replies.db", "--json")
    assert again.code == 0 and again.json == first.json


def test_the_embedded_grader_opens_no_connection_and_repeats_itself(evals: Evals, warm: None, no_network: None) -> None:
    first = evals("run", "--cases", "cases", "--json")
    second = evals("run", "--cases", "cases", "--executor", "none", "--json")
    assert first.code == second.code == 0 and first.json == second.json
    assert first.json["model"] == "embedded" and first.json["verdicts"] == 114


# --- shards -----------------------------------------------------------------------------------------------------


def test_shards_are_filled_apart_united_and_scored_without_asking(evals: Evals, endpoint: OpenAIServer) -> None:
    for part in ("1/2", "2/2"):
        done = evals(*ASK, "--shard", part, "--store", f"{part[0]}.db", "--record", f"{part[0]}.jsonl")
        assert done.code == 0 and f"Shard {part} is done" in done.out and not saved()
    assert len(endpoint.requests) == GRADINGS
    united = evals("unite", "1.db", "2.jsonl", "--into", "all.db")
    assert united.code == 0 and "12 replies taken in; all.db holds 12." in united.out
    assert evals(*ASK, "--executor", "none", "--store", "all.db").code == 0
    assert len(endpoint.requests) == GRADINGS


def test_what_cannot_be_united_is_named(evals: Evals) -> None:
    Path("text.db").write_text("no database at all" * 50)
    Path("odd.jsonl").write_text("{}\n")
    for name, reason in (("absent.db", "does not exist"), ("text.db", "cannot be used"), ("odd.jsonl", "odd.jsonl:1")):
        done = evals("unite", name, "--into", "all.db")
        assert done.code == 2 and reason in done.err


# --- compare, bless ---------------------------------------------------------------------------------------------


@pytest.fixture
def runs(evals: Evals, endpoint: OpenAIServer, cases: Dataset) -> tuple[str, str]:
    """The ids of a good run and of one that misses nearly everything, with another prompt."""
    shipped = (ROOT / "prompts" / "grade_section.md").read_text()
    Path("try.md").write_text(shipped.replace("You grade", "Please grade"))
    good = evals(*ASK, "--json").json["id"]
    endpoint.always = judge(cases, wrong=[*cases.case("team-chat-c").by_criterion])
    return good, evals(*ASK, "--set", "grade_section=try.md", "--json").json["id"]


def test_the_gate_exits_with_1_for_a_regression_and_with_0_for_none(evals: Evals, runs: tuple[str, str]) -> None:
    good, poor = runs
    told = evals("compare", good, poor)
    assert told.code == 0 and "The candidate is worse" in told.out and "away from gold" in told.out
    assert evals("compare", good, poor, "--gate").code == 1
    assert evals("compare", poor, good, "--gate").code == 0
    assert evals("compare", good, good, poor, "--gate").code == 1, "every candidate must pass"
    found = evals("compare", good, poor, good, "--json", "--gate")
    assert found.code == 1 and [one["passes_gate"] for one in found.json] == [False, True]
    assert "grade_section=try.md" in told.out


def test_a_comparison_that_cannot_be_made_exits_with_2(evals: Evals, runs: tuple[str, str]) -> None:
    good, poor = runs
    other = evals(*ASK, "--case", "team-chat-a", "--json").json["id"]
    for arguments, reason in (
        ((good, other), "made over different datasets"),
        ((good, "mystery"), "'mystery' is no run"),
        ((good, poor, "--metric", "f1"), "'f1' is no metric"),
        ((good, poor, "--margin", "-1"), "a margin is not negative"),
    ):
        done = evals("compare", *arguments)
        assert done.code == 2 and reason in done.err.replace("\n", " "), done.err


def test_labels_from_elsewhere_are_compared_with_the_same_gate(evals: Evals) -> None:
    rows = [f"{n},{n // 2},{'yes'},{'yes'},{'no'}" for n in range(24)]
    Path("l.csv").write_text("item,answer,human,good,poor\n" + "\n".join(rows) + "\n")
    Path("l.yaml").write_text("items: [item]\ncluster: answer\ngold: [human]\nlabels: {'yes': met, 'no': not_observed}\nsource: s\nlicence: l\n")
    assert evals("compare", "good", "poor", "--labels", "l.csv", "--gate").code == 1
    assert evals("compare", "poor", "good", "--labels", "l.csv", "--gate").code == 0
    found = evals("compare", "good", "poor", "--labels", "l.csv", "--json")
    assert found.code == 0 and found.json[0]["outcome"] == "worse" and found.json[0]["clusters"] == 12
    assert evals("compare", "good", "absent", "--labels", "l.csv").code == 2


def test_only_a_run_with_the_shipped_prompts_is_blessed(evals: Evals, runs: tuple[str, str]) -> None:
    good, poor = runs
    assert evals("bless", good).code == 0 and saved(Path("baselines")) == [good]
    done = evals("bless", poor)
    assert done.code == 2 and "Move its files into prompts/" in done.err and saved(Path("baselines")) == [good]


# --- the report split -------------------------------------------------------------------------------------------


def test_looks_at_the_report_split_are_counted_and_its_words_not_shown(evals: Evals, endpoint: OpenAIServer, library: Library) -> None:
    write_cases(Path("both"), library, tune=3, report=3)
    endpoint.always = judge(load_dataset(library, "both"))
    ask = ("run", "--cases", "both", "--model", "test-model")
    done = evals(*ask)
    assert "The report split has been looked at 1 times" in done.out
    assert "looked at 1 times" in evals(*ask).out, "the same look again"
    good = saved()[0]
    endpoint.always = judge(load_dataset(library, "both"), wrong=["main-request-walked"])
    shipped = (ROOT / "prompts" / "grade_section.md").read_text()
    Path("try.md").write_text(shipped.replace("You grade", "Please grade"))
    poor = evals(*ask, "--set", "grade_section=try.md", "--json").json["id"]
    told, found = evals("compare", good, poor), evals("compare", good, poor, "--json")
    assert "looked at 3 times" in told.out
    for text in (told.out, found.out):
        assert "Bergen" in text and "Tartu" not in text and "ticket-sales" not in text
    assert len(Path("looks.jsonl").read_text().splitlines()) == 3


# --- conduct ----------------------------------------------------------------------------------------------------


def test_conduct_tells_figures_for_every_turn_and_shows_no_words_of_the_report_split(
    evals: Evals, warm: None, library: Library, no_network: None
) -> None:
    write_cases(Path("both"), library, tune=2, report=2)
    found = evals("conduct", "--cases", "both", "--json")
    assert found.code == 0 and found.json["positions"] == 8
    assert found.json["right_section"] == {"share": 1.0, "of": 8}
    told = evals("conduct", "--cases", "both", "--show", "99")
    assert told.code == 0 and "8 turns of recorded candidates" in told.out and "ticket-sales" not in told.out


def test_a_model_s_questions_are_recorded_and_asked_once(evals: Evals, warm: None, endpoint: OpenAIServer) -> None:
    endpoint.always = says("And what happens then?")
    ask = ("conduct", "--cases", "cases", "--model", "test-model", "--json")
    missing = evals(*ask, "--executor", "none")
    assert missing.code == 3 and "utterances of test-model are not recorded" in missing.err and missing.out == ""
    first = evals(*ask)
    assert first.code == 0 and first.json["positions"] == 12
    asked = len(endpoint.requests)
    assert asked > 0 and evals(*ask, "--executor", "none").json == first.json and len(endpoint.requests) == asked
    assert evals(*ask, "--executor", "batch").code == 2


# --- the rest ---------------------------------------------------------------------------------------------------


def test_the_schema_of_cases_is_json(evals: Evals) -> None:
    done = evals("schema")
    assert done.code == 0 and {"verdict", "passes"} <= set(json.dumps(done.json).replace('"', " ").split())


def test_the_real_process_exits_with_its_code_and_one_line(tmp_path: Path, library: Library) -> None:
    write_cases(tmp_path / "cases", library, tune=1)
    command = [sys.executable, "-m", "evals", "run", "--cases", str(tmp_path / "cases"), "--model", "test-model", "--store", str(tmp_path / "r.db")]
    missing = subprocess.run([*command, "--executor", "none"], cwd=ROOT, capture_output=True, text=True)
    assert missing.returncode == 3 and "url-shortener-a section 0" in missing.stderr and "Traceback" not in missing.stderr


def test_an_error_is_one_line_and_no_traceback(evals: Evals) -> None:
    done = evals(*ASK, "--variant", "mystery")
    assert done.err.startswith("Error: There is no variant 'mystery'") and done.err.count("\n") == 1 and done.out == ""


def test_a_run_takes_what_an_earlier_one_got(evals: Evals, endpoint: OpenAIServer) -> None:
    assert evals(*ASK, "--case", "team-chat-a").code == 0
    store = ReplyStore("data/evals/replies.db")
    assert len(store) == 2
    store.close()
    assert "2 on file, 10 to get" in evals(*ASK, "--plan").out


def test_play_prints_figures_and_exits_1_when_a_check_fails(evals: Evals, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = ("play", "--scenario", "url-shortener", "--persona", "silent", "--minutes", "15", "--no-grade")
    done = evals(*chosen, "--json")
    assert (done.code, done.json["failed"], done.json["personas"]["silent"]["interviews"]) == (0, [], 1)
    monkeypatch.setattr("agent.play.MOST_TURNS", 2)
    failed = evals(*chosen)
    assert failed.code == 1 and "url-shortener, silent: broke off" in failed.err
    assert evals("play", "--persona", "shy").code == 2


def test_every_command_that_the_documents_name_is_there() -> None:
    root = Path(__file__).parent.parent
    documents = [root / "README.md", *root.glob("docs/*.md"), *root.glob("evals/**/README.md")]
    named = {command for path in documents for command in re.findall(r"python -m evals ([a-z-]+)", path.read_text(encoding="utf-8"))}
    there = {command.name or (command.callback.__name__ if command.callback else "") for command in app.registered_commands}
    assert named >= {"clarify", "conduct", "play", "run"} and named <= there
