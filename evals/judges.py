"""The graders that a run uses: the product's own, over the store of replies. What is not on file raises MissingReply."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from pydantic import BaseModel

from agent.classifier import CRITERIA, NETWORK
from agent.classifier import WEIGHTS as TRAINED
from agent.errors import InterviewError
from agent.estimator import WEIGHTS as FITTED
from agent.estimator import Estimator
from agent.grader import EmbeddedGrader, Grader, ModelGrader
from agent.library import Library
from agent.llm import GRADED, Filled
from agent.matcher import WEIGHTS
from agent.recorded import RecordedChatModel
from agent.replies import Message, MissingReply, ReplyStore, Request
from agent.revision import WEIGHTS as REVISES
from agent.schema import SectionResult, Transcript
from agent.scope import Assessment
from agent.scoring import without_verdicts
from agent.settings import ELSEWHERE
from evals.dataset import load_dataset
from evals.variant import Thresholds, Variant
from evals.yardsticks import ALWAYS_MET, WORD_OVERLAP, AlwaysMet, WordOverlap

EMBEDDED = "embedded"
# The modules that its verdicts depend on.
CODE = (
    *("change", "change_grader", "classifier", "encoder", "estimator", "evidence", "grader", "judging", "matcher", "network", "revision"),
    *("scope", "scoring", "text", "vocabulary"),
)
Reply = TypeVar("Reply", bound=BaseModel)


@dataclass(frozen=True)
class Bench:
    """What the graders of a run share."""

    library: Library
    variant: Variant
    model: str
    store: ReplyStore
    failures: Mapping[str, InterviewError]
    asked: set[str]  # digests of all that was asked for
    estimator: Callable[[], Estimator]  # checks a model's quotes; made when it is wanted
    elsewhere: int = ELSEWHERE

    def grader(self, trial: int = 0) -> Grader:
        """The grader of the variant: the embedded one, or the model of this name as the store recorded it."""
        if self.model == ALWAYS_MET:
            return AlwaysMet(self.library)
        if self.model == WORD_OVERLAP:
            return WordOverlap(self.library, load_dataset(self.library, "tune"))
        if self.model == EMBEDDED:
            return StoredGrader(embedded_name(self.library, self.variant.thresholds), self)
        model = RecordedChatModel(self.model, self.store, repeat=trial, failures=self.failures, asked=self.asked)
        return ModelGrader(self.library, model, self.variant.prompts, self.estimator(), self.elsewhere, changes=False)


class StoredGrader:
    """The embedded grader's results from the store, so that a second run costs nothing and a shard can be graded elsewhere."""

    def __init__(self, name: str, bench: Bench) -> None:
        self.name = name
        self._bench = bench

    async def grade(self, assessment: Assessment) -> SectionResult:
        """The section's result; MissingReply when it was never graded."""
        request, bench = as_request(self.name, assessment), self._bench
        bench.asked.add(request.digest)
        if request.digest in bench.failures:
            return without_verdicts(bench.library.section(assessment.section), "unscored", note=str(bench.failures[request.digest]))
        kept = bench.store.find(request.digest)
        if kept is None:
            raise MissingReply(request)
        return kept.as_form(SectionResult)


class EmbeddedModel:
    """The embedded grader behind the interface of a model: what it is asked is a section of a transcript as JSON."""

    def __init__(self, name: str, library: Library, estimator: Estimator, thresholds: Thresholds) -> None:
        self.name = name
        self._grader = EmbeddedGrader(library, estimator, thresholds.sure, thresholds.lenience)

    async def fill(self, messages: Sequence[Message], form: type[Reply]) -> Filled[Reply]:
        """The section's result; the form is always SectionResult."""
        asked = Asked.model_validate_json(messages[0].content)
        return Filled(cast(Reply, await self._grader.grade(Assessment(asked.transcript, asked.section))))


class Asked(BaseModel):
    """A section of a transcript as a request."""

    transcript: Transcript
    section: str


def as_request(name: str, assessment: Assessment) -> Request:
    """The request for grading a section."""
    asked = Asked(transcript=assessment.transcript, section=assessment.section)
    return Request(name, (Message("user", asked.model_dump_json()),), GRADED, SectionResult)


def grader_name(model: str, library: Library, thresholds: Thresholds) -> str:
    """Names a grader by all that its verdicts depend on beside prompts and replies: the embedded one also checks the quotes of a model."""
    made = embedded_name(library, thresholds)
    return made if model == EMBEDDED else f"{model}, checked by {made}"


def embedded_name(library: Library, thresholds: Thresholds) -> str:
    """Names the embedded grader by all that its verdicts depend on: corpus, thresholds, weights and its own code."""
    files = (WEIGHTS, REVISES, *(TRAINED / name for name in (NETWORK, CRITERIA, FITTED)), *(WEIGHTS.with_name(f"{name}.py") for name in CODE))
    code = "\0".join(hashlib.sha256(path.read_bytes()).hexdigest() for path in files)
    rules = hashlib.sha256(f"{library.digest}\0{thresholds.model_dump_json()}\0{code}".encode()).hexdigest()[:12]
    return f"{EMBEDDED}@{rules}"
