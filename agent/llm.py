"""Language models behind one small protocol: any OpenAI-compatible endpoint, or a script."""

import asyncio
import json
import logging
import math
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Generic, Literal, Protocol, TypeVar

from openai import APIConnectionError, APIStatusError, APITimeoutError, AsyncOpenAI, BadRequestError, OpenAIError, UnprocessableEntityError
from pydantic import BaseModel

from agent.errors import MalformedReply, ModelUnavailable
from agent.forms import THOUGHT_BEGINS, THOUGHT_ENDS, parse, strict_schema
from agent.replies import UNCOUNTED, Message, Sampling, Usage

__all__ = ["ChatModel", "Filled", "Message", "OpenAIChatModel", "ScriptedChatModel"]

log = logging.getLogger(__name__)
Reply = TypeVar("Reply", bound=BaseModel)
Step = TypeVar("Step")
Mode = Literal["json_schema", "json_object", "text"]
LADDER: tuple[Mode, ...] = ("json_schema", "json_object", "text")
MOST_GRADED = 6000  # tokens of a structured reply
SPOKEN = Sampling(temperature=0.6, max_tokens=400)  # an interviewer is brief
GRADED = Sampling(temperature=0.0, max_tokens=MOST_GRADED)
THOUGHT = 8000  # tokens more for a model that thinks before it replies
RETRY_PAUSE = 0.5  # seconds before the same is asked again, unless the endpoint names a longer pause
TAIL = 1.0  # seconds a stream may take to end after its last word
REPAIR = "Answer again with nothing but the corrected JSON."
RETRY_STATUS = frozenset({408, 409, 425, 429})  # and every 5xx: worth one more try
# A server that does not know response_format says 400, 415, 422, 501 or (llama-cpp-python) 500.
REFUSED_STATUS = frozenset({400, 415, 422, 500, 501})
_UNSUPPORTED = re.compile(r"unsupport|n[o']t support|unrecogni|unknown|not permitted|not allowed|extra", re.IGNORECASE)


@dataclass(frozen=True)
class Filled(Generic[Reply]):
    """A form that a model filled in, what that cost, and the replies before it that did not fit."""

    value: Reply
    usage: Usage = UNCOUNTED
    rejected: tuple[MalformedReply, ...] = ()


class ChatModel(Protocol):
    """A language model that can speak (streamed) and fill in a form."""

    name: str

    def stream(self, messages: Sequence[Message]) -> AsyncGenerator[str]:
        """The words of a reply as they come, in one attempt. Raises ModelUnavailable, also when the reply breaks off."""
        ...

    async def structured(self, messages: Sequence[Message], form: type[Reply]) -> Reply:
        """A reply as a value of `form`. Raises ModelUnavailable, or MalformedReply after one repair."""
        ...


class OpenAIChatModel:
    """Any endpoint that speaks the OpenAI chat protocol.

    Servers differ in how they take a form (json_schema, json_object, plain text) and in which parameters they know. What a
    server refuses is tried in the next way, and what worked is remembered. Every call has a wall-clock deadline of its own,
    because the client's is per read.
    """

    def __init__(
        self, name: str, base_url: str | None, api_key: str | None, timeout: float = 60.0, first_token: float = 20.0, retries: int = 1
    ) -> None:
        self.name = name
        self._retries = retries  # of a form, for a caller that does not retry by itself
        self._timeout, self._first_token = timeout, first_token
        self._client = AsyncOpenAI(base_url=base_url, api_key=api_key or "none", max_retries=0, timeout=timeout)
        self._ladder = LADDER
        self._mode: Mode | None = None  # what worked
        self._takes_max_tokens = True  # OpenAI's reasoning models want max_completion_tokens, and no temperature
        self._takes_temperature = True

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.close()

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[str]:
        """One request, never a second one: words that were heard can be withdrawn only by the caller."""
        patience, aloud = _Patience(self._timeout, self._first_token), _Aloud()
        finish: str | None = None
        said = False
        answer = await self._within(patience, self._create(messages, SPOKEN, stream=True))
        try:
            while (piece := await self._within(patience, _next_piece(self.name, answer))) is not None:
                if piece.finish and finish is None:
                    finish, patience.whole = piece.finish, min(patience.whole, TAIL)
                if words := aloud.heard(piece.words):
                    said, patience.first = True, math.inf
                    yield words
        except ModelUnavailable:
            if finish is None:  # else everything was said, and only the end of the transfer was bad
                raise
        finally:
            await answer.close()
        if finish is None:  # the connection closed without an end mark: what came may be half a sentence
            raise _failure(f"{self.name} broke off in mid-reply", transient=True)
        if finish == "content_filter" or not said:
            raise _failure(f"{self.name} gave no words ({finish})", transient=False)

    async def structured(self, messages: Sequence[Message], form: type[Reply]) -> Reply:
        """The form, filled in."""
        return (await self.fill(messages, form)).value

    async def fill(self, messages: Sequence[Message], form: type[Reply]) -> Filled[Reply]:
        """Steps down the ladder of ways to ask for a form, once per endpoint; then one repair of a malformed reply.

        Raises what `structured` does; a MalformedReply carries the replies that did not fit.
        """
        patience = _Patience(self._timeout)
        first = await self._answer(patience, messages, form)
        try:
            return Filled(parse(first.text, form), first.usage)
        except MalformedReply as error:
            if self._mode == "json_schema":  # some servers take it and ignore it: from here on the form stands in the prompt
                self._ladder, self._mode = LADDER[1:], None
            repair = [*messages, Message("assistant", first.text or "(nothing)"), Message("user", f"{error} {REPAIR}")]
            second = await self._answer(patience, repair, form)
            try:
                return Filled(parse(second.text, form), first.usage + second.usage, (error,))
            except MalformedReply as again:
                again.earlier = (error,)
                raise

    def body(self, messages: Sequence[Message], form: type[BaseModel]) -> dict[str, Any]:
        """The body of one request for a form, for an endpoint that takes requests by file and knows JSON schemas."""
        sampling = {"max_tokens": GRADED.max_tokens, "temperature": GRADED.temperature}
        return {"model": self.name, "messages": _wire(messages), **sampling, **_by_schema(form)}

    def read(self, body: Any, form: type[Reply]) -> Filled[Reply]:
        """The form in the body of a reply that came by file. Raises ModelUnavailable or MalformedReply."""
        return Filled(parse(_text_of(self.name, body), form), _usage_of(body))

    @property
    def client(self) -> AsyncOpenAI:
        """The SDK's client, for what is no chat: files and batches. Its calls go through `called`."""
        return self._client

    async def called(self, step: Awaitable[Step], timeout: float) -> Step:
        """What a call of `client` gives within so many seconds; ModelUnavailable names what went wrong."""
        return await self._within(_Patience(timeout), step)

    async def _answer(self, patience: "_Patience", messages: Sequence[Message], form: type[BaseModel]) -> "_Said":
        known = self._mode
        for mode in self._ladder if known is None else LADDER[LADDER.index(known) :]:
            try:
                said = await self._complete(patience, messages, form, mode)
            except ModelUnavailable as error:
                out_of_order = mode == known and error.transient  # it took this form before: nothing to learn from
                if mode == "text" or not error.refused or out_of_order:
                    raise
                log.info("%s does not take %s; trying the next way", self.name, mode)
                continue
            self._mode = mode
            return said
        raise AssertionError("unreachable")

    async def _complete(self, patience: "_Patience", messages: Sequence[Message], form: type[BaseModel], mode: Mode) -> "_Said":
        options: dict[str, Any] = {}
        if mode == "json_schema":
            options = _by_schema(form)
        else:
            messages = _with_form(messages, form)
            if mode == "json_object":
                options["response_format"] = {"type": "json_object"}
        try:
            return await self._completed(patience, messages, options)
        except ModelUnavailable as failure:
            step_down = failure.refused and self._mode is None and mode != "text"  # it may not know the form: no use in asking again
            pause = max(failure.retry_after, RETRY_PAUSE)
            if step_down or not self._retries or not failure.transient or pause >= patience.whole:
                raise
            await self._within(patience, asyncio.sleep(pause))
            return await self._completed(patience, messages, options)

    async def _completed(self, patience: "_Patience", messages: Sequence[Message], options: dict[str, Any]) -> "_Said":
        answer = await self._within(patience, self._create(messages, GRADED, **options))
        return _Said(_text_of(self.name, answer), _usage_of(answer))

    async def _create(self, messages: Sequence[Message], sampling: Sampling, **options: Any) -> Any:
        """One request, as this endpoint takes it: a parameter that it refuses by name is not sent again."""
        while True:
            # What a reasoning model thinks counts as reply, so it gets more room.
            most = sampling.max_tokens
            sent: dict[str, Any] = {"max_tokens": most} if self._takes_max_tokens else {"max_completion_tokens": most + THOUGHT}
            if self._takes_temperature:
                sent["temperature"] = sampling.temperature
            body = {"model": self.name, "messages": _wire(messages), **sent, **options}
            try:
                if options.get("stream"):
                    return await self._client.chat.completions.create(**body)
                # The same call without the SDK's typed copies of request and reply, which take it longer than all of ours.
                return await self._client.post("/chat/completions", body=body, cast_to=object)
            except (BadRequestError, UnprocessableEntityError) as error:
                told = f"{error.param} {error.message}"
                if not _UNSUPPORTED.search(told):
                    raise
                if "max_tokens" in sent and "max_tokens" in told:
                    self._takes_max_tokens = False
                elif "temperature" in sent and "temperature" in told:
                    self._takes_temperature = False
                else:
                    raise

    async def _within(self, patience: "_Patience", step: Awaitable[Step]) -> Step:
        """One step of a call, against what is left of its time. Whatever goes wrong has our name."""
        try:
            return await patience.wait(step)
        except TimeoutError:
            raise _failure(f"{self.name} took too long", transient=False) from None
        except (OpenAIError, OSError) as error:
            raise _named(self.name, error) from error
        except (ValueError, AttributeError, TypeError, LookupError) as error:  # something that is not what the protocol says
            raise _failure(f"{self.name} sent something that is not a reply ({type(error).__name__})", transient=True) from error


@dataclass
class _Patience:
    """How much longer a call is waited for, in seconds. Only waiting counts: a slow listener is not the model's fault."""

    whole: float
    first: float = math.inf  # until the first word; after it, infinite

    async def wait(self, step: Awaitable[Step]) -> Step:
        """What the step gives; TimeoutError when the patience is over."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(min(self.whole, self.first)):
                return await step
        finally:
            spent = loop.time() - began
            self.whole, self.first = self.whole - spent, self.first - spent


class _Aloud:
    """Keeps back what a reasoning model thinks before it speaks, where a server sends that as part of the reply."""

    def __init__(self) -> None:
        self._held: str | None = ""

    def heard(self, piece: str) -> str:
        """What of a piece is meant for the listener."""
        if self._held is None:
            return piece
        self._held += piece
        start = self._held.lstrip()
        if THOUGHT_BEGINS.startswith(start[: len(THOUGHT_BEGINS)]) and THOUGHT_ENDS not in start:
            return ""
        self._held = None
        return start.partition(THOUGHT_ENDS)[2].lstrip() if start.startswith(THOUGHT_BEGINS) else start


@dataclass(frozen=True)
class _Piece:
    """What one event of a stream brought."""

    words: str
    finish: str | None


async def _next_piece(name: str, answer: Any) -> _Piece | None:
    """The next piece of a stream; None at its end. Events without a choice (usage, keep-alive) are passed over."""
    while (chunk := await anext(answer, None)) is not None:
        if chunk.choices:
            choice = chunk.choices[0]
            if getattr(choice.delta, "refusal", None):
                raise _failure(f"{name} refused to answer", transient=False)
            return _Piece(choice.delta.content or "", choice.finish_reason)
    return None


def _with_form(messages: Sequence[Message], form: type[BaseModel]) -> list[Message]:
    rule = f"\n\nAnswer with one JSON object that fits this JSON Schema, and nothing else:\n{json.dumps(strict_schema(form))}"
    first = next((i for i, message in enumerate(messages) if message.role == "system"), 0)
    return [Message(m.role, m.content + rule) if i == first else m for i, m in enumerate(messages)]


def _wire(messages: Sequence[Message]) -> Any:
    return [{"role": message.role, "content": message.content} for message in messages]


@dataclass(frozen=True)
class _Said:
    """A reply that was not streamed."""

    text: str
    usage: Usage


def _usage_of(body: Any) -> Usage:
    """The tokens that the endpoint counted; 0 where it does not say."""
    usage = body.get("usage") or {}
    return Usage(*(count if isinstance(count := usage.get(name), int) else 0 for name in ("prompt_tokens", "completion_tokens")))


def _by_schema(form: type[BaseModel]) -> dict[str, Any]:
    schema = {"name": form.__name__, "schema": strict_schema(form), "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _text_of(name: str, body: Any) -> str:
    """What a reply that was not streamed says; `body` is its JSON."""
    try:
        choice = body["choices"][0]
        message, finish = choice["message"], choice.get("finish_reason")
        text, refusal = message.get("content") or "", message.get("refusal")
    except (AttributeError, TypeError, LookupError):
        raise _failure(f"{name} sent a reply without content", transient=True) from None
    if refusal:
        raise _failure(f"{name} refused to answer", transient=False)
    if finish == "content_filter":
        raise _failure(f"{name} gave no words ({finish})", transient=False)
    if finish == "length":
        raise _failure(f"{name} did not finish its reply within {MOST_GRADED} tokens", transient=False)
    return str(text)


def _failure(message: str, transient: bool, refused: bool = False, retry_after: float = 0.0) -> ModelUnavailable:
    return ModelUnavailable(f"The model {message}.", transient, refused, retry_after)


def _named(name: str, error: Exception) -> ModelUnavailable:
    """An SDK's error as ours, in words that say what to do."""
    if isinstance(error, APITimeoutError):
        return _failure(f"{name} took too long", transient=False)
    if isinstance(error, APIStatusError):
        status = error.status_code
        told = {
            401: "does not accept the key; check OPENAI_API_KEY",
            403: "may not be used with this key",
            404: "is not known at this endpoint; check its name and OPENAI_BASE_URL",
            429: "is asked too often just now, or its quota is used up",
        }
        words = told.get(status, f"answered with HTTP {status}")
        again = status in RETRY_STATUS or status >= 500
        return _failure(f"{name} {words}", again, status in REFUSED_STATUS, _retry_after(error))
    if isinstance(error, APIConnectionError):
        return _failure(f"{name} cannot be reached", transient=True)
    return _failure(f"{name} failed ({type(error).__name__})", transient=True)


def _retry_after(error: APIStatusError) -> float:
    """Seconds that the endpoint asks to wait (RFC 9110, 10.2.3: seconds or a date; OpenAI adds milliseconds); 0 if it does not say."""
    headers = error.response.headers
    given = headers.get("retry-after", "")
    try:
        if "retry-after-ms" in headers:
            seconds = float(headers["retry-after-ms"]) / 1000
        elif re.fullmatch(r"\s*[\d.]+\s*", given):
            seconds = float(given)
        else:
            seconds = parsedate_to_datetime(given).timestamp() - time.time()
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return max(0.0, seconds)


# --- a scripted model -------------------------------------------------------------------------------------------

Line = str | Exception | Callable[[Sequence[Message]], str]


@dataclass
class ScriptedChatModel:
    """A model whose words are given beforehand: for the demo, the evals and tests.

    Each call takes the next line of `lines` (the last one is repeated for ever when `repeat` is set). A line is the text, an
    exception to raise, or a function of the messages. `requests` keeps what was asked.
    """

    lines: Iterable[Line] = ()
    name: str = "scripted"
    repeat: bool = False
    requests: list[Sequence[Message]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the lines a list to take from."""
        self._left = list(self.lines)

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[str]:
        """The next line, a word at a time."""
        for piece in re.findall(r"\S+\s*", self._next(messages)):
            await asyncio.sleep(0)
            yield piece

    async def structured(self, messages: Sequence[Message], form: type[Reply]) -> Reply:
        """The next line, read as the form."""
        return (await self.fill(messages, form)).value

    async def fill(self, messages: Sequence[Message], form: type[Reply]) -> Filled[Reply]:
        """The next line, read as the form, at no cost."""
        return Filled(parse(self._next(messages), form))

    def _next(self, messages: Sequence[Message]) -> str:
        self.requests.append(tuple(messages))
        if not self._left:
            raise ModelUnavailable("The script of the scripted model is over.")
        line = self._left[0] if self.repeat and len(self._left) == 1 else self._left.pop(0)
        if isinstance(line, Exception):
            raise line
        return line(messages) if callable(line) else line
