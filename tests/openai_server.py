"""A real HTTP server on loopback that speaks the OpenAI chat completions protocol: well, or as badly as a test tells it to.

    with OpenAIServer() as server:
        server.script(says("Hello."), fails(429, retry_after=1), drips("and on and on"))
        ... OpenAIChatModel("any", server.url, "key") ...
        assert len(server.requests) == 3

Each request takes the next behaviour of the script; when the script is over, `always` is taken.
"""

import asyncio
import json
import re
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import uvicorn

Send = Callable[[dict[str, Any]], Any]
Receive = Callable[[], Any]


@dataclass(frozen=True)
class Behaviour:
    """What the server does with one request."""

    text: str = "What would you ask me first?"
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    before: float = 0.0  # seconds until the first word
    between: float = 0.0  # seconds between two words
    endless: bool = False  # says the text again and again
    finish: str | None = "stop"  # None: the stream ends without a finish_reason
    ends: Literal["well", "closed", "reset", "dead", "open"] = "well"  # the connection; dead: the whole server; open: never ends
    after: int | None = None  # words (characters of a reply that is not streamed) after which it ends so; None: after all
    refusal: str | None = None
    choices: bool = True
    raw: str | None = None  # sent in place of the body, or of the event after `after` words


def says(text: str, finish: str | None = "stop", **more: Any) -> Behaviour:
    """A reply in these words."""
    return Behaviour(text, finish=finish, **more)


def fills(value: Any) -> Behaviour:
    """A reply that is this value as JSON."""
    return Behaviour(json.dumps(value))


def fails(status: int, message: str = "scripted failure", **headers: object) -> Behaviour:
    """An HTTP status; `retry_after=1` sends that header."""
    return Behaviour(message, status=status, headers={name.replace("_", "-"): str(value) for name, value in headers.items()})


def drips(text: str, every: float) -> Behaviour:
    """A word every so many seconds, for ever: each read is quick, and the whole never ends."""
    return Behaviour(text, between=every, endless=True)


def hangs() -> Behaviour:
    """Takes the request and says nothing."""
    return Behaviour(before=3600.0)


def breaks_off(text: str, after: int, how: Literal["closed", "reset", "dead", "open"] = "closed") -> Behaviour:
    """Some words, then the connection is closed or reset, the whole server dies, or nothing comes any more."""
    return Behaviour(text, after=after, ends=how)


@dataclass
class Kept:
    """A request that the server received."""

    body: dict[str, Any]
    headers: dict[str, str]
    at: float  # monotonic seconds
    hung_up: threading.Event = field(default_factory=threading.Event)  # the connection ended before the reply was over

    @property
    def form(self) -> str | None:
        """The way in which a form was asked for."""
        wanted: dict[str, str] = self.body.get("response_format", {})
        return wanted.get("type")

    @property
    def streamed(self) -> bool:
        """Whether words were asked for as they come."""
        return bool(self.body.get("stream"))

    @property
    def text(self) -> str:
        """Everything that was asked, as one text."""
        return "\n".join(message["content"] for message in self.body["messages"])


class OpenAIServer:
    """Serves POST /v1/chat/completions from a thread of its own; a context manager."""

    def __init__(self) -> None:
        self._port = 0
        self.reset()

    def reset(self) -> None:
        """Forget requests, script and habits."""
        self.requests: list[Kept] = []
        self.always: Behaviour | Callable[[Kept], Behaviour] = Behaviour()
        self.refused_forms: dict[str, int] = {}  # response_format type -> HTTP status
        self.refused_parameters: set[str] = set()
        self._script: deque[Behaviour] = deque()

    def script(self, *behaviours: Behaviour) -> None:
        """What the next requests get, in turn."""
        self._script.extend(behaviours)

    @property
    def url(self) -> str:
        """The base URL for a client."""
        return f"http://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen; on the same port as before, if it was stopped."""
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self._port))
        self._port = listening.getsockname()[1]
        config = uvicorn.Config(
            self._serve, interface="asgi3", log_config=None, log_level="critical", lifespan="off", ws="none", http="h11", loop="asyncio"
        )
        self._uvicorn = _Uvicorn(config)
        self._thread = threading.Thread(target=self._uvicorn.run, args=([listening],), daemon=True)
        self._thread.start()
        assert self._uvicorn.ready.wait(10), "the server did not start"

    def stop(self) -> None:
        """Hang up on everybody and stop to listen. Harmless when it is dead already."""
        self._uvicorn.kill_from_outside()
        self._thread.join(10)

    # -- serving --

    async def _serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        request = Kept(json.loads(body), headers, time.monotonic())
        self.requests.append(request)
        work = asyncio.ensure_future(_Reply(self._chosen(request), request, send, self._uvicorn, scope["client"]).perform())
        gone = asyncio.ensure_future(receive())  # answers as soon as the caller is gone
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            request.hung_up.set()
        work.cancel()
        gone.cancel()
        await asyncio.gather(work, gone, return_exceptions=True)

    def _chosen(self, request: Kept) -> Behaviour:
        if request.form in self.refused_forms:
            return fails(self.refused_forms[request.form], f"response_format {request.form} is not known here")
        for name in sorted(self.refused_parameters & set(request.body)):
            return fails(400, f"Unsupported parameter: '{name}' is not supported with this model.")
        chosen = self._script.popleft() if self._script else self.always
        return chosen(request) if callable(chosen) else chosen


@dataclass
class _Reply:
    """One reply on its way."""

    behaviour: Behaviour
    request: Kept
    send: Send
    server: "_Uvicorn"
    client: tuple[str, int]

    async def perform(self) -> None:
        told = self.behaviour
        await asyncio.sleep(told.before)
        if told.status != 200:
            error = {"message": told.text, "type": "error", "param": None, "code": None}
            await self._whole(json.dumps({"error": error}))
        elif self.request.streamed:
            await self._stream()
        else:
            await self._whole(told.raw if told.raw is not None else json.dumps(self._completion()))

    async def _stream(self) -> None:
        told = self.behaviour
        await self._start("text/event-stream")
        await self._event({"role": "assistant", "content": ""})
        if told.refusal:
            await self._event({"refusal": told.refusal})
        words = re.findall(r"\s*\S+\s*", told.text)
        while told.endless:
            for word in words:
                await self._event({"content": word})
                await asyncio.sleep(told.between)
        for word in words[: told.after]:
            await self._event({"content": word})
            await asyncio.sleep(told.between)
        if told.raw is not None:
            await self._write(told.raw)
        if told.finish is not None and told.after is None:
            await self._event({}, told.finish)
            await self._write(f"data: {json.dumps(self._chunk([]))}\n\n")  # usage comes in an event without a choice
            if told.ends == "well":
                await self._write("data: [DONE]\n\n")
        await self._end()

    async def _end(self) -> None:
        if self.behaviour.ends == "well":
            await self.send({"type": "http.response.body", "body": b""})
            return
        if self.behaviour.ends == "dead":
            self.server.kill()
        elif self.behaviour.ends != "open":
            self.server.hang_up(self.client, reset=self.behaviour.ends == "reset")
        await asyncio.Event().wait()

    async def _event(self, delta: dict[str, Any], finish: str | None = None) -> None:
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}] if self.behaviour.choices else []
        await self._write(f"data: {json.dumps(self._chunk(choices))}\n\n")

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {"id": "c1", "object": "chat.completion.chunk", "created": 0, "model": self.request.body["model"], "choices": choices}

    def _completion(self) -> dict[str, Any]:
        told = self.behaviour
        message = {"role": "assistant", "content": None if told.refusal else told.text, "refusal": told.refusal}
        choices = [{"index": 0, "message": message, "finish_reason": told.finish}] if told.choices else []
        return {"id": "c1", "object": "chat.completion", "created": 0, "model": self.request.body["model"], "choices": choices}

    async def _whole(self, body: str) -> None:
        await self._start("application/json")
        while self.behaviour.endless:  # white space before the body, as some gateways send it to keep a connection open
            await self._write(" ")
            await asyncio.sleep(self.behaviour.between)
        await self._write(body[: self.behaviour.after])
        await self._end()

    async def _start(self, kind: str) -> None:
        headers = {"content-type": kind, **self.behaviour.headers}
        wire = [(name.encode(), value.encode()) for name, value in headers.items()]
        await self.send({"type": "http.response.start", "status": self.behaviour.status, "headers": wire})

    async def _write(self, text: str) -> None:
        await self.send({"type": "http.response.body", "body": text.encode(), "more_body": True})


class _Uvicorn(uvicorn.Server):
    """Uvicorn that tells when it listens, and that can hang up on a caller or die at once."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        self.ready.set()

    def hang_up(self, client: tuple[str, int], reset: bool) -> None:
        """Drop one caller's connection: closed (FIN), or reset (RST) as a crashed host does."""
        for connection in list(self.server_state.connections):
            if getattr(connection, "client", None) == tuple(client):
                if reset:
                    linger = struct.pack("ii", 1, 0)
                    connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                connection.transport.abort()

    def kill(self) -> None:
        """Drop every connection and refuse new ones."""
        for listening in self.servers:
            listening.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        self.should_exit = self.force_exit = True

    def kill_from_outside(self) -> None:
        """The same, from another thread."""
        with suppress(RuntimeError):  # it is dead already
            self._loop.call_soon_threadsafe(self.kill)
