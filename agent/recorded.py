"""A chat model over recordings: what was asked before is answered from the store, and what was not is asked once and kept."""

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol, TypeVar

from pydantic import BaseModel

from agent.errors import InterviewError, MalformedReply
from agent.llm import GRADED, SPOKEN, ChatModel, Filled
from agent.replies import Kept, Message, MissingReply, Rejected, ReplyStore, Request

Reply = TypeVar("Reply", bound=BaseModel)


class FillingModel(Protocol):
    """Fills in forms, and tells what that cost."""

    name: str

    async def fill(self, messages: Sequence[Message], form: type[Reply]) -> Filled[Reply]:
        """The form, filled in. Raises ModelUnavailable or MalformedReply."""
        ...


class WholeModel(ChatModel, FillingModel, Protocol):
    """A model that speaks and fills in forms."""


class RecordedChatModel:
    """Answers from a store. Without a `model` a request that was never answered raises MissingReply.

    `repeat` tells the trials of one question apart; `failures` holds what went wrong with requests that are not asked again;
    `asked` collects the digests of all forms that were asked for.
    """

    def __init__(
        self,
        name: str,
        store: ReplyStore,
        model: WholeModel | None = None,
        repeat: int = 0,
        failures: Mapping[str, InterviewError] = MappingProxyType({}),
        asked: set[str] | None = None,
    ) -> None:
        self.name = name
        self._store, self._model, self._repeat, self._failures = store, model, repeat, failures
        self._asked = set() if asked is None else asked

    async def stream(self, messages: Sequence[Message]) -> AsyncGenerator[str]:
        """The words that were said before, or the model's; those are kept when they came to their end."""
        request = Request(self.name, tuple(messages), SPOKEN, repeat=self._repeat)
        kept = self._store.find(request.digest)
        if kept is not None:
            yield kept.answer
            return
        if self._model is None:
            raise MissingReply(request)
        began, pieces = time.monotonic(), []
        async for piece in self._model.stream(messages):
            pieces.append(piece)
            yield piece
        self._store.keep(Kept(request.digest, self.name, "".join(pieces), seconds=round(time.monotonic() - began, 3)))

    async def structured(self, messages: Sequence[Message], form: type[Reply]) -> Reply:
        """The form as it was filled in before, or as the model fills it in now."""
        request = Request(self.name, tuple(messages), GRADED, form, self._repeat)
        self._asked.add(request.digest)
        kept = self._store.find(request.digest)
        if kept is not None:
            return kept.as_form(form)
        if request.digest in self._failures:
            raise self._failures[request.digest]
        if self._model is None:
            raise MissingReply(request)
        return (await record(self._model, request, form, self._store)).value


async def record(model: FillingModel, request: Request, form: type[Reply], store: ReplyStore) -> Filled[Reply]:
    """Ask a model and put what it replied on file: a form that was filled in, and apart from it what did not fit."""
    began = time.monotonic()
    try:
        filled = await model.fill(request.messages, form)
    except MalformedReply as error:
        _reject(store, request, (*error.earlier, error))
        raise
    _reject(store, request, filled.rejected)
    seconds = round(time.monotonic() - began, 3)
    store.keep(Kept(request.digest, request.model, filled.value.model_dump_json(), filled.usage, seconds))
    return filled


def _reject(store: ReplyStore, request: Request, replies: Sequence[MalformedReply]) -> None:
    for reply in replies:
        store.reject(Rejected(request.digest, reply.answer, str(reply)))
