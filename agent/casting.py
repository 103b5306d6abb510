"""Who is interviewed: `persona:NAME`, `model:NAME`, or a file of answers."""

from pathlib import Path

from agent.assembly import Parts, endpoint
from agent.candidate import Candidate, Scripted, read_candidate
from agent.errors import ConfigurationError
from agent.llm import ChatModel
from agent.model_candidate import ModelCandidate
from agent.personas import Cast
from agent.schema import Scenario
from agent.settings import EMBEDDED, Settings


def cast(named: str, scenario: Scenario, seed: int, parts: Parts, model: ChatModel | None = None) -> Candidate:
    """The candidate of that name for one interview.

    Raises ConfigurationError for an unknown persona, one that has nothing to say to this problem, or a missing model;
    UnreadableTranscript for a file that is none.
    """
    kind, _, persona = named.partition(":")
    if kind not in ("persona", "model"):
        return Scripted(read_candidate(Path(named)), named)
    people = Cast(parts.settings.corpus)
    manner = people.manners.of(persona)
    if kind == "persona":
        return people.candidate(persona, scenario, seed)
    if model is None:
        raise ConfigurationError(
            f"No model is configured to play {named}: set AGENT_MODEL and OPENAI_BASE_URL, OPENAI_API_KEY or both (see .env.example); "
            f"persona:{persona} needs none."
        )
    return ModelCandidate(model, persona, manner, parts.prompts, parts.library)


def candidate_model(interview: Settings, environment: Settings) -> ChatModel | None:
    """The model that plays candidates: the one that interviews, or, when no model does, the one that the environment names."""
    named = next((settings for settings in (interview, environment) if settings.interviewer != EMBEDDED), None)
    return endpoint(named, named.interviewer) if named else None
