"""A "Build X" problem that the candidate typed in: with a model, its hidden facts are drafted once and then fixed."""

import hashlib
import logging
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from agent.errors import MalformedReply, ModelUnavailable
from agent.library import GENERAL, Library
from agent.llm import ChatModel, Message
from agent.prompts import Prompts, fenced
from agent.schema import Fact, Scenario

log = logging.getLogger(__name__)
FEWEST_FACTS = 8  # fewer than this is no brief; the general facts serve better
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class DraftedFact(BaseModel):
    """A fact as the model drafts it."""

    model_config = ConfigDict(extra="ignore")

    topic: Line
    short: Line
    answer: Line
    asks: list[Line] = Field(min_length=1)


class DraftedBrief(BaseModel):
    """A whole private brief as the model drafts it."""

    model_config = ConfigDict(extra="ignore")

    brief: Line
    facts: list[DraftedFact]


async def draft_scenario(model: ChatModel | None, prompts: Prompts, library: Library, title: str) -> Scenario:
    """The scenario for a typed title. Without a model, or when it fails, the general facts are used.

    A drafted brief keeps the general facts for topics that it leaves open, so that no question finds nothing.
    """
    general = library.typed_scenario(title)
    if model is None:
        return general
    mark = hashlib.sha256(f"title\0{general.title}".encode()).hexdigest()[:12]
    topics = ", ".join(dict.fromkeys(fact.topic for fact in library.scenario(GENERAL).facts))
    system = prompts.render("draft_facts", title="the problem below", topics=topics, fence=mark)
    try:
        drafted = await model.structured([Message("system", system), Message("user", fenced(general.title, mark, "candidate"))], DraftedBrief)
    except (ModelUnavailable, MalformedReply) as error:
        log.warning("The facts could not be drafted (%s); the general ones are used.", error)
        return general
    if len(drafted.facts) < FEWEST_FACTS:
        log.warning("Only %d facts were drafted; the general ones are used.", len(drafted.facts))
        return general
    facts = [Fact(id=f"drafted-{n}", topic=f.topic, short=f.short[:60], answer=f.answer, asks=tuple(f.asks)) for n, f in enumerate(drafted.facts)]
    covered = {fact.topic.casefold() for fact in facts}  # models write "Users" for "users"
    facts += [fact for fact in general.facts if fact.topic not in covered]
    return general.model_copy(update={"brief": drafted.brief, "facts": tuple(facts)})
