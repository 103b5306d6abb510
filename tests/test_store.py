"""The event log is the interview: numbered, unique, durable."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.errors import ConfigurationError, Conflict, NotFound
from agent.events import Answered, SectionOpened, Started
from agent.library import Library
from agent.store import Attendance, EventStore

ANSWER = Answered(section="0", text="So.", message="m1")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    made = EventStore(f"sqlite:///{tmp_path / 'deep' / 'interviews.db'}")
    yield made
    made.close()


@pytest.fixture
def begun(library: Library) -> Started:
    return Started(
        scenario=library.scenario("team-chat"), level="mid", minutes=45, sections=("0",), model="embedded", grader="embedded", seed=1, owner="me"
    )


def test_events_come_back_as_they_were(store: EventStore, begun: Started) -> None:
    name = store.create(begun)
    opened = SectionOpened(section="0", seconds=60, elapsed=1.5, at=7.0)
    store.append(name, 1, [opened, ANSWER])
    assert store.events(name) == [begun, opened, ANSWER]
    assert store.events(name, owner="me") == [begun, opened, ANSWER]


def test_who_comes_second_is_told_and_writes_nothing(store: EventStore, begun: Started) -> None:
    name = store.create(begun)
    store.append(name, 1, [ANSWER])
    with pytest.raises(Conflict):
        store.append(name, 1, [ANSWER.model_copy(update={"message": "m2"})])
    assert len(store.events(name)) == 2


def test_a_message_is_kept_once(store: EventStore, begun: Started) -> None:
    name = store.create(begun)
    store.append(name, 1, [ANSWER])
    with pytest.raises(Conflict):
        store.append(name, 2, [ANSWER])
    assert len(store.events(name)) == 2


def test_a_batch_is_written_whole_or_not_at_all(store: EventStore, begun: Started) -> None:
    name = store.create(begun)
    with pytest.raises(Conflict):
        store.append(name, 1, [ANSWER, ANSWER])
    assert len(store.events(name)) == 1


def test_another_owner_finds_nothing(store: EventStore, begun: Started) -> None:
    name = store.create(begun)
    with pytest.raises(NotFound):
        store.events(name, owner="somebody else")
    assert store.interviews("somebody else") == []
    assert store.interviews("me") == store.interviews() == [name]


def test_interviews_are_listed_newest_first(store: EventStore, begun: Started) -> None:
    names = [store.create(begun.model_copy(update={"at": at})) for at in (3.0, 9.0, 5.0)]
    assert store.interviews("me") == [names[1], names[2], names[0]]


def test_how_far_the_clock_has_run_is_kept(store: EventStore, begun: Started) -> None:
    name = store.create(begun)
    assert store.attendance(name) == Attendance(0.0, None, None)
    store.attend(name, Attendance(12.5, 99.0, "a"))
    assert store.attendance(name) == Attendance(12.5, 99.0, "a")


def test_what_is_erased_is_gone(store: EventStore, begun: Started) -> None:
    name = store.create(begun)
    store.erase(name)
    for missing in (lambda: store.events(name), lambda: store.attendance(name), lambda: store.erase(name)):
        with pytest.raises(NotFound):
            missing()


def test_what_was_appended_survives_the_process(tmp_path: Path, begun: Started) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    first = EventStore(url)
    name = first.create(begun)
    first.append(name, 1, [ANSWER])
    second = EventStore(url)
    assert second.events(name) == [begun, ANSWER]
    first.close()
    second.close()


@pytest.mark.parametrize("url", ["nonsense", "sqlite://", "sqlite:///:memory:", "oracle+nosuch://x/y"])
def test_a_database_that_cannot_be_used_is_refused_in_words(url: str) -> None:
    with pytest.raises(ConfigurationError, match=r"sqlite:///data/interviews\.db"):
        EventStore(url)


def test_a_password_in_a_url_is_not_told() -> None:
    with pytest.raises(ConfigurationError) as refused:
        EventStore("nosuch://me:secret@127.0.0.1/x")
    assert "secret" not in str(refused.value)


def test_a_folder_that_cannot_be_made_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="AGENT_DATA"):
        EventStore(f"sqlite:///{tmp_path / 'file' / 'x.db'}")


def test_a_file_that_is_no_database_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("this is not a database, it is a letter to my aunt " * 50)
    with pytest.raises(ConfigurationError, match="not a database"):
        EventStore(f"sqlite:///{tmp_path / 'x.db'}")


def test_not_one_word_of_an_erased_interview_stays_in_the_database(tmp_path: Path, store: EventStore, begun: Started) -> None:
    gone, stays = store.create(begun), store.create(begun)
    store.append(gone, 1, [ANSWER])
    store.append(stays, 1, [ANSWER])
    store.erase(gone)
    with closing(sqlite3.connect(tmp_path / "deep" / "interviews.db")) as raw:
        assert {row[0] for row in raw.execute("SELECT interview FROM events")} == {stays}
        assert [row[0] for row in raw.execute("SELECT id FROM interviews")] == [stays]
    assert store.events(stays) == [begun, ANSWER]


def test_an_answer_that_cannot_be_written_is_refused_in_words(tmp_path: Path, store: EventStore, begun: Started) -> None:
    name = store.create(begun)
    with closing(sqlite3.connect(tmp_path / "deep" / "interviews.db")) as raw:
        raw.execute("DROP TABLE events")
    with pytest.raises(Conflict, match="could not be saved"):
        store.append(name, 1, [ANSWER])


def test_what_was_acknowledged_survives_a_power_cut_and_readers_do_not_wait(store: EventStore) -> None:
    with store._engine.connect() as db:
        assert db.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2  # FULL
        assert db.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
