"""Language models behind one small protocol: any OpenAI-compatible endpoint, or a script."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from openai import APIConnectionError, APIStatusError, APITimeoutError, AsyncOpenAI, OpenAIError
from pydantic import BaseModel, ValidationError

from agent.errors import MalformedReply, ModelUnavailable

log = logging.getLogger(__name__)
Reply = TypeVar("Reply", bound=BaseModel)
Mode = Literal["json_schema", "json_object", "text"]
LADDER: tuple[Mode, ...] = ("json_schema", "json_object", "text")
MOST_SPOKEN = 400  # tokens of an utterance: an interviewer is brief
MOST_GRADED = 6000  # tokens of a structured reply
RETRY_STATUS = frozenset({408, 409, 425, 429})  # and every 5xx: worth one more try


@dataclass(frozen=True)
class Message:
    """One message of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


class ChatModel(Protocol):
    """A language model that can speak (streamed) and fill in a form."""

    name: str

    def stream(self, messages: Sequence[Message]) -> AsyncIterator[str]:
        """The words of a reply as they come. Raises ModelUnavailable, also when the reply breaks off."""
        ...

    async def structured(self, messages: Sequence[Message], form: type[Reply]) -> Reply:
        """A reply as a value of `form`. Raises ModelUnavailable, or MalformedReply after one repair."""
        ...


class OpenAIChatModel:
    """Any endpoint that speaks the OpenAI chat protocol.

    Servers differ in how they take a form: json_schema, then json_object, then plain text is tried, and what worked is
    remembered. Every call has a wall-clock deadline of its own, because the client's is per read.
    """

    def __init__(self, name: str, base_url: str | None, api_key: str | None, timeout: float = 60.0, first_token: float = 20.0) -> None:
        self.name = name
        self._timeout, self._first_token = timeout, first_token
        self._client = AsyncOpenAI(base_url=base_url, api_key=api_key or "none", max_retries=0, timeout=timeout)
        self._mode: Mode | None = None

    async def stream(self, messages: Sequence[Message]) -> AsyncIterator[str]:
        """One request; a retry only while nothing was said yet."""
        for attempt in (1, 2):
            said = False
            try:
                async for piece in self._streamed(messages):
                    said = True
                    yield piece
                return
            except ModelUnavailable as error:
                if said or attempt == 2 or not error.transient:
                    raise
                await asyncio.sleep(0.3)

    async def _streamed(self, messages: Sequence[Message]) -> AsyncIterator[str]:
        finish: str | None = None
        said = False
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._first_token) as deadline:
                overall = loop.time() + self._timeout
                answer = await self._client.chat.completions.create(
                    model=self.name, messages=_wire(messages), stream=True, max_tokens=MOST_SPOKEN, temperature=0.6
                )
                async with answer:
                    async for chunk in answer:
                        if not chunk.choices:
                            continue
                        choice = chunk.choices[0]
                        finish = choice.finish_reason or finish
                        if choice.delta.content:
                            said = True
                            deadline.reschedule(overall)
                            yield choice.delta.content
        except TimeoutError:
            raise _failure(f"{self.name} took too long", transient=False) from None
        except (OpenAIError, OSError) as error:
            raise _named(self.name, error) from error
        except (ValueError, AttributeError, TypeError) as error:  # an event that is not what the protocol says
            raise _failure(f"{self.name} sent something that is not a reply ({type(error).__name__})", transient=True) from error
        if finish is None:  # the connection closed without an end mark: what came may be half a sentence
            raise _failure(f"{self.name} broke off in mid-reply", transient=True)
        if finish == "content_filter" or not said:
            raise _failure(f"{self.name} gave no words ({finish})", transient=False)

    async def structured(self, messages: Sequence[Message], form: type[Reply]) -> Reply:
        """Steps down the ladder of ways to ask for a form, once per endpoint; then one repair of a malformed reply."""
        try:
            async with asyncio.timeout(self._timeout):
                text = await self._answer(messages, form)
                try:
                    return parse(text, form)
                except MalformedReply as error:
                    repair = [*messages, Message("assistant", text), Message("user", f"{error} Answer again with nothing but the corrected JSON.")]
                    return parse(await self._answer(repair, form), form)
        except TimeoutError:
            raise _failure(f"{self.name} took longer than {self._timeout:.0f} s", transient=False) from None

    async def _answer(self, messages: Sequence[Message], form: type[BaseModel]) -> str:
        rungs = LADDER if self._mode is None else LADDER[LADDER.index(self._mode) :]
        for mode in rungs:
            try:
                text = await self._complete(messages, form, mode)
            except ModelUnavailable as error:
                if mode == "text" or not error.refused:
                    raise
                log.info("%s does not take %s; trying the next way", self.name, mode)
                continue
            self._mode = mode
            return text
        raise _failure(f"{self.name} takes no form", transient=False)

    async def _complete(self, messages: Sequence[Message], form: type[BaseModel], mode: Mode) -> str:
        options: dict[str, Any] = {}
        if mode == "json_schema":
            options["response_format"] = {"type": "json_schema", "json_schema": {"name": form.__name__, "schema": strict_schema(form), "strict": True}}
        else:
            messages = _with_form(messages, form)
            if mode == "json_object":
                options["response_format"] = {"type": "json_object"}
        for attempt in (1, 2):
            try:
                answer = await self._client.chat.completions.create(
                    model=self.name, messages=_wire(messages), max_tokens=MOST_GRADED, temperature=0.0, **options
                )
                return _text_of(self.name, answer)
            except (OpenAIError, OSError) as error:
                failure = _named(self.name, error)
                if failure.refused and self._mode is None and mode != "text":
                    raise failure from error  # this server may not know the form: step down rather than try again
                if attempt == 2 or not failure.transient:
                    raise failure from error
                await asyncio.sleep(0.5)
        raise AssertionError("unreachable")


def parse(text: str, form: type[Reply]) -> Reply:
    """Read a form from a reply that may wrap it in a fence or in words. Raises MalformedReply that says what is wrong."""
    fence = re.search(r"```(?:json)?\s*(.*?)```", text, re.DOTALL)
    body = fence[1] if fence else text
    start, end = body.find("{"), body.rfind("}")
    if start < 0 or end < start:
        raise MalformedReply("The reply holds no JSON object.")
    try:
        return form.model_validate(json.loads(body[start : end + 1], strict=False))
    except json.JSONDecodeError as error:
        raise MalformedReply(f"The reply is not JSON: {error.msg} at character {error.pos}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise MalformedReply(f"The reply does not fit the form: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from None


def strict_schema(form: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a form as strict endpoints want it: every field required, nothing else allowed."""

    def tighten(node: Any) -> Any:
        if isinstance(node, dict):
            node = {key: tighten(value) for key, value in node.items() if key not in ("default", "title", "description")}
            if node.get("type") == "object" and "properties" in node:
                node["additionalProperties"] = False
                node["required"] = list(node["properties"])
        elif isinstance(node, list):
            node = [tighten(item) for item in node]
        return node

    schema: dict[str, Any] = tighten(form.model_json_schema())
    return schema


def _with_form(messages: Sequence[Message], form: type[BaseModel]) -> list[Message]:
    rule = f"\n\nAnswer with one JSON object that fits this JSON Schema, and nothing else:\n{json.dumps(strict_schema(form))}"
    first = next((i for i, message in enumerate(messages) if message.role == "system"), 0)
    return [Message(m.role, m.content + rule) if i == first else m for i, m in enumerate(messages)]


def _wire(messages: Sequence[Message]) -> Any:
    return [{"role": message.role, "content": message.content} for message in messages]


def _text_of(name: str, answer: Any) -> str:
    choices = getattr(answer, "choices", None)
    if not choices:
        raise _failure(f"{name} sent a reply without content", transient=True)
    choice = choices[0]
    if getattr(choice.message, "refusal", None):
        raise _failure(f"{name} refused to answer", transient=False)
    return choice.message.content or ""


def _failure(message: str, transient: bool, refused: bool = False) -> ModelUnavailable:
    return ModelUnavailable(f"The model {message}.", transient, refused)


def _named(name: str, error: Exception) -> ModelUnavailable:
    """An SDK's error as ours, in words that say what to do."""
    if isinstance(error, APITimeoutError):
        return _failure(f"{name} took too long", transient=False)
    if isinstance(error, APIStatusError):
        status = error.status_code
        told = {401: "does not accept the key; check OPENAI_API_KEY", 403: "may not be used with this key", 404: "is not known at this endpoint"}
        words = told.get(status, f"answered with HTTP {status}")
        # A server that does not know response_format says 400, 422, 501 or (llama-cpp-python) 500.
        return _failure(f"{name} {words}", transient=status in RETRY_STATUS or status >= 500, refused=status in (400, 404, 415, 422, 500, 501))
    if isinstance(error, APIConnectionError):
        return _failure(f"{name} cannot be reached", transient=True)
    return _failure(f"{name} failed ({type(error).__name__})", transient=True)


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

    async def stream(self, messages: Sequence[Message]) -> AsyncIterator[str]:
        """The next line, a word at a time."""
        for piece in re.findall(r"\S+\s*", self._next(messages)):
            await asyncio.sleep(0)
            yield piece

    async def structured(self, messages: Sequence[Message], form: type[Reply]) -> Reply:
        """The next line, read as the form."""
        return parse(self._next(messages), form)

    def _next(self, messages: Sequence[Message]) -> str:
        self.requests.append(tuple(messages))
        if not self._left:
            raise ModelUnavailable("The script of the scripted model is over.")
        line = self._left[0] if self.repeat and len(self._left) == 1 else self._left.pop(0)
        if isinstance(line, Exception):
            raise line
        return line(messages) if callable(line) else line
