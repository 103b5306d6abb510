"""A real HTTP server on loopback with the Files and Batch APIs beside chat completions: well, or as badly as a test tells it to.

    with BatchServer() as server:
        server.reply = lambda line: answers({"title": "Lisbon"})
        ... BatchExecutor(OpenAIChatModel("any", server.url, "key"), ledger) ...
        assert server.submitted == [...]

It outlives its clients: what was submitted stays, whichever process submitted it. `at` names the moments at which a test can step in.
"""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.openai_server import OpenAIServer

Line = dict[str, Any]
Step = Callable[[], object]
LOST = "lost"  # what a step returns when the request is to be lost at that moment
USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


@dataclass(frozen=True)
class Result:
    """What becomes of one line."""

    body: Any = None
    status: int = 200
    error: dict[str, str] | None = None  # the line was not executed
    raw: str | None = None  # sent in place of the line
    absent: bool = False  # in neither file


def answers(value: Any, **choice: Any) -> Result:
    """A completion: a text, or a value as JSON."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    told = {"index": 0, "message": {"role": "assistant", "content": text, "refusal": None}, "finish_reason": "stop", **choice}
    return Result({"id": "c1", "object": "chat.completion", "created": 0, "model": "any", "choices": [told], "usage": USAGE})


def refused(status: int, message: str) -> Result:
    """A line that the endpoint answered with an error."""
    return Result({"error": {"message": message, "type": "invalid_request_error", "param": None, "code": None}}, status)


def not_run(code: str, message: str) -> Result:
    """A line that was never executed: batch_expired, batch_cancelled, request_timeout."""
    return Result(error={"code": code, "message": message})


@dataclass
class Batch:
    """A batch as the server keeps it."""

    id: str
    file: str
    metadata: dict[str, str] | None
    lines: list[Line]
    status: str = "validating"
    looks: int = 0  # how often it was retrieved
    output: str | None = None
    errors: str | None = None
    faults: list[str] = field(default_factory=list)
    created: int = field(default_factory=lambda: int(time.time()))


class BatchServer(OpenAIServer):
    """Serves /v1/files and /v1/batches too."""

    def __init__(self) -> None:
        super().__init__()
        self._app = Starlette(
            routes=[
                Route("/v1/files", self._upload, methods=["POST"]),
                Route("/v1/files/{id}/content", self._content, methods=["GET"]),
                Route("/v1/batches", self._create, methods=["POST"]),
                Route("/v1/batches", self._list, methods=["GET"]),
                Route("/v1/batches/{id}", self._retrieve, methods=["GET"]),
                Route("/v1/batches/{id}/cancel", self._cancel, methods=["POST"]),
            ]
        )

    def reset(self) -> None:
        """Forget files, batches and habits."""
        super().reset()
        self.files: dict[str, bytes] = {}
        self.batches: list[Batch] = []
        self.reply: Callable[[Line], Result] = lambda line: answers({"title": "Lisbon", "people": 1})
        self.ends = "completed"  # how every batch ends
        self.faults: list[str] = []  # why one failed at validation
        self.looks = 2  # a batch has ended when it is looked at this often
        self.failing: list[int] = []  # HTTP statuses that the next calls get, whatever they ask for
        self.calls: list[str] = []  # method and path of every call
        self.at: dict[str, Step] = {}  # upload, uploaded, create, created, retrieve, content
        self.creation = 0.0  # seconds until a batch that is asked for is on the list
        self._ids = 0

    @property
    def submitted(self) -> list[str]:
        """The custom ids of every line of every batch, in order."""
        return [line["custom_id"] for batch in self.batches for line in batch.lines]

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        if not scope["path"].startswith(("/v1/files", "/v1/batches")):
            await super()._serve(scope, receive, send)
            return
        self.calls.append(f"{scope['method']} {scope['path']}")
        if self.failing:
            await _error(self.failing.pop(0), "scripted failure")(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _step(self, moment: str) -> bool:
        """Whether the request goes no further."""
        return self.at.get(moment, lambda: None)() is LOST

    def _new(self, kind: str) -> str:
        self._ids += 1
        return f"{kind}_{self._ids}"

    # -- files --

    async def _upload(self, request: Request) -> Response:
        async with request.form() as form:
            sent: Any = form["file"]
            content, name, purpose = await sent.read(), sent.filename, form["purpose"]
        if self._step("upload"):
            return _error(503, "lost")
        if purpose != "batch":
            return _error(400, f"Purpose {purpose} is not known here.")
        made = self._new("file")
        self.files[made] = content
        self._step("uploaded")
        about = {"id": made, "object": "file", "bytes": len(content), "created_at": 0, "filename": name, "purpose": purpose, "status": "processed"}
        return JSONResponse(about)

    async def _content(self, request: Request) -> Response:
        self._step("content")
        found = self.files.get(request.path_params["id"])
        return _error(404, "No such File object") if found is None else Response(found, media_type="application/octet-stream")

    # -- batches --

    async def _create(self, request: Request) -> Response:
        asked, pause = await request.json(), self.creation
        if self._step("create"):
            return _error(503, "lost")
        await asyncio.sleep(pause)
        content = self.files.get(asked["input_file_id"])
        if content is None or asked["completion_window"] != "24h" or asked["endpoint"] != "/v1/chat/completions":
            return _error(400, "This is no batch.")
        lines = [json.loads(line) for line in content.splitlines()]
        batch = Batch(self._new("batch"), asked["input_file_id"], asked.get("metadata"), lines)
        self.batches.append(batch)
        self._step("created")
        return JSONResponse(_shown(batch))

    async def _list(self, request: Request) -> Response:
        newest_first = self.batches[::-1]
        limit = int(request.query_params.get("limit", 20))
        if not 1 <= limit <= 100:
            return _error(400, "limit is between 1 and 100")
        after = request.query_params.get("after")
        start = next((n for n, batch in enumerate(newest_first, 1) if batch.id == after), 0)
        page = [_shown(batch) for batch in newest_first[start : start + min(limit, 2)]]  # short pages, so that every client must turn them
        ids = [batch["id"] for batch in page] or [None]
        more = start + len(page) < len(newest_first)
        return JSONResponse({"object": "list", "data": page, "first_id": ids[0], "last_id": ids[-1], "has_more": more})

    async def _retrieve(self, request: Request) -> Response:
        self._step("retrieve")
        batch = self._found(request)
        if batch is None:
            return _error(404, "No such batch")
        batch.looks += 1
        if batch.status in ("validating", "in_progress"):
            batch.status = "in_progress"
            if batch.looks >= self.looks:
                self._end(batch)
        return JSONResponse(_shown(batch))

    async def _cancel(self, request: Request) -> Response:
        batch = self._found(request)
        if batch is None:
            return _error(404, "No such batch")
        if batch.status in ("validating", "in_progress"):
            self._end(batch, "cancelled")
        return JSONResponse(_shown(batch))

    def _found(self, request: Request) -> Batch | None:
        return next((batch for batch in self.batches if batch.id == request.path_params["id"]), None)

    def _end(self, batch: Batch, how: str = "") -> None:
        batch.status = how or self.ends
        if batch.status == "failed":
            batch.faults = self.faults
            return
        output: list[str] = []
        errors: list[str] = []
        for line in reversed(batch.lines):  # the order of the output is not that of the input
            result = self.reply(line)
            if not result.absent:
                well = result.error is None and result.status == 200
                (output if well else errors).append(result.raw or json.dumps(self._told(line, result), ensure_ascii=False))
        batch.output, batch.errors = self._file(output), self._file(errors)

    def _told(self, line: Line, result: Result) -> Line:
        response = None if result.error else {"status_code": result.status, "request_id": "r1", "body": result.body}
        return {"id": self._new("batch_req"), "custom_id": line["custom_id"], "response": response, "error": result.error}

    def _file(self, lines: list[str]) -> str | None:
        if not lines:
            return None
        made = self._new("file")
        self.files[made] = "".join(line + "\n" for line in lines).encode()
        return made


def _shown(batch: Batch) -> dict[str, Any]:
    errors = {"object": "list", "data": [{"code": "invalid", "message": fault, "param": None, "line": 1} for fault in batch.faults]}
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "input_file_id": batch.file,
        "completion_window": "24h",
        "status": batch.status,
        "output_file_id": batch.output,
        "error_file_id": batch.errors,
        "errors": errors if batch.faults else None,
        "created_at": batch.created,
        "metadata": batch.metadata,
        "request_counts": {"total": len(batch.lines), "completed": 0, "failed": 0},
    }


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "type": "error", "param": None, "code": None}}, status)
