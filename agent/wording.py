"""What values are called when a person reads them: level signals, verdicts, certainty, times. Shared by Markdown and HTML."""

from collections.abc import Iterable
from dataclasses import dataclass

from agent.events import Disagreed, Label
from agent.library import Library
from agent.schema import LEVELS, ChangeVerdict, LevelSignal, MoveKind, Scorecard, SectionResult, Transcript, Turn, Verdict, VerdictStatus
from agent.scoring import kept
from agent.settings import EMBEDDED
from agent.text import sentences

SIGNALS: dict[LevelSignal, str] = {
    "below_mid": "Below mid level",
    "mid": "Mid level",
    "senior": "Senior level",
    "staff": "Staff level",
    "insufficient": "Not enough to tell",
}
VERDICTS: dict[VerdictStatus, str] = {"met": "Met", "partial": "Partly", "not_observed": "Not observed", "unclear": "Unclear", "unscored": "Unscored"}
MOVES: dict[MoveKind, str] = {
    "clarify": "clarification",
    "hint": "hint",
    "curveball": "changed constraint",
    "nudge": "time",
    "follow_up": "follow-up",
}
CHOICES: tuple[Label, ...] = ("met", "partial", "not_observed")  # what a candidate may think right
VERY_LIKELY, LIKELY = 0.9, 0.65  # probabilities of a local verdict from which on it is called so; a close call below
DIGEST = 12  # characters shown of a digest
SHORT_LIST = 6  # framework points shown of a subsection

NOT_REACHED = "The interview ended before this section. It is left out of every figure."
UNSCORED = "The grader failed here. The section is left out of every figure and can be graded again."


CHANGED = "A changed constraint"
CHANGE_RULE = "It counts in no score, because only some interviews change a constraint here, and scores must compare."
NOTHING_BEFORE = "Nothing that you had said before comes near enough to show what this revises."


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
            "A small classifier on this machine, trained on written interviews; no language model judged. Where it is not sure, it says unclear. "
            "A score is an expected value, with the band in which it most likely lies. It can miss a good idea in unusual words."
        )
    return "A language model judged each criterion. Credit needs a quote of your own words, and the score is computed from the verdicts."


def certainty(verdict: Verdict | ChangeVerdict, grader: str) -> str:
    """How sure the embedded grader is of what it says, in words. Empty for a model, which reports no probability, and where nothing is said."""
    if grader != EMBEDDED or verdict.status in ("unclear", "unscored"):
        return ""
    return "very likely" if verdict.confidence >= VERY_LIKELY else "likely" if verdict.confidence >= LIKELY else "a close call"


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
    return "below expectation" if result.score < low else "above expectation" if result.score > high else "as expected"


def likely(result: SectionResult) -> str:
    """The band in which an estimated score most likely lies, such as "48 to 66". Empty for a grader that does not estimate."""
    if result.score is None or result.band is None:
        return ""
    low, high = (points(end) for end in result.band)
    return f"{low} to {high}"


def scored(result: SectionResult) -> str:
    """A section's score with its band, such as "58 (48 to 66)". Empty without a score."""
    if result.score is None:
        return ""
    between = likely(result)
    return f"{points(result.score)} ({between})" if between else points(result.score)


def tally(result: SectionResult) -> str:
    """How many criteria of a section have which verdict, such as "3 met, 1 partly, 4 not observed, 2 unclear"."""
    counts = [(sum(v.status == status for v in result.verdicts), word.lower()) for status, word in VERDICTS.items()]
    return ", ".join(f"{count} {word}" for count, word in counts if count)


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
    better: tuple[str, ...]  # what counts, for a criterion that was graded and not said to be met
    remarks: tuple[str, ...]


def read(verdict: Verdict, result: SectionResult, card: Scorecard, library: Library) -> Reading:
    """How a verdict is shown. A criterion that the corpus no longer has is named by its id."""
    criterion = library.criteria.get(verdict.criterion)
    remarks = []
    if verdict.hints and verdict.status in ("met", "partial", "unclear"):
        hints = f"{verdict.hints} hint{'s' if verdict.hints > 1 else ''}"
        remarks.append(f"after {hints}, which leaves {kept(verdict, library.rubrics[result.id]):.0%} of the credit")
    if criterion and LEVELS.index(criterion.tier) > LEVELS.index(card.level):
        remarks.append(f"expected from {criterion.tier} level on, so it can only lift your score")
    missed = verdict.status in ("partial", "not_observed", "unclear")
    return Reading(
        verdict,
        VERDICTS[verdict.status],
        certainty(verdict, result.grader or card.grader),
        criterion.statement if criterion else verdict.criterion.replace("-", " "),
        criterion.counts if criterion and missed else (),
        tuple(remarks),
    )


def better_response(change: ChangeVerdict) -> tuple[str, ...]:
    """What a better response to a changed constraint would have had; nothing when it was met, or not judged."""
    return change.better if change.status in ("partial", "not_observed", "unclear") else ()


def better(criterion: str, advice: str, library: Library) -> tuple[str, ...]:
    """What a better answer would have had: the criterion's list, or the advice as it was kept."""
    known = library.criteria.get(criterion)
    return known.counts if known else (advice,) if advice else ()


def reading_list(subsection: str, library: Library) -> list[tuple[str, str]]:
    """The framework's points of a subsection, short: name and first sentence. Empty for a whole section."""
    part = library.subsections.get(subsection)
    return [(point.name, sentences(point.text)[0]) for point in part.points[:SHORT_LIST]] if part else []


def disagreed(kept: Disagreed) -> str:
    """What a candidate thinks of a verdict, in a sentence."""
    if kept.verdict is None:
        return ""
    against = f" with \u201c{VERDICTS[kept.graded.status].lower()}\u201d" if kept.graded else ""
    return f"You disagreed{against}: {VERDICTS[kept.verdict].lower()}."


def alternatives(verdict: Verdict) -> list[tuple[Label, str]]:
    """The verdicts that a candidate may think right instead, with their words."""
    return [(choice, VERDICTS[choice]) for choice in CHOICES if choice != verdict.status]


# --- what a scorecard rests on ----------------------------------------------------------------------------------


def basis(card: Scorecard) -> list[tuple[str, str]]:
    """What a scorecard rests on, as names and values: who graded and interviewed, and the versions of what they went by."""
    rows = [("Graded by", _graders(card)), ("Interviewed by", _interviewer(card.model)), ("Rubrics", _rubrics(card.sections))]
    if card.corpus:
        rows.append(("Corpus", card.corpus))
    if card.prompts:
        unused = " (no model was asked)" if card.grader == card.model == EMBEDDED else ""
        rows.append(("Prompts", ", ".join(f"{name} {digest[:DIGEST]}" for name, digest in sorted(card.prompts.items())) + unused))
    return rows


def _graders(card: Scorecard) -> str:
    others = {row.grader for row in card.sections if row.grader is not None} - {card.grader}
    named = [f"{grader_name(other)} ({_sections(row.id for row in card.sections if row.grader == other)})" for other in sorted(others)]
    return ", ".join([grader_name(card.grader), *named])


def _interviewer(model: str | None) -> str:
    known = {None: "Not recorded", EMBEDDED: "Embedded interviewer", "imported": "Somebody else: the transcript was read from a file"}
    return known.get(model) or str(model)


def _rubrics(rows: Iterable[SectionResult]) -> str:
    versions: dict[int, list[str]] = {}
    for row in rows:
        if row.rubric_version is not None:
            versions.setdefault(row.rubric_version, []).append(row.id)
    return ", ".join(f"version {version} ({_sections(versions[version])})" for version in sorted(versions)) or "None: nothing was graded"


def _sections(ids: Iterable[str]) -> str:
    named = list(ids)
    return f"section{'s' if len(named) > 1 else ''} {', '.join(named)}"
