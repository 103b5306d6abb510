"""Replies on file: a key that misses no change, recordings that go to a file and come back, and a store that several processes share."""

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from agent.errors import ConfigurationError, MalformedReply
from agent.grader import GivenVerdicts
from agent.llm import GRADED, SPOKEN, Message
from agent.prompts import Prompts
from agent.replies import Kept, Rejected, ReplyStore, Request, Sampling, Usage
from tests.model_parts import Place

ROOT = Path(__file__).parents[1]
REQUEST = Request("a-model", (Message("system", "You grade."), Message("user", "I said it.")), GRADED, Place)


@pytest.fixture
def store() -> Iterator[ReplyStore]:
    made = ReplyStore()
    yield made
    made.close()


def reply(number: int, answer: str = '{"title": "Lisbon", "people": 2}') -> Kept:
    return Kept(f"{number:064x}", "a-model", answer, Usage(10, number), 1.5, "2026-01-02T03:04:05.006+00:00")


# --- the key ----------------------------------------------------------------------------------------------------


class Other(BaseModel):
    """A form with another field."""

    title: str
    persons: int


class Longer(Place):
    """A form with one field more."""

    mayor: str


CHANGES = {
    "model": replace(REQUEST, model="a-mode1"),
    "a character of the system's message": replace(REQUEST, messages=(Message("system", "You grade,"), REQUEST.messages[1])),
    "a character of the user's message": replace(REQUEST, messages=(REQUEST.messages[0], Message("user", "I said it"))),
    "a space": replace(REQUEST, messages=(REQUEST.messages[0], Message("user", "I said it. "))),
    "a role": replace(REQUEST, messages=(Message("user", "You grade."), REQUEST.messages[1])),
    "the order of messages": replace(REQUEST, messages=REQUEST.messages[::-1]),
    "where a message ends": replace(REQUEST, messages=(Message("system", "You grade.I"), Message("user", " said it."))),
    "one message fewer": replace(REQUEST, messages=REQUEST.messages[:1]),
    "temperature": replace(REQUEST, sampling=Sampling(0.1, GRADED.max_tokens)),
    "most tokens": replace(REQUEST, sampling=Sampling(0.0, GRADED.max_tokens + 1)),
    "spoken sampling": replace(REQUEST, sampling=SPOKEN),
    "no form": replace(REQUEST, form=None),
    "a field's name": replace(REQUEST, form=Other),
    "a field more": replace(REQUEST, form=Longer),
    "repeat": replace(REQUEST, repeat=1),
}


def test_every_change_of_a_request_gives_another_key() -> None:
    digests = {name: request.digest for name, request in {"unchanged": REQUEST, **CHANGES}.items()}
    assert len(set(digests.values())) == len(digests), digests
    assert replace(REQUEST).digest == REQUEST.digest
    assert all(len(digest) == 64 for digest in digests.values())


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.data())
def test_each_character_of_a_message_counts(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text) - 1))
    other = text[:place] + ("b" if text[place] == "a" else "a") + text[place + 1 :]
    first, second = (replace(REQUEST, messages=(Message("user", content),)) for content in (text, other))
    assert first.digest != second.digest


def test_the_key_is_the_same_in_another_process() -> None:
    code = "from tests.test_replies import REQUEST; print(REQUEST.digest)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"})
    assert done.stdout.strip() == REQUEST.digest


def test_renaming_a_prompt_costs_nothing_and_editing_it_costs_its_calls(tmp_path: Path) -> None:
    text = "---\nversion: {version}\ninputs: []\n---\nYou grade{end}"
    written = {"grade": (1, "."), "renamed": (1, "."), "reversioned": (2, "."), "edited": (1, "!")}
    for name, (version, end) in written.items():
        (tmp_path / f"{name}.md").write_text(text.format(version=version, end=end))
    prompts = Prompts(tmp_path)
    key = {name: replace(REQUEST, messages=(Message("system", prompts.render(name)),)).digest for name in written}
    assert key["grade"] == key["renamed"] == key["reversioned"] != key["edited"]


# --- the store --------------------------------------------------------------------------------------------------


def test_a_reply_comes_back_as_it_was_put_in_and_the_first_one_stays(store: ReplyStore) -> None:
    store.keep(reply(1))
    store.keep(replace(reply(1), answer="another"))
    assert store.find(reply(1).digest) == reply(1)
    assert store.find(reply(2).digest) is None
    assert len(store) == 1


def test_a_reply_that_did_not_fit_is_kept_apart_and_counted(store: ReplyStore) -> None:
    digest = reply(1).digest
    store.reject(Rejected(digest, "no JSON", "The reply holds no JSON object."))
    store.reject(Rejected(digest, "no JSON either", "The reply holds no JSON object."))
    assert store.find(digest) is None and len(store) == 0
    assert (store.rejections(digest), store.rejections(reply(2).digest)) == (2, 0)


def test_half_a_character_that_a_model_sent_does_not_stop_a_run(store: ReplyStore) -> None:
    store.reject(Rejected(reply(1).digest, "Lisbon \ud83d", str(MalformedReply("The reply holds no JSON object.", "Lisbon \ud83d"))))
    store.keep(reply(2, "\ud83d\ude00 and \ud83d"))
    assert store.rejections(reply(1).digest) == 1
    assert store.find(reply(2).digest) == reply(2, "😀 and \ufffd")


def test_a_reply_survives_the_process_that_kept_it(tmp_path: Path) -> None:
    code = (
        "import os, sys; from tests.test_replies import reply; from agent.replies import ReplyStore\n"
        "ReplyStore(sys.argv[1]).keep(reply(1)); os._exit(9)"  # no close, as if killed
    )
    path = tmp_path / "folders" / "that are new" / "replies.db"
    assert subprocess.run([sys.executable, "-c", code, str(path)], cwd=ROOT, check=False).returncode == 9
    store = ReplyStore(path)
    assert store.find(reply(1).digest) == reply(1)
    store.close()


WRITES = 150


def write_many(path: str, first: str) -> None:
    """What a process of the next test does."""
    store = ReplyStore(path)
    for number in range(int(first), int(first) + WRITES):
        store.keep(reply(number))
        store.reject(Rejected(reply(number).digest, "no", "why"))
    store.close()


def test_two_processes_write_one_store_from_its_first_moment_on(tmp_path: Path) -> None:
    code = "import sys; from tests.test_replies import write_many; write_many(*sys.argv[1:])"
    command = [sys.executable, "-c", code, str(tmp_path / "replies.db")]
    # They share the middle: both want to keep the same replies there.
    writers = [subprocess.Popen([*command, str(first)], cwd=ROOT, stderr=subprocess.PIPE, text=True) for first in (0, WRITES // 2)]
    assert [(writer.communicate(timeout=60)[1], writer.returncode) for writer in writers] == [("", 0), ("", 0)]
    store = ReplyStore(tmp_path / "replies.db")
    assert len(store) == WRITES + WRITES // 2
    assert store.rejections(reply(0).digest) == 1
    store.close()


def test_a_store_that_another_process_is_just_making_is_waited_for(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "replies.db", isolation_level=None, check_same_thread=False)
    other.execute("begin immediate")
    made = threading.Timer(0.2, other.execute, ["commit"])
    made.start()
    ReplyStore(tmp_path / "replies.db").close()
    made.join()
    other.close()


def test_a_store_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("This is no database, and it is long enough to be none for certain." * 20)
    (tmp_path / "folder.db").mkdir()
    for path in (tmp_path / "text.db", tmp_path / "folder.db", tmp_path / "text.db" / "replies.db"):
        with pytest.raises(ConfigurationError, match=r"reply store .*\.db cannot be used"):
            ReplyStore(path)


# --- recordings -------------------------------------------------------------------------------------------------

HARD = 'Line one\nline two\r\u2028three\u2029four\x85five\x0bsix\x0c "quoted" \\ ünï ☃ 😀\x00'


def test_recordings_go_to_a_file_and_come_back_whatever_characters_they_hold(store: ReplyStore, tmp_path: Path) -> None:
    kept = [reply(1), reply(2, HARD), reply(3, "not recorded")]
    rejected = Rejected(kept[1].digest, HARD, "why not: " + HARD)
    for one in kept:
        store.keep(one)
    store.reject(rejected)
    path = tmp_path / "new" / "r.jsonl"
    assert store.write(path, [kept[1].digest, kept[0].digest, "f" * 64]) == 3
    other = ReplyStore()
    assert other.read(path) == 3
    assert [other.find(one.digest) for one in kept] == [kept[0], kept[1], None]
    assert other.rejections(kept[1].digest) == 1
    assert not list(path.parent.glob("*.part"))
    other.close()


def test_recordings_are_sorted_and_written_the_same_whatever_the_order(store: ReplyStore, tmp_path: Path) -> None:
    for number in (3, 1, 2):
        store.keep(reply(number))
    digests = [reply(number).digest for number in (1, 2, 3)]
    store.write(tmp_path / "a.jsonl", digests)
    store.write(tmp_path / "b.jsonl", digests[::-1])
    lines = (tmp_path / "a.jsonl").read_text().splitlines()
    assert lines == sorted(lines) and len(lines) == 3
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_writing_to_a_file_unites_and_what_is_on_file_stays(tmp_path: Path, store: ReplyStore) -> None:
    path, later = tmp_path / "r.jsonl", ReplyStore()
    for one in (reply(1), reply(2)):
        store.keep(one)
    store.write(path, [reply(1).digest, reply(2).digest])
    later.keep(reply(3))
    later.keep(replace(reply(2), answer="given later"))
    assert later.write(path, [reply(2).digest, reply(3).digest]) == 3
    both = ReplyStore()
    both.read(path)
    assert (len(both), both.find(reply(2).digest)) == (3, reply(2))
    later.close()
    both.close()


def test_stores_unite_with_what_was_rejected(tmp_path: Path, store: ReplyStore) -> None:
    other = ReplyStore(tmp_path / "other.db")
    other.keep(reply(1))
    other.reject(Rejected(reply(2).digest, "no", "why"))
    store.unite(other)
    store.unite(other)
    assert store.find(reply(1).digest) == reply(1) and store.rejections(reply(2).digest) == 1
    other.close()


GOOD = json.dumps({"digest": "0" * 64, "model": "m", "answer": "a", "tokens": [1, 2], "seconds": 1, "at": "now"})
BROKEN = {
    "cut off": GOOD[:40],
    "a conflict's mark": "<<<<<<< HEAD",
    "empty": "",
    "a list": "[1]",
    "a text": '"rejected"',
    "a field is missing": GOOD.replace('"model"', '"modell"'),
    "one token count": GOOD.replace("[1, 2]", "[1]"),
    "three token counts": GOOD.replace("[1, 2]", "[1, 2, 3]"),
    "no answer": GOOD.replace('"a"', "null"),
    "a number for an answer": GOOD.replace('"a"', "5"),
    "an object for a digest": GOOD.replace(f'"{"0" * 64}"', "{}"),
    "rejected without a reason": '{"digest": "x", "rejected": "no", "at": "now"}',
}


@pytest.mark.parametrize("line", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_line_is_named_with_file_and_number_and_nothing_is_taken_in(tmp_path: Path, store: ReplyStore, line: str) -> None:
    path = tmp_path / "recorded.jsonl"
    path.write_text("\n".join([GOOD, GOOD, line, GOOD]) + "\n")
    with pytest.raises(ConfigurationError, match=r"recorded\.jsonl:3: not a recording"):
        store.read(path)
    assert len(store) == 0


def test_recordings_that_are_not_text_are_named(tmp_path: Path, store: ReplyStore) -> None:
    (tmp_path / "bytes.jsonl").write_bytes(b"\xff\xfe")
    for name in ("bytes.jsonl", "absent.jsonl"):
        with pytest.raises(ConfigurationError, match=name):
            store.read(tmp_path / name)


def test_the_shipped_form_of_a_grading_has_a_key() -> None:
    assert len(Request("m", (Message("user", "u"),), GRADED, GivenVerdicts).digest) == 64
