"""The domain's values: what the corpus says, what is said in an interview, and what a scorecard holds.

All values are frozen. Times are active seconds since the interview began (pauses excluded) unless a name says otherwise.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

Level = Literal["mid", "senior", "staff"]
Speaker = Literal["interviewer", "candidate"]
VerdictStatus = Literal["met", "partial", "not_observed", "unclear", "unscored"]
SectionStatus = Literal["graded", "not_reached", "unscored"]
LevelSignal = Literal["below_mid", "mid", "senior", "staff", "insufficient"]
MoveKind = Literal["ask", "follow_up", "clarify", "hint", "curveball", "nudge", "redirect", "borrow", "repeat", "pause", "next_section", "wrap_up"]
Drift = Literal["off_topic", "rude", "language", "terse", "document", "code", "silence", "lost", "asking"]  # what leads away from the question
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
SectionId = Annotated[str, BeforeValidator(lambda raw: str(raw) if isinstance(raw, int) else raw), Field(pattern=r"^\d+$")]

LEVELS: tuple[Level, ...] = ("mid", "senior", "staff")
Persona = Literal["neutral", "friendly", "demanding"]  # the interviewer's tone; it changes neither flow nor grading
PERSONAS: tuple[Persona, ...] = ("neutral", "friendly", "demanding")
ENGLISH = "English"  # what the corpus is written in
LANGUAGES = (
    ENGLISH,
    "German",
    "French",
    "Spanish",
    "Italian",
    "Portuguese",
    "Dutch",
    "Polish",
    "Turkish",
    "Ukrainian",
    "Hindi",
    "Japanese",
    "Chinese",
)


class Value(BaseModel):
    """A frozen value; an unknown field is an error, so that a typing mistake in the corpus is found."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# --- the corpus -------------------------------------------------------------------------------------------------


class Point(Value):
    """One list item of a subsection: what retrieval finds."""

    name: Text
    text: Text  # the explanation, without the part below
    good: str = ""  # what a good answer says


class Subsection(Value):
    """A numbered part of a section ("6.3")."""

    id: Text
    title: Text
    points: tuple[Point, ...] = Field(min_length=1)
    sayings: tuple[Text, ...] = ()  # how candidates put it


class Section(Value):
    """One timed part of the framework. `minutes` is for an interview of 45; None means "as time allows". `spoken` is what the interviewer
    calls it; without one, the title."""

    id: SectionId
    title: Text
    spoken: Text | None = None
    minutes: float | None = Field(gt=0)
    purpose: str
    subsections: tuple[Subsection, ...] = Field(min_length=1)


class Gradable(Value):
    """What a grader judges by: a statement, and what speaks for it."""

    id: Text
    statement: Text
    counts: tuple[Text, ...] = Field(min_length=1)
    partial: Text
    does_not_count: tuple[Text, ...] = Field(min_length=1)
    examples: tuple[Text, ...] = ()
    near_misses: tuple[Text, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """What graders judge by: what it asks, what earns it, half of it, and nothing."""
        return (self.statement, *self.counts, self.partial, *self.does_not_count)


class Criterion(Gradable):
    """One gradable statement of a rubric."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    tier: Level  # from which level on it is expected
    weight: int = Field(ge=1, le=3)
    interest: float = Field(default=1.0, gt=0)  # how much more gladly than others of its weight it is asked about; no part of the score
    references: tuple[Text, ...] = Field(min_length=1)
    examples: tuple[Text, ...] = Field(min_length=3, max_length=6)
    near_misses: tuple[Text, ...] = Field(min_length=2, max_length=4)
    follow_ups: tuple[Text, ...] = Field(min_length=2)
    hints: tuple[Text, ...] = Field(min_length=3, max_length=3)


class ByLevel(Value):
    """Lines for each level."""

    mid: tuple[Text, ...] = ()
    senior: tuple[Text, ...] = ()
    staff: tuple[Text, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.mid, *self.senior, *self.staff)


class Openings(ByLevel):
    """The questions that open a section, by level."""

    mid: tuple[Text, ...] = Field(min_length=1)
    senior: tuple[Text, ...] = Field(min_length=1)
    staff: tuple[Text, ...] = Field(min_length=1)


class Rubric(Value):
    """The criteria of a section."""

    section: SectionId
    version: int = Field(ge=1)
    hint_cost: float = Field(ge=0, le=1)  # share of a criterion's credit that each hint on it gives away, if it came before the evidence
    openings: Openings
    criteria: tuple[Criterion, ...] = Field(min_length=1)


class Fact(Value):
    """A hidden fact of a scenario: told when asked for, always in the same words. Its first way of asking is the one that the interviewer
    says when he asks back whether it is meant."""

    id: Text
    topic: Text
    short: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
    answer: Text
    asks: tuple[Text, ...] = Field(min_length=1)


class ConstraintChange(Value):
    """A change of the problem in mid-interview (the curveball)."""

    id: Text
    section: SectionId
    say: Text
    expects: tuple[Text, ...] = Field(min_length=1)
    examples: tuple[Text, ...] = ()  # what a candidate says who revises the design
    near_misses: tuple[Text, ...] = ()  # what sounds like it and changes nothing


class ChangeRubric(Value):
    """By what the response to any constraint change is judged; what counts beside it, each change says itself."""

    version: int = Field(ge=1)
    statement: Text
    partial: Text
    does_not_count: tuple[Text, ...] = Field(min_length=1)

    def of(self, change: ConstraintChange) -> Gradable:
        """The response to one change as a grader judges it."""
        said = {"counts": change.expects, "examples": change.examples, "near_misses": change.near_misses}
        return Gradable(id=change.id, statement=self.statement, partial=self.partial, does_not_count=self.does_not_count, **said)


class WrongTurn(Value):
    """What candidates often say, and why it fails; the probe lets them find out without being told. `ways`: other words for the claim;
    `unless`: beginnings of words by which a candidate shows that he knows better, so that nothing is asked."""

    id: Text
    section: SectionId
    claim: Text
    why: Text
    probe: Text
    ways: tuple[Text, ...] = ()
    unless: tuple[Text, ...] = ()

    @property
    def claims(self) -> tuple[str, ...]:
        """All words for it."""
        return self.claim, *self.ways


class WrongTurnFile(Value):
    """Wrong turns that candidates take in any problem."""

    wrong_turns: tuple[WrongTurn, ...]


class References(ByLevel):
    """What a good answer to a section has for this problem, by the level from which it is expected."""


class Scenario(Value):
    """A "Build X" problem. Only `title` and `brief` are shown to the candidate."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    title: Text
    thing: Text  # "a URL shortener": fits into "How would you deploy ...?"
    brief: Text
    challenge: Text
    facts: tuple[Fact, ...]
    changes: tuple[ConstraintChange, ...] = ()
    wrong_turns: tuple[WrongTurn, ...] = ()
    references: dict[str, References] = {}


class Phrases(Value):
    """What the embedded interviewer says around the questions; one of each is chosen by the interview's seed."""

    welcome: tuple[Text, ...] = Field(min_length=1)
    handover: tuple[Text, ...] = Field(min_length=1)
    handover_time: tuple[Text, ...] = Field(min_length=1)
    nudge: tuple[Text, ...] = Field(min_length=1)
    half: tuple[Text, ...] = Field(min_length=1)
    borrow: tuple[Text, ...] = Field(min_length=1)
    told_before: tuple[Text, ...] = Field(min_length=1)
    assumed: tuple[Text, ...] = Field(min_length=1)
    more_later: tuple[Text, ...] = Field(min_length=1)
    leave: tuple[Text, ...] = Field(min_length=1)
    off_topic: tuple[Text, ...] = Field(min_length=1)
    rude: tuple[Text, ...] = Field(min_length=1)
    language: tuple[Text, ...] = Field(min_length=1)
    terse: tuple[Text, ...] = Field(min_length=1)
    document: tuple[Text, ...] = Field(min_length=1)
    code: tuple[Text, ...] = Field(min_length=1)
    silence: tuple[Text, ...] = Field(min_length=1)
    lost: tuple[Text, ...] = Field(min_length=1)
    asking: tuple[Text, ...] = Field(min_length=1)
    lead_long: tuple[Text, ...] = Field(min_length=1)
    tones: dict[Persona, dict[str, tuple[Text, ...]]] = {}  # how a persona says some of these instead
    lead_quote: tuple[Text, ...] = Field(min_length=1)
    lead_plain: tuple[Text, ...] = ()  # without any, a question stands by itself
    check: tuple[Text, ...] = Field(min_length=1)
    fact_more: tuple[Text, ...] = Field(min_length=1)
    unknown: tuple[Text, ...] = Field(min_length=1)
    unknown_rest: tuple[Text, ...] = Field(min_length=1)
    hint: tuple[Text, ...] = Field(min_length=1)
    no_hint: tuple[Text, ...] = Field(min_length=1)
    stuck: tuple[Text, ...] = Field(min_length=1)
    repeat: tuple[Text, ...] = Field(min_length=1)
    change: tuple[Text, ...] = Field(min_length=1)
    pause: tuple[Text, ...] = Field(min_length=1)
    wrap_up: tuple[Text, ...] = Field(min_length=1)
    wrap_up_time: tuple[Text, ...] = Field(min_length=1)
    wrap_up_ended: tuple[Text, ...] = Field(min_length=1)


# --- what is said -----------------------------------------------------------------------------------------------


class Passage(Value):
    """A retrieved chunk of the framework. It informs a question; it is never evidence."""

    subsection: str
    score: float  # higher is nearer; comparable within one answer only
    text: str


class Move(Value):
    """What the interviewer does next, and what it rests on."""

    kind: MoveKind
    criterion: str | None = None  # what a follow_up or a hint aims at
    facts: tuple[str, ...] = ()  # ids of hidden facts to tell
    checks: tuple[str, ...] = ()  # ids of hidden facts that the candidate may have asked for: a clarify asks back whether he did
    asked_unknown: bool = False  # the candidate asked for something that no fact answers
    asked_more: bool = False  # ... and for more than is told at once
    wrong_turn: str | None = None  # id of the wrong turn that a follow_up probes
    assumptions: tuple[str, ...] = ()  # what the candidate assumed earlier and asks about again
    drift: Drift | None = None  # what a redirect answers
    hint: int | None = None  # 0 to 2: which step of the criterion's ladder
    change: str | None = None  # id of the constraint change
    section: str | None = None  # the section that a next_section opens; None in interviews before this was kept
    nudge: bool = False  # say how much time is left first: three quarters of the section's are over
    half: bool = False  # say where we are first: half of the section's time is over
    borrow: float = Field(default=0.0, ge=0)  # seconds that are taken from the next section
    reason: str = ""  # why policy chose it, for the transcript and its readers


class Turn(BaseModel):
    """One utterance of a transcript."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    n: int = Field(ge=1)
    section: SectionId
    speaker: Speaker
    text: str
    at: float = Field(default=0.0, ge=0)  # active seconds since the start
    move: Move | None = None
    passages: tuple[str, ...] = ()  # subsections that a follow-up was grounded in
    brain: str | None = None  # who spoke: "embedded" or the model's name


class Transcript(BaseModel):
    """An interview as it was spoken: what `export` writes and `grade` reads."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str | None = None
    scenario: str | None = None
    title: str | None = None
    level: Level = "senior"
    minutes: float | None = Field(default=None, gt=0)
    model: str = "embedded"
    facts_told: tuple[str, ...] = ()
    sections_reached: tuple[str, ...] = ()  # empty: inferred from the turns
    prompts: dict[str, str] = {}  # prompt name -> digest
    corpus: str | None = None  # digest of the corpus
    turns: tuple[Turn, ...]

    def hints_given(self, criterion: str, before: int | None = None) -> int:
        """How many hints were given on a criterion (0 to 3), before turn number `before` or at all: what was said first, no hint gave away."""
        hints = [turn.n for turn in self.turns if turn.move is not None and turn.move.kind == "hint" and turn.move.criterion == criterion]
        return min(3, sum(before is None or n < before for n in hints))


# --- what is graded ---------------------------------------------------------------------------------------------


class Chances(Value):
    """How likely it is that a criterion was met, and that it was half met; the rest is the chance that it was not observed."""

    met: float = Field(ge=0, le=1)
    partial: float = Field(ge=0, le=1)

    @property
    def credit(self) -> float:
        """The expected credit (0 to 1)."""
        return self.met + 0.5 * self.partial

    @property
    def variance(self) -> float:
        """The variance of the credit."""
        return self.met + 0.25 * self.partial - self.credit**2


class Verdict(Value):
    """What was said of one criterion. Met and partial have a verbatim quote of the candidate.

    `unclear`: an estimating grader is not sure enough to say; `unscored`: the grader failed. Neither is a low verdict.
    """

    criterion: str
    status: VerdictStatus
    quote: str | None = None
    turn: int | None = None
    confidence: float = Field(ge=0, le=1)
    reason: str
    hints: int = Field(default=0, ge=0, le=3)  # hints given on this criterion before it was met
    chances: Chances | None = None  # of a grader that estimates
    attempts: int = Field(default=1, ge=1)  # 2: the grader was asked again, because its first quotes were not the candidate's words


class Evidence(Value):
    """A verbatim quote of the candidate, and the turn that it stands in."""

    quote: str
    turn: int


class ChangeVerdict(Value):
    """What the candidate made of the constraint change that came in a section: of his own words before it, and after it.

    It counts in no score: only some interviews have a change in a section, and their scores must compare with the others'.
    """

    change: str  # its id
    turn: int  # in which the interviewer brought it
    said: str  # in these words
    status: VerdictStatus
    after: Evidence | None = None  # what was revised, in the section or later; met and partial have it
    before: Evidence | None = None  # what the candidate had said before, that this revises; None: nothing said before comes near
    confidence: float = Field(ge=0, le=1)
    reason: str
    better: tuple[str, ...] = ()  # what a good response has
    chances: Chances | None = None  # of a grader that estimates
    attempts: int = Field(default=1, ge=1)  # as of a verdict
    rubric_version: int
    wording: str  # digest of the lines that it was judged by


class SectionResult(Value):
    """The verdicts of one section and the score that code computed from them (0 to 100)."""

    id: str
    title: str
    status: SectionStatus
    score: float | None = None
    band: tuple[float, float] | None = None  # of a grader that estimates: the score lies in it with a chance of four in five
    expected: tuple[float, float] | None = None  # band that the chosen level is expected to reach
    verdicts: tuple[Verdict, ...] = ()
    rubric_version: int | None = None
    grader: str | None = None
    seen: int | None = None  # turns that had been said when it was graded
    note: str | None = None  # why it is unscored
    change: ChangeVerdict | None = None  # where a constraint change came in the section; beside the score

    @property
    def failed(self) -> bool:
        """Whether the grader failed in the section or in its change, so that grading again can help."""
        return self.failure is not None

    @property
    def failure(self) -> str | None:
        """What the grader failed at, in words; None when it did not."""
        if self.status == "unscored":
            return self.note or "not graded"
        return self.change.reason if self.change is not None and self.change.status == "unscored" else None


class Overall(Value):
    """The mean of the graded sections, weighted by their minutes; None when none was graded."""

    score: float | None
    sections_graded: int


class Finding(Value):
    """A strength or a gap: one criterion in words."""

    section: str
    criterion: str
    statement: str
    quote: str | None = None
    turn: int | None = None
    advice: str = ""  # what a better answer would have had


class NextStep(Value):
    """What to study: a subsection of the framework and why."""

    subsection: str
    title: str
    why: str


class Scorecard(Value):
    """What the candidate is told at the end."""

    scenario: str | None
    title: str | None
    level: Level
    sections: tuple[SectionResult, ...]
    overall: Overall
    level_signal: LevelSignal
    signal_reason: str
    strengths: tuple[Finding, ...]
    gaps: tuple[Finding, ...]
    next_steps: tuple[NextStep, ...]
    grader: str
    model: str | None = None  # who interviewed: "embedded", a model's name, or "imported"
    corpus: str | None = None
    prompts: dict[str, str] = {}
