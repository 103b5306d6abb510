"""What happens in an interview. The numbered list of these events is the interview; everything else is folded from it."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from agent.schema import ENGLISH, Drift, Level, Move, Persona, Scenario, SectionResult, Value, Verdict

LONGEST_WHY = 2_000  # characters
Label = Literal["met", "partial", "not_observed"]
Intent = Literal["answer", "clarify", "done", "hint", "repeat", "pause", "end", "stuck"]


class Event(Value):
    """One thing that happened. `elapsed` is active seconds since the start; `at` is the server's clock."""

    elapsed: float = Field(default=0.0, ge=0)
    at: float = 0.0


class Started(Event):
    """The candidate began: everything that is fixed for the whole interview."""

    kind: Literal["started"] = "started"
    scenario: Scenario
    level: Level
    minutes: float
    sections: tuple[str, ...]
    model: str  # "embedded" or the interviewer model's name
    grader: str
    seed: int
    persona: Persona = "neutral"
    language: str = ENGLISH  # in which a model speaks; facts and criteria stay as the corpus has them
    owner: str = ""
    corpus: str = ""
    prompts: dict[str, str] = {}


class SectionOpened(Event):
    """A section began, with this many seconds."""

    kind: Literal["section_opened"] = "section_opened"
    section: str
    seconds: float


class Asked(Event):
    """The interviewer spoke."""

    kind: Literal["asked"] = "asked"
    section: str
    text: str
    move: Move
    passages: tuple[str, ...] = ()
    brain: str = "embedded"
    notice: str | None = None  # why the embedded default spoke instead of the model, for the candidate to read


class Answered(Event):
    """The candidate spoke. `message` makes a second delivery of the same text harmless."""

    kind: Literal["answered"] = "answered"
    section: str
    text: str
    message: str


class Observed(Event):
    """What one answer showed: intent, the facts it asks for, what it assumes, and how likely each criterion is shown so far."""

    kind: Literal["observed"] = "observed"
    section: str
    intent: Intent
    facts: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()  # facts that it may ask for: whether it does is asked back
    unknown: bool = False  # it asks for something that no fact answers
    more: bool = False  # it asks for more than is told at once
    recalled: tuple[str, ...] = ()  # what was assumed before and is asked about again
    assumed: tuple[str, ...] = ()  # what it assumes, in the candidate's words
    wrong_turn: str | None = None  # the wrong turn that it takes
    drift: Drift | None = None
    unfinished: bool = False  # it breaks off in mid-thought
    coverage: dict[str, float] = {}  # expected credit
    met: dict[str, float] = {}  # probability that it was wholly answered
    relevance: dict[str, float] = {}  # how near the last words are to each criterion
    words: int = 0


class Commanded(Event):
    """The candidate clicked (or typed the whole of) a control."""

    kind: Literal["commanded"] = "commanded"
    section: str
    intent: Intent


class SectionGraded(Event):
    """A section's result arrived. A later one for the same section replaces it."""

    kind: Literal["section_graded"] = "section_graded"
    result: SectionResult


class Disagreed(Event):
    """The candidate thinks that another verdict is right. It is kept beside the grader's and changes no score; a later one replaces it.

    What was disagreed with is kept too, because the section may be graded again.
    """

    kind: Literal["disagreed"] = "disagreed"
    section: str
    criterion: str
    verdict: Label | None  # None: taken back
    graded: Verdict | None = None  # the grader's verdict; None in interviews before this was kept
    grader: str = ""
    rubric_version: int | None = None
    why: str = Field(default="", max_length=LONGEST_WHY)


class Paused(Event):
    """The clock stopped at the candidate's wish."""

    kind: Literal["paused"] = "paused"


class Resumed(Event):
    """The clock runs again."""

    kind: Literal["resumed"] = "resumed"


class Finished(Event):
    """The interview is over."""

    kind: Literal["finished"] = "finished"
    reason: Literal["complete", "time", "ended"]


AnyEvent = Annotated[
    Started | SectionOpened | Asked | Answered | Observed | Commanded | SectionGraded | Disagreed | Paused | Resumed | Finished,
    Field(discriminator="kind"),
]
EVENT: TypeAdapter[AnyEvent] = TypeAdapter(AnyEvent)
