"""What the tests of the model path share: a form to fill in, a model at a test server, and words heard from a stream."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache

from pydantic import BaseModel

from agent.assembly import readers
from agent.encoder import Encoder
from agent.estimator import Estimator
from agent.library import Library, load_library
from agent.llm import Message, OpenAIChatModel
from tests.openai_server import Behaviour, Kept, OpenAIServer, fills, says

ASKED = [Message("system", "You answer."), Message("user", "Where, and how many?")]


@cache
def estimator() -> Estimator:
    """What reads a candidate's words; loaded once."""
    return readers(load_library(), Encoder())[1]


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


def judging(library: Library, quote: str, question: str = "Where does the code come from?") -> Callable[[Kept], Behaviour]:
    """A model that speaks when it is asked to, and meets the first criterion of whatever section it grades, where the quote was said."""

    def behaviour(request: Kept) -> Behaviour:
        if request.streamed:
            return says(question, between=0.01)
        rubric = next((rubric for rubric in library.rubrics.values() if f"### {rubric.criteria[0].id}" in request.text), None)
        if rubric is None:  # the response to a constraint change
            return fills({"before": [], "after": [], "reason": "Not said.", "verdict": "not_observed"})
        verdicts = [{"criterion": c.id, "quotes": [], "reason": "Not said.", "verdict": "not_observed"} for c in rubric.criteria]
        if quote in request.text:
            verdicts[0] = {"criterion": rubric.criteria[0].id, "quotes": [quote], "reason": "It says so.", "verdict": "met"}
        return fills({"verdicts": verdicts})

    return behaviour
