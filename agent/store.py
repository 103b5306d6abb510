"""The event log: numbered events per interview, and who attends it. SQLite is what the tests run on; SQLAlchemy takes other URLs."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import (
    Column,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine import Connection, Engine, make_url
from sqlalchemy.exc import IntegrityError, OperationalError, SQLAlchemyError

from agent.errors import ConfigurationError, Conflict, NotFound
from agent.events import EVENT, Answered, AnyEvent, Started

METADATA = MetaData()
EVENTS = Table(
    "events",
    METADATA,
    Column("interview", String(32), primary_key=True),
    Column("n", Integer, primary_key=True),
    Column("message", String(64), nullable=True),
    Column("body", Text, nullable=False),
    UniqueConstraint("interview", "message"),
)
# The one thing that is not an event: how far the clock has run. It changes every few seconds, and only the latest matters.
INTERVIEWS = Table(
    "interviews",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("owner", String(64), nullable=False, index=True),
    Column("elapsed", Float, nullable=False, default=0.0),
    Column("beat", Float, nullable=True),  # when the clock was last read while running; null: it stands still
    Column("server", String(32), nullable=True),  # the process that read it: after a crash it is another one
)


@dataclass(frozen=True)
class Attendance:
    """How far an interview's clock has run: `elapsed` seconds up to `beat`; it stands still when `beat` is None."""

    elapsed: float
    beat: float | None
    server: str | None


class EventStore:
    """Reads and appends events. Synchronous: call it from a thread. An event is either written whole or not at all."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        try:
            METADATA.create_all(self._engine)
        except SQLAlchemyError as error:
            raise ConfigurationError(
                f"The database {_shown(url)} cannot be used: {error.__cause__ or error}. Check AGENT_DATABASE_URL or AGENT_DATA."
            ) from None

    def create(self, started: Started) -> str:
        """A new interview that has just started; returns its id."""
        interview = secrets.token_hex(8)
        with self._engine.begin() as db:
            db.execute(insert(INTERVIEWS).values(id=interview, owner=started.owner, elapsed=0.0, beat=None, server=None))
            _append(db, interview, 0, [started])
        return interview

    def append(self, interview: str, after: int, events: Sequence[AnyEvent]) -> None:
        """Append events to a log that holds `after` events. Raises Conflict when it holds more, or knows the message already."""
        try:
            with self._engine.begin() as db:
                _append(db, interview, after, events)
        except IntegrityError:
            raise Conflict(
                "This interview went on elsewhere in the meantime, or this message was already received. Reload to see where it is."
            ) from None
        except OperationalError as error:
            raise Conflict(f"The interview could not be saved ({error.__cause__}). Nothing was changed; send it again.") from None

    def events(self, interview: str, owner: str | None = None) -> list[AnyEvent]:
        """All events in order. NotFound when there is no such interview, or it belongs to somebody else than `owner`."""
        with self._engine.connect() as db:
            found = db.execute(select(INTERVIEWS.c.owner).where(INTERVIEWS.c.id == interview)).scalar_one_or_none()
            if found is None or (owner is not None and found != owner):
                raise NotFound(f"There is no interview {interview!r}.")
            rows = db.execute(select(EVENTS.c.body).where(EVENTS.c.interview == interview).order_by(EVENTS.c.n)).scalars()
            return [EVENT.validate_json(body) for body in rows]

    def interviews(self, owner: str | None = None) -> list[str]:
        """The ids of all interviews (of one owner), newest first."""
        started = select(INTERVIEWS.c.id, EVENTS.c.body).join(EVENTS, EVENTS.c.interview == INTERVIEWS.c.id).where(EVENTS.c.n == 0)
        if owner is not None:
            started = started.where(INTERVIEWS.c.owner == owner)
        with self._engine.connect() as db:
            rows = [(json.loads(body).get("at", 0.0), name) for name, body in db.execute(started)]
        return [name for _, name in sorted(rows, reverse=True)]

    def erase(self, interview: str) -> None:
        """Remove an interview and everything that was said. NotFound when there is none."""
        with self._engine.begin() as db:
            db.execute(delete(EVENTS).where(EVENTS.c.interview == interview))
            gone = db.execute(delete(INTERVIEWS).where(INTERVIEWS.c.id == interview)).rowcount
        if not gone:
            raise NotFound(f"There is no interview {interview!r}.")

    def attendance(self, interview: str) -> Attendance:
        """How far the clock has run."""
        with self._engine.connect() as db:
            row = db.execute(select(INTERVIEWS.c.elapsed, INTERVIEWS.c.beat, INTERVIEWS.c.server).where(INTERVIEWS.c.id == interview)).one_or_none()
        if row is None:
            raise NotFound(f"There is no interview {interview!r}.")
        return Attendance(row.elapsed, row.beat, row.server)

    def attend(self, interview: str, now: Attendance) -> None:
        """Keep how far the clock has run."""
        with self._engine.begin() as db:
            db.execute(update(INTERVIEWS).where(INTERVIEWS.c.id == interview).values(elapsed=now.elapsed, beat=now.beat, server=now.server))

    def close(self) -> None:
        """Give the connections back."""
        self._engine.dispose()


def _append(db: Connection, interview: str, after: int, events: Sequence[AnyEvent]) -> None:
    held = db.execute(select(func.count()).select_from(EVENTS).where(EVENTS.c.interview == interview)).scalar_one()
    if held != after:
        raise Conflict("This interview went on elsewhere in the meantime. Reload to see where it is.")
    rows = [
        {"interview": interview, "n": after + i, "message": one.message if isinstance(one, Answered) else None, "body": one.model_dump_json()}
        for i, one in enumerate(events)
    ]
    if rows:
        db.execute(insert(EVENTS), rows)


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return create_engine(url, pool_pre_ping=True)
    except (SQLAlchemyError, ImportError, ValueError) as error:
        raise ConfigurationError(f"The database URL {_shown(url)} is wrong: {error}. Example: sqlite:///data/interviews.db") from None
    if parsed.database in (None, "", ":memory:"):
        raise ConfigurationError("An interview needs a database that outlives a connection. Example: sqlite:///data/interviews.db")
    try:
        Path(str(parsed.database)).parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"The folder of the database {parsed.database} cannot be made: {error.strerror}. Set AGENT_DATA.") from None
    engine = create_engine(url, connect_args={"timeout": 15})

    @event.listens_for(engine, "connect")
    def _durable(connection: object, _: object) -> None:
        cursor = connection.cursor()  # type: ignore[attr-defined]
        cursor.execute("PRAGMA journal_mode=WAL")  # readers do not wait for the writer
        cursor.execute("PRAGMA synchronous=FULL")  # an acknowledged answer survives a power cut
        cursor.close()

    return engine


def _shown(url: str) -> str:
    try:
        return make_url(url).render_as_string(hide_password=True)
    except (SQLAlchemyError, ValueError):
        return "in AGENT_DATABASE_URL"
