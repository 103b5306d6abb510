"""Puts the parts together from settings: the one place that knows which brain is at work."""

import os
from dataclasses import dataclass

from agent.classifier import Classifier
from agent.clock import Clock, SystemClock
from agent.desk import GRACE, Desk
from agent.encoder import Encoder
from agent.errors import ConfigurationError
from agent.estimator import Estimator
from agent.evidence import Rules
from agent.facts import FactFinder
from agent.grader import EmbeddedGrader, Grader, ModelGrader
from agent.interviewer import EmbeddedInterviewer, Interviewer
from agent.library import Library, load_library
from agent.llm import ChatModel, OpenAIChatModel
from agent.matcher import Matcher
from agent.model_interviewer import ModelInterviewer
from agent.observer import Observer
from agent.prompts import Prompts
from agent.retrieval import Retriever
from agent.settings import EMBEDDED, Settings
from agent.state import InterviewContext
from agent.store import EventStore
from agent.wrong_turns import WrongTurns


@dataclass(frozen=True)
class Parts:
    """What an interview is made of, before it is kept anywhere."""

    settings: Settings
    library: Library
    encoder: Encoder
    retriever: Retriever
    matcher: Matcher
    estimator: Estimator
    prompts: Prompts
    interviewer: Interviewer
    grader: Grader
    drafter: ChatModel | None  # drafts the facts of a problem that the candidate typed in; None without a model

    def context(self, clock: Clock) -> InterviewContext:
        """The parts that the graphs' nodes use."""
        observer = Observer(self.matcher, self.estimator, FactFinder(self.encoder), WrongTurns(self.encoder, self.library))
        return InterviewContext(self.library, clock, observer, self.interviewer, self.grader)

    def desk(self, store: EventStore, clock: Clock | None = None, grace: float | None = GRACE) -> Desk:
        """A desk that keeps interviews in a store."""
        return Desk(self.context(clock or SystemClock()), store, self.prompts.digests, grace)

    def warm(self) -> None:
        """Load the encoder, open or build the index and encode the rubrics: seconds at the first start."""
        self.retriever.warm()
        self.matcher.warm()
        self.estimator.warm()


def assemble(settings: Settings, interviewer: ChatModel | None = None, grader: ChatModel | None = None) -> Parts:
    """Build the parts. A model given here (a scripted one, say) is used instead of the one in the settings."""
    if not settings.tracing:
        silence_tracing()
    library = load_library(settings.corpus)
    encoder, prompts = Encoder(settings.encoder), Prompts()
    retriever = Retriever(library, encoder, settings.data)
    matcher, estimator = readers(library, encoder)
    speaks = interviewer or endpoint(settings, settings.interviewer)
    judges = grader or endpoint(settings, settings.grader)
    embedded = EmbeddedInterviewer(library, matcher, retriever)
    return Parts(
        settings,
        library,
        encoder,
        retriever,
        matcher,
        estimator,
        prompts,
        ModelInterviewer(speaks, embedded, prompts, library, retriever) if speaks else embedded,
        ModelGrader(library, judges, prompts, estimator, settings.elsewhere_words) if judges else EmbeddedGrader(library, estimator),
        speaks,
    )


def readers(library: Library, encoder: Encoder) -> tuple[Matcher, Estimator]:
    """What reads a candidate's words without a model: the matcher, and the estimator on top of it."""
    rules = Rules(library)
    matcher = Matcher(library, encoder, rules)
    return matcher, Estimator(library, Classifier(), matcher, rules)


def silence_tracing() -> None:
    """Switch LangSmith's tracing off, whatever variables are set for other programs: it would send every state out."""
    from langsmith import utils

    for name in ("LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING", "LANGCHAIN_TRACING"):
        os.environ[name] = "false"
    utils.get_env_var.cache_clear()  # type: ignore[attr-defined]


def endpoint(settings: Settings, model: str, retries: int = 1) -> OpenAIChatModel | None:
    """The model of this name at the configured endpoint; None for "embedded". It tries a form `retries` times more."""
    if model == EMBEDDED:
        return None
    if settings.base_url is None and settings.api_key is None:
        raise ConfigurationError(f"The model {model!r} needs an endpoint: set OPENAI_BASE_URL, OPENAI_API_KEY or both (see .env.example).")
    key = settings.api_key.get_secret_value() if settings.api_key else None
    return OpenAIChatModel(model, settings.base_url, key, settings.timeout, settings.first_token_timeout, retries)
