"""What language models replied, kept by what they were asked: recordings that app, tests and evals share.

The key is a digest of the canonical request, so renaming a prompt costs nothing and editing a character of it costs its calls.
Only replies that fit their form are kept as such; what was rejected is kept apart and counted, and never answers a request.
"""

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from agent.errors import ConfigurationError, InterviewError
from agent.forms import strict_schema

Form = TypeVar("Form", bound=BaseModel)
KIND = "chat.completions"  # the endpoint kind that every request of ours goes to
PATIENCE = 30.0  # seconds that a process waits for another one's write
_TABLES = """
create table if not exists replies (digest text primary key, model text, answer text, tokens_in int, tokens_out int, seconds real, at text);
create table if not exists rejected (digest text, answer text, why text, at text, primary key (digest, answer, at));
"""


@dataclass(frozen=True)
class Message:
    """One message of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Sampling:
    """How a model draws its words."""

    temperature: float
    max_tokens: int


@dataclass(frozen=True)
class Request:
    """What a model is asked, whichever way its endpoint takes it. `repeat` tells trials of the same question apart."""

    model: str
    messages: tuple[Message, ...]
    sampling: Sampling
    form: type[BaseModel] | None = None  # None: spoken words
    repeat: int = 0

    @cached_property
    def digest(self) -> str:
        """The key of its reply: 64 hexadecimal digits."""
        canonical = {
            "kind": KIND,
            "model": self.model,
            "messages": [[message.role, message.content] for message in self.messages],
            "sampling": asdict(self.sampling),
            "schema": _schema(self.form) if self.form else None,
            "repeat": self.repeat,
        }
        return hashlib.sha256(json.dumps(canonical, sort_keys=True, ensure_ascii=False).encode()).hexdigest()

    @property
    def characters(self) -> int:
        """How long it is; about four make a token."""
        return sum(len(message.content) for message in self.messages) + (len(_schema(self.form)) if self.form else 0)


@lru_cache
def _schema(form: type[BaseModel]) -> str:
    return json.dumps(strict_schema(form), sort_keys=True)


class MissingReply(InterviewError):
    """No recording answers a request, and no model may be asked."""

    def __init__(self, request: Request) -> None:
        super().__init__(f"There is no recording of {request.model} for request {request.digest[:12]}.")
        self.request = request


@dataclass(frozen=True)
class Usage:
    """Tokens of a call, as the endpoint counted them; 0 where it did not say."""

    tokens_in: int = 0
    tokens_out: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(self.tokens_in + other.tokens_in, self.tokens_out + other.tokens_out)


UNCOUNTED = Usage()


@dataclass(frozen=True)
class Kept:
    """A validated reply: its text, what it cost, how many seconds it took and when it was given (UTC)."""

    digest: str
    model: str
    answer: str
    usage: Usage = UNCOUNTED
    seconds: float = 0.0
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="milliseconds"))

    def as_form(self, form: type[Form]) -> Form:
        """The answer as the form that was asked for; ConfigurationError when somebody changed it on file."""
        try:
            return form.model_validate_json(self.answer)
        except ValidationError as error:
            raise ConfigurationError(
                f"The recording of {self.model} for request {self.digest[:12]} is no {form.__name__}: {_problem(error)}."
            ) from None


@dataclass(frozen=True)
class Rejected:
    """A reply that did not fit its form, and why."""

    digest: str
    answer: str
    why: str
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="microseconds"))


class _Line(BaseModel):
    """A line of recordings: a validated reply."""

    model_config = ConfigDict(strict=True)

    digest: str
    model: str
    answer: str
    tokens: tuple[int, int]
    seconds: float
    at: str


class _RejectedLine(BaseModel):
    """A line of recordings: a reply that did not fit."""

    model_config = ConfigDict(strict=True)

    digest: str
    rejected: str
    why: str
    at: str


class ReplyStore:
    """Replies in one SQLite file. A reply is on file as soon as `keep` returns: a killed process asks for nothing twice."""

    def __init__(self, path: Path | str = ":memory:") -> None:
        try:
            if path != ":memory:":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._lock = threading.Lock()
            self._base = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=PATIENCE)
            self._prepare()
        except (sqlite3.Error, OSError) as error:
            raise ConfigurationError(f"The reply store {path} cannot be used: {error}. Move it away or name another file.") from None

    def _prepare(self) -> None:
        """Make the tables. Who changes a file's journal mode is not kept waiting by SQLite, but told at once that it is locked."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self._base.executescript("pragma journal_mode=wal; pragma synchronous=normal;" + _TABLES)
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    def find(self, digest: str) -> Kept | None:
        """The reply to a request."""
        row = self._one("select digest, model, answer, tokens_in, tokens_out, seconds, at from replies where digest = ?", digest)
        return _kept(row) if row else None

    def keep(self, reply: Kept) -> None:
        """Put a validated reply on file; the first one to a request stays."""
        values = (reply.digest, reply.model, _whole(reply.answer), reply.usage.tokens_in, reply.usage.tokens_out, reply.seconds, reply.at)
        self._run("insert or ignore into replies values (?,?,?,?,?,?,?)", [values])

    def reject(self, reply: Rejected) -> None:
        """Put a reply that did not fit on file, apart."""
        self._run("insert or ignore into rejected values (?,?,?,?)", [(reply.digest, _whole(reply.answer), _whole(reply.why), reply.at)])

    def rejections(self, digest: str) -> int:
        """How many replies to a request did not fit."""
        return int(self._one("select count(*) from rejected where digest = ?", digest)[0])

    def __len__(self) -> int:
        return int(self._one("select count(*) from replies")[0])

    # --- recordings ---------------------------------------------------------------------------------------------

    def write(self, path: Path, digests: Iterable[str]) -> int:
        """Write the replies to these requests (and what was rejected on the way) as sorted JSON Lines, united with what the
        file holds already. Returns how many lines it holds."""
        united = ReplyStore()
        if path.exists():
            united.read(path)
        for digest in digests:
            found = self.find(digest)
            if found:
                united.keep(found)
            for rejected in self._rejected("where digest = ?", digest):
                united.reject(rejected)
        lines = sorted(united._lines())
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        part.replace(path)
        return len(lines)

    def read(self, path: Path) -> int:
        """Take in recordings; ConfigurationError names the line that is none. Returns how many lines were read."""
        kept: list[tuple[Any, ...]] = []
        rejected: list[tuple[Any, ...]] = []
        number = 0
        for number, line in enumerate(_lines_of(path), 1):
            try:
                if "rejected" in json.loads(line):
                    no = _RejectedLine.model_validate_json(line)
                    rejected.append((no.digest, no.rejected, no.why, no.at))
                else:
                    yes = _Line.model_validate_json(line)
                    kept.append((yes.digest, yes.model, yes.answer, *yes.tokens, yes.seconds, yes.at))
            except (ValueError, TypeError) as error:
                raise ConfigurationError(f"{path}:{number}: not a recording ({_problem(error)}). Take the file from version control again.") from None
        self._run("insert or ignore into replies values (?,?,?,?,?,?,?)", kept)
        self._run("insert or ignore into rejected values (?,?,?,?)", rejected)
        return number

    def unite(self, other: "ReplyStore") -> None:
        """Take in everything that another store holds."""
        for reply in other._replies():
            self.keep(reply)
        for rejected in other._rejected():
            self.reject(rejected)

    def _lines(self) -> Iterator[str]:
        for reply in self._replies():
            tokens = [reply.usage.tokens_in, reply.usage.tokens_out]
            shown = {"digest": reply.digest, "model": reply.model, "answer": reply.answer, "tokens": tokens, "seconds": reply.seconds, "at": reply.at}
            yield json.dumps(shown, ensure_ascii=False)
        for rejected in self._rejected():
            yield json.dumps({"digest": rejected.digest, "rejected": rejected.answer, "why": rejected.why, "at": rejected.at}, ensure_ascii=False)

    def _replies(self) -> list[Kept]:
        return [_kept(row) for row in self._all("select digest, model, answer, tokens_in, tokens_out, seconds, at from replies")]

    def _rejected(self, where: str = "", *values: str) -> list[Rejected]:
        return [Rejected(*row) for row in self._all(f"select digest, answer, why, at from rejected {where}", *values)]  # noqa: S608  (our own words)

    # --- the file -----------------------------------------------------------------------------------------------

    def _one(self, query: str, *values: str) -> Any:
        with self._lock:
            return self._base.execute(query, values).fetchone()

    def _all(self, query: str, *values: str) -> list[Any]:
        with self._lock:
            return self._base.execute(query, values).fetchall()

    def _run(self, command: str, rows: list[tuple[Any, ...]]) -> None:
        with self._lock:
            self._base.execute("begin immediate")
            try:
                self._base.executemany(command, rows)
            except sqlite3.Error:
                self._base.execute("rollback")
                raise
            self._base.execute("commit")


def _kept(row: Any) -> Kept:
    digest, model, answer, tokens_in, tokens_out, seconds, at = row
    return Kept(digest, model, answer, Usage(tokens_in, tokens_out), seconds, at)


def _whole(text: str) -> str:
    """Text that can be written: halves of a character that a model sent apart are joined, and a lone half becomes a replacement mark."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _lines_of(path: Path) -> list[str]:
    """The lines of a file. A reply may hold other characters that `splitlines` takes for ends of a line."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}.") from None
    return text.removesuffix("\n").split("\n") if text else []


def _problem(error: Exception) -> str:
    if isinstance(error, ValidationError):
        fault = error.errors()[0]
        return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
    return str(error)
