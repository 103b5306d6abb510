"""What values are called when a person reads them: level signals, verdicts, certainty, times. Shared by Markdown and HTML."""

from dataclasses import dataclass

from agent.library import Library
from agent.schema import LEVELS, LevelSignal, MoveKind, Scorecard, SectionResult, Transcript, Turn, Verdict, VerdictStatus
from agent.scoring import HINT_COST
from agent.settings import EMBEDDED
from agent.text import sentences

SIGNALS: dict[LevelSignal, str] = {
    "below_mid": "Below mid level",
    "mid": "Mid level",
    "senior": "Senior level",
    "staff": "Staff level",
    "insufficient": "Not enough to tell",
}
VERDICTS: dict[VerdictStatus, str] = {"met": "Met", "partial": "Partly", "not_observed": "Not observed", "unscored": "Unscored"}
MOVES: dict[MoveKind, str] = {
    "clarify": "clarification",
    "hint": "hint",
    "curveball": "changed constraint",
    "nudge": "time",
    "follow_up": "follow-up",
}
VERY_LIKELY, LIKELY = 0.9, 0.75  # probabilities of a local verdict from which on it is called so; "unclear" below
SHORT_LIST = 6  # framework points shown of a subsection

NOT_REACHED = "The interview ended before this section. It is left out of every figure."
UNSCORED = "The grader failed here. The section is left out of every figure and can be graded again."


def signal(card: Scorecard) -> str:
    """The level signal in words."""
    return SIGNALS[card.level_signal]


def grader_name(name: str) -> str:
    """Who graded, as a title."""
    return "Embedded grader" if name == EMBEDDED else name


def grader_note(name: str) -> str:
    """What a reader should know about who graded."""
    if name == EMBEDDED:
        return (
            "A local estimate, made without a language model. It compares your words with statements that count, so it can miss a good idea "
            "in unusual words. Each verdict says how sure it is: very likely, likely or unclear."
        )
    return "A language model judged each criterion. Credit needs a quote of your own words, and the score is computed from the verdicts."


def certainty(verdict: Verdict, grader: str) -> str:
    """How sure the embedded grader is, in a word. Empty for a model, which reports no probability.

    Half credit is given between the thresholds of yes and no, where the estimate speaks for neither: always "unclear".
    """
    if grader != EMBEDDED or verdict.status == "unscored":
        return ""
    if verdict.status == "partial":
        return "unclear"
    return "very likely" if verdict.confidence >= VERY_LIKELY else "likely" if verdict.confidence >= LIKELY else "unclear"


def estimated(card: Scorecard) -> bool:
    """Whether the scores are the embedded grader's estimates."""
    return card.grader == EMBEDDED


def clock(seconds: float) -> str:
    """Active seconds as mm:ss."""
    return f"{int(seconds) // 60:02d}:{int(seconds) % 60:02d}"


def points(score: float) -> str:
    """A score without false precision."""
    return str(int(score + 0.5))


def standing(result: SectionResult) -> str:
    """Where a score stands to the band that the level is expected to reach."""
    if result.score is None or result.expected is None:
        return ""
    low, high = result.expected
    return "below the band" if result.score < low else "above the band" if result.score > high else "in the band"


def tally(result: SectionResult) -> str:
    """How many criteria of a section have which verdict, such as "3 met, 1 partly, 4 not observed; 2 unclear"."""
    counts = [(sum(v.status == status for v in result.verdicts), word.lower()) for status, word in VERDICTS.items()]
    unclear = sum(certainty(verdict, result.grader or "") == "unclear" for verdict in result.verdicts)
    return ", ".join(f"{count} {word}" for count, word in counts if count) + (f"; {unclear} unclear" if unclear else "")


def band(card: Scorecard) -> tuple[float, float] | None:
    """The band that the chosen level is expected to reach, from the first section that has one."""
    return next((row.expected for row in card.sections if row.expected is not None), None)


def speaker(turn: Turn) -> str:
    """Who said a turn, for a file that others may read."""
    return "Interviewer" if turn.speaker == "interviewer" else "Candidate"


def tag(turn: Turn) -> str:
    """What kind of utterance a turn of the interviewer is, where that is worth knowing."""
    return MOVES.get(turn.move.kind, "") if turn.move else ""


def section_title(section: str, library: Library) -> str:
    """Number and title of a section, also of one that this corpus does not have."""
    return next((f"{known.id} {known.title}" for known in library.sections if known.id == section), f"Section {section}")


def turn_named(number: int | None, transcript: Transcript | None) -> Turn | None:
    """The turn that a quote points to; None when there is no transcript or no such turn in it."""
    return next((turn for turn in transcript.turns if turn.n == number), None) if transcript else None


@dataclass(frozen=True)
class Reading:
    """A verdict as it is shown: with its criterion's statement, what would have been better, and remarks on its weight."""

    verdict: Verdict
    word: str
    certainty: str  # empty unless the grader knows it
    statement: str
    better: tuple[str, ...]  # what counts, for a criterion that was graded and not met
    remarks: tuple[str, ...]


def read(verdict: Verdict, result: SectionResult, card: Scorecard, library: Library) -> Reading:
    """How a verdict is shown. A criterion that the corpus no longer has is named by its id."""
    criterion = library.criteria.get(verdict.criterion)
    remarks = []
    if verdict.hints and verdict.status in ("met", "partial"):
        hints = f"{verdict.hints} hint{'s' if verdict.hints > 1 else ''}"
        remarks.append(f"after {hints}, which leaves {1 - HINT_COST * verdict.hints:.0%} of the credit")
    if criterion and LEVELS.index(criterion.tier) > LEVELS.index(card.level):
        remarks.append(f"expected from {criterion.tier} level on, so it can only lift your score")
    missed = verdict.status in ("partial", "not_observed")
    return Reading(
        verdict,
        VERDICTS[verdict.status],
        certainty(verdict, result.grader or card.grader),
        criterion.statement if criterion else verdict.criterion.replace("-", " "),
        criterion.counts if criterion and missed else (),
        tuple(remarks),
    )


def better(criterion: str, advice: str, library: Library) -> tuple[str, ...]:
    """What a better answer would have had: the criterion's list, or the advice as it was kept."""
    known = library.criteria.get(criterion)
    return known.counts if known else (advice,) if advice else ()


def reading_list(subsection: str, library: Library) -> list[tuple[str, str]]:
    """The framework's points of a subsection, short: name and first sentence. Empty for a whole section."""
    part = library.subsections.get(subsection)
    return [(point.name, sentences(point.text)[0]) for point in part.points[:SHORT_LIST]] if part else []
