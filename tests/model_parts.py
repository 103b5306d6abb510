"""What the tests of the model path share: a form to fill in, a model at a test server, and words heard from a stream."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import BaseModel

from agent.llm import Message, OpenAIChatModel
from tests.openai_server import OpenAIServer

ASKED = [Message("system", "You answer."), Message("user", "Where, and how many?")]


class Place(BaseModel):
    """A form with a field whose name is also a word of JSON Schema."""

    title: str
    people: int


@asynccontextmanager
async def model_at(server: OpenAIServer, timeout: float = 5.0, first_token: float = 5.0) -> AsyncIterator[OpenAIChatModel]:
    """A model at a test server. The times are short where a test waits for them to be over, and long everywhere else."""
    model = OpenAIChatModel("test-model", server.url, "test-key", timeout, first_token)
    try:
        yield model
    finally:
        await model.close()


async def heard(words: AsyncIterator[str], into: list[str] | None = None) -> str:
    """The whole of what was said; `into` keeps the pieces that came before a failure."""
    pieces = [] if into is None else into
    async for piece in words:
        pieces.append(piece)
    return "".join(pieces)
