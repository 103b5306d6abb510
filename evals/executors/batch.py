"""`batch`: the provider's Batch API, which answers within a day at half the price. A killed process submits nothing twice.

What is to be submitted is written down before it is, and the batch carries that mark as metadata: whatever moment a process dies
at, the next one finds the batch by its mark, or knows that there is none.
"""

import asyncio
import hashlib
import json
import logging
import sqlite3
import time
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ValidationError

from agent.errors import ConfigurationError, MalformedReply, ModelUnavailable
from agent.llm import OpenAIChatModel
from agent.replies import Kept, Rejected, ReplyStore, Request
from evals.executors import Outcome

MOST_LINES, MOST_BYTES = 50_000, 200_000_000  # of one input file, by the Batch API's reference
ENDED = frozenset({"completed", "failed", "expired", "cancelled"})  # validating, in_progress, finalizing and cancelling go on
MARK = "intent"  # the key of a batch's metadata
POLL = 30.0  # seconds between two looks at a batch
SETTLED = 60.0  # seconds after which a batch whose creation was under way is on the provider's list, or never will be
CALL, TRANSFER = 60.0, 900.0  # seconds for a call, and for a whole file
TRIES, FIRST_PAUSE, LONGEST_PAUSE = 5, 0.5, 120.0  # of one call; seconds before the second, doubled each time

log = logging.getLogger(__name__)
Given = TypeVar("Given")


class BatchExecutor:
    """Submits requests by file and waits for the batches, those of earlier runs too."""

    name = "batch"

    def __init__(
        self,
        model: OpenAIChatModel,
        ledger: Path,
        poll: float = POLL,
        most_lines: int = MOST_LINES,
        most_bytes: int = MOST_BYTES,
        settled: float = SETTLED,
    ) -> None:
        self._model, self._path, self._poll, self._settled = model, ledger, poll, settled
        self._most_lines, self._most_bytes = most_lines, most_bytes

    async def fill(self, requests: Sequence[Request], store: ReplyStore) -> AsyncGenerator[Outcome]:
        """An outcome a request, batch by batch as they end. What is under way already is waited for, and not submitted again."""
        asked = {request.digest: request for request in requests}
        with Ledger(self._path) as ledger:
            try:
                await self._settle(ledger)
            except ModelUnavailable as error:
                for digest in asked:
                    yield Outcome(digest, error)
                return
            submitted = ledger.submitted()
            for lines in self._files(request for digest, request in asked.items() if digest not in submitted):
                try:
                    await self._submit(ledger, lines)
                except ModelUnavailable as error:
                    for digest in lines:
                        yield Outcome(digest, error)
            async for outcome in self._collect(ledger, asked, store):
                yield outcome

    # --- submitting ---------------------------------------------------------------------------------------------

    async def _settle(self, ledger: "Ledger") -> None:
        """Find out what became of batches whose creation was not seen through."""
        intents = ledger.unsettled()
        begun = [moment for moment in intents.values() if moment is not None]
        found: dict[str, str] = {}
        if begun:
            await asyncio.sleep(min(self._settled, max(begun) + self._settled - time.time()))
            found = await self._patiently(lambda: self._search(intents), TRANSFER)
        for intent in intents:
            if intent in found:
                ledger.created(intent, found[intent])
            else:
                ledger.forget(intent)

    async def _search(self, intents: Iterable[str]) -> dict[str, str]:
        """Intent -> batch. The order of the provider's list is not documented, so all of it is read."""
        marks = set(intents)
        found = {(batch.metadata or {}).get(MARK): batch.id async for batch in self._model.client.batches.list(limit=100)}
        return {mark: batch for mark, batch in found.items() if mark in marks}

    def _files(self, requests: Iterable[Request]) -> Iterator[dict[str, bytes]]:
        """Digest -> line, a file at a time."""
        lines: dict[str, bytes] = {}
        size = 0
        for request in requests:
            line = self._line(request)
            if lines and (len(lines) == self._most_lines or size + len(line) > self._most_bytes):
                yield lines
                lines, size = {}, 0
            lines[request.digest] = line
            size += len(line)
        if lines:
            yield lines

    def _line(self, request: Request) -> bytes:
        assert request.form is not None, "a run asks for forms only"
        body = self._model.body(request.messages, request.form)
        asked = {"custom_id": request.digest, "method": "POST", "url": "/v1/chat/completions", "body": body}
        return json.dumps(asked).encode() + b"\n"

    async def _submit(self, ledger: "Ledger", lines: Mapping[str, bytes]) -> None:
        content, intent = b"".join(lines.values()), uuid.uuid4().hex
        ledger.intend(intent, hashlib.sha256(content).hexdigest(), lines)
        named, client = (f"{intent}.jsonl", content), self._model.client
        file = await self._patiently(lambda: client.files.create(file=named, purpose="batch", timeout=TRANSFER), TRANSFER)
        ledger.creating(intent)
        # Never tried twice: what seems to have failed may have been created, and the next `fill` looks for it.
        create = client.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h", metadata={MARK: intent})
        batch = await self._model.called(create, CALL)
        ledger.created(intent, batch.id)
        log.info("Batch %s: %d requests.", batch.id, len(lines))

    async def _patiently(self, call: Callable[[], Awaitable[Given]], timeout: float) -> Given:
        """A call that does no harm when it is made again."""
        pause = FIRST_PAUSE
        for _ in range(TRIES - 1):
            try:
                return await self._model.called(call(), timeout)
            except ModelUnavailable as error:
                if not error.transient:
                    raise
                await asyncio.sleep(min(LONGEST_PAUSE, max(error.retry_after, pause)))
                pause *= 2
        return await self._model.called(call(), timeout)

    # --- collecting ---------------------------------------------------------------------------------------------

    async def _collect(self, ledger: "Ledger", asked: Mapping[str, Request], store: ReplyStore) -> AsyncGenerator[Outcome]:
        waiting = ledger.waiting(asked)
        missed: Counter[str] = Counter()
        while waiting:
            for batch in list(waiting):
                try:
                    replies = await self._replies(batch)
                except ModelUnavailable as error:
                    missed[batch.id] += 1
                    if missed[batch.id] < TRIES:
                        log.warning("Batch %s cannot be read just now: %s", batch.id, error)
                        continue
                    waiting.remove(batch)
                    for digest in batch.digests:
                        yield Outcome(digest, self._unread(batch, error))
                    continue
                missed[batch.id] = 0
                if replies is not None:
                    waiting.remove(batch)
                    for digest in batch.digests:
                        yield self._take(asked[digest], replies, batch, store)
                    ledger.taken(batch)
            if waiting:
                await asyncio.sleep(self._poll)

    def _unread(self, batch: "Batch", error: ModelUnavailable) -> ModelUnavailable:
        advice = f"Its requests stay with it, and the next run looks again; if it is lost, delete {self._path} to submit them anew."
        return ModelUnavailable(f"Batch {batch.id} cannot be read. {error} {advice}")

    async def _replies(self, batch: "Batch") -> "Replies | None":
        """What a batch brought; None while it is still at work. An expired or cancelled one may have brought a part."""
        client = self._model.client
        found = await self._model.called(client.batches.retrieve(batch.id), CALL)
        if found.status not in ENDED:
            return None
        lines: dict[str, Line] = {}
        for file in filter(None, (found.error_file_id, found.output_file_id)):
            content = await self._model.called(client.files.content(file, timeout=TRANSFER), TRANSFER)
            lines.update(_read(content.content))
        faults = [fault.message or "" for fault in (found.errors and found.errors.data) or []]
        return Replies(lines, f"Batch {batch.id} ended as {found.status} without this reply. {' '.join(faults[:3])}".strip())

    def _take(self, request: Request, replies: "Replies", batch: "Batch", store: ReplyStore) -> Outcome:
        assert request.form is not None
        try:
            filled = self._model.read(replies.body(request.digest), request.form)
        except MalformedReply as error:
            store.reject(Rejected(request.digest, error.answer, str(error), batch.at))  # taken twice after a crash, it counts once
            return Outcome(request.digest, error)
        except ModelUnavailable as error:
            return Outcome(request.digest, error)
        store.keep(Kept(request.digest, request.model, filled.value.model_dump_json(), filled.usage))
        return Outcome(request.digest)


# --- what comes back --------------------------------------------------------------------------------------------


class Response(BaseModel):
    """What the endpoint answered to one line."""

    status_code: int
    body: Any = None


class Fault(BaseModel):
    """Why a line has no answer."""

    message: str = ""


class Line(BaseModel):
    """One line of an output file or an error file."""

    custom_id: str
    response: Response | None = None
    error: Fault | None = None


@dataclass(frozen=True)
class Replies:
    """The lines of a batch that ended, by digest, and what to say of requests without one."""

    lines: Mapping[str, Line]
    otherwise: str

    def body(self, digest: str) -> Any:
        """The reply to a request. ModelUnavailable says why there is none."""
        line = self.lines.get(digest)
        if line is None:
            raise ModelUnavailable(self.otherwise)
        if line.response is None or line.response.status_code != 200:
            status = f"HTTP {line.response.status_code}" if line.response else "no response"
            raise ModelUnavailable(f"The batch brought {status} for this request. {_told(line)}".strip())
        return line.response.body


def _told(line: Line) -> str:
    if line.error is not None:
        return line.error.message
    body = line.response.body if line.response else None
    error = body.get("error") if isinstance(body, dict) else None
    return str(error.get("message") or "") if isinstance(error, dict) else ""


def _read(content: bytes) -> Iterator[tuple[str, Line]]:
    """The lines of a file; one that is not in the API's form counts as not there."""
    for text in content.split(b"\n"):
        if text.strip():
            try:
                line = Line.model_validate_json(text)
            except ValidationError:
                log.warning("A line of a batch's output is not in the API's form: %r", text[:100])
                continue
            yield line.custom_id, line


# --- the ledger -------------------------------------------------------------------------------------------------

_TABLES = """
create table if not exists batches (intent text primary key, input text, at text, creating real, batch text);
create table if not exists lines (intent text, digest text, taken int default 0, primary key (intent, digest));
"""


@dataclass(frozen=True)
class Batch:
    """A batch that was submitted, and the requests that are still to be taken from it."""

    intent: str
    id: str
    at: str  # when it was intended (UTC)
    digests: list[str] = field(default_factory=list, compare=False)


class Ledger:
    """What was submitted, in an SQLite file. A step is on disk before the next is taken; one process at a time may hold it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._base = sqlite3.connect(path, isolation_level=None, timeout=0)
            # The first write takes the lock; the system gives it back when the process dies.
            self._base.executescript(f"pragma locking_mode=exclusive; pragma synchronous=extra; begin exclusive; {_TABLES} commit;")
        except sqlite3.Error as error:
            advice = "Wait for the run that holds it, or use another store." if "locked" in str(error) else "Move it away."
            raise ConfigurationError(f"The ledger of batches {path} cannot be used: {error}. {advice}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._base.close()

    def intend(self, intent: str, content: str, digests: Iterable[str]) -> None:
        """These requests are about to be submitted in a file with this SHA-256."""
        self._base.execute("begin")
        self._base.execute(
            "insert into batches values (?, ?, ?, null, null)", (intent, content, datetime.now(UTC).isoformat(timespec="microseconds"))
        )
        self._base.executemany("insert into lines (intent, digest) values (?, ?)", [(intent, digest) for digest in digests])
        self._base.execute("commit")

    def creating(self, intent: str) -> None:
        """From now on there may be a batch."""
        self._base.execute("update batches set creating = ? where intent = ?", (time.time(), intent))

    def created(self, intent: str, batch: str) -> None:
        """There is a batch."""
        self._base.execute("update batches set batch = ? where intent = ?", (batch, intent))

    def forget(self, intent: str) -> None:
        """There is no batch, and never will be."""
        self._base.execute("begin")
        self._base.execute("delete from lines where intent = ?", (intent,))
        self._base.execute("delete from batches where intent = ?", (intent,))
        self._base.execute("commit")

    def unsettled(self) -> dict[str, float | None]:
        """Intents without a batch, with the moment (seconds since the epoch) at which its creation began, if it did."""
        return dict(self._base.execute("select intent, creating from batches where batch is null"))

    def submitted(self) -> set[str]:
        """The requests whose batch has not been taken in, or may yet turn out to exist."""
        return {digest for (digest,) in self._base.execute("select digest from lines where not taken")}

    def waiting(self, asked: Iterable[str]) -> list[Batch]:
        """The batches that answer some of these requests, oldest first."""
        rows = self._base.execute(
            "select batches.intent, batch, at, digest from batches join lines using (intent) where batch is not null and not taken order by at"
        )
        wanted = set(asked)
        found: dict[str, Batch] = {}
        for intent, batch, at, digest in rows:
            if digest in wanted:
                found.setdefault(intent, Batch(intent, batch, at)).digests.append(digest)
        return list(found.values())

    def taken(self, batch: Batch) -> None:
        """What it brought for these requests is in the store, or was not there: whoever asks again submits them again."""
        self._base.execute("begin")
        rows = [(batch.intent, digest) for digest in batch.digests]
        self._base.executemany("update lines set taken = 1 where intent = ? and digest = ?", rows)
        self._base.execute("commit")
