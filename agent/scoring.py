"""Verdicts to section scores, a scorecard and a level signal. Pure arithmetic: no model, no clock."""

from collections.abc import Iterable, Mapping, Sequence

from agent.library import Library
from agent.schema import (
    LEVELS,
    Criterion,
    Finding,
    Level,
    LevelSignal,
    NextStep,
    Overall,
    Rubric,
    Scorecard,
    Section,
    SectionResult,
    SectionStatus,
    Transcript,
    Verdict,
)

CREDIT = {"met": 1.0, "partial": 0.5, "not_observed": 0.0}
HINT_COST = 0.25  # share of a criterion's credit that each hint on it gives away
ABOVE = 0.5  # a criterion of a higher tier than the level counts half, and only upwards
EXPECTED = (45.0, 75.0)  # where a candidate at the level is expected: the time allows about half to three quarters of a rubric
SHARE_FOR_LEVEL: dict[Level, float] = {"mid": 0.45, "senior": 0.4, "staff": 0.35}  # of a tier's weight, to signal that level
FEWEST_SECTIONS = 4  # graded, before a level is signalled at all
FEWEST_JUDGED = 0.5  # share of a section's criteria that must have a verdict, for a score
MOST_FINDINGS = 3


def credit(verdict: Verdict) -> float:
    """What a verdict earns of its criterion's weight (0 to 1), after hints."""
    return CREDIT[verdict.status] * max(0.0, 1.0 - HINT_COST * verdict.hints)


def section_score(verdicts: Iterable[Verdict], rubric: Rubric, level: Level) -> float | None:
    """0 to 100: earned weight over the weight that the level is expected to show; None if nothing could be graded.

    Criteria above the level can lift the score but never lower it. Unscored verdicts are left out of both sums.
    """
    by_id = {verdict.criterion: verdict for verdict in verdicts if verdict.status != "unscored"}
    earned = expected = 0.0
    for criterion in rubric.criteria:
        verdict = by_id.get(criterion.id)
        if verdict is None:
            continue
        if _expected(criterion, level):
            expected += criterion.weight
            earned += criterion.weight * credit(verdict)
        else:
            earned += ABOVE * criterion.weight * credit(verdict)
    return round(min(100.0, 100.0 * earned / expected), 1) if expected else None


def section_result(section: Section, rubric: Rubric, verdicts: Sequence[Verdict], level: Level, grader: str) -> SectionResult:
    """A graded section; `unscored` when fewer than half of the criteria could be judged: a failed grader is no score, low or high."""
    judged = sum(verdict.status != "unscored" for verdict in verdicts)
    score = section_score(verdicts, rubric, level) if judged >= FEWEST_JUDGED * len(rubric.criteria) else None
    status: SectionStatus = "graded" if score is not None else "unscored"
    note = None if score is not None else f"The grader judged {judged} of {len(rubric.criteria)} criteria. {_first_failure(verdicts)}".strip()
    return SectionResult(
        id=section.id,
        title=section.title,
        status=status,
        score=score,
        expected=EXPECTED,
        verdicts=tuple(verdicts),
        rubric_version=rubric.version,
        grader=grader,
        note=note,
    )


def _first_failure(verdicts: Sequence[Verdict]) -> str:
    return next((verdict.reason for verdict in verdicts if verdict.status == "unscored"), "")


def without_verdicts(section: Section, status: SectionStatus, note: str | None = None) -> SectionResult:
    """A section that was not reached, or that no grader could grade."""
    return SectionResult(id=section.id, title=section.title, status=status, note=note)


def scorecard(transcript: Transcript, results: Mapping[str, SectionResult], library: Library, grader: str, sections: Sequence[str] = ()) -> Scorecard:
    """The scorecard over the sections of an interview (all of the framework's by default); those without a result were not reached."""
    chosen = [section for section in library.sections if not sections or section.id in sections]
    rows = tuple(results.get(section.id) or without_verdicts(section, "not_reached") for section in chosen)
    signal, why = level_signal(rows, library, len(chosen))
    graded = [row for row in rows if row.status == "graded"]
    return Scorecard(
        scenario=transcript.scenario,
        title=transcript.title,
        level=transcript.level,
        sections=rows,
        overall=Overall(score=_overall(graded, library), sections_graded=len(graded)),
        level_signal=signal,
        signal_reason=why,
        strengths=_strengths(graded, library),
        gaps=_gaps(graded, library, transcript.level),
        next_steps=_next_steps(graded, library, transcript.level),
        grader=grader,
        corpus=transcript.corpus,
        prompts=transcript.prompts,
    )


def _overall(graded: Sequence[SectionResult], library: Library) -> float | None:
    pairs = [(library.section(row.id).minutes or 5.0, row.score) for row in graded if row.score is not None]
    total = sum(minutes for minutes, _ in pairs)
    return round(sum(minutes * score for minutes, score in pairs) / total, 1) if total else None


def level_signal(rows: Sequence[SectionResult], library: Library, wanted: int) -> tuple[LevelSignal, str]:
    """The highest level whose tier, and every tier below it, was shown well enough; and what decided it, in words."""
    graded = [row for row in rows if row.status == "graded"]
    fewest = min(FEWEST_SECTIONS, wanted)
    if len(graded) < fewest:
        return "insufficient", f"{len(graded)} of {wanted} sections were graded; a level needs at least {fewest}."
    shares = {tier: tier_share(graded, library, tier) for tier in LEVELS}
    signal: LevelSignal = "below_mid"
    for tier in LEVELS:
        share = shares[tier]
        if share is None:
            continue
        if share < SHARE_FOR_LEVEL[tier]:
            return signal, f"{share:.0%} of what a {tier} candidate shows was there; {SHARE_FOR_LEVEL[tier]:.0%} is wanted."
        signal = tier
    shown = ", ".join(f"{share:.0%} of {tier}" for tier, share in shares.items() if share is not None)
    return signal, f"Every tier was shown well enough: {shown}."


def tier_share(graded: Sequence[SectionResult], library: Library, tier: Level) -> float | None:
    """Share of a tier's weight that was earned over the graded sections; None when the tier has no graded criterion."""
    earned = possible = 0.0
    for row in graded:
        for verdict in row.verdicts:
            criterion = library.criteria.get(verdict.criterion)
            if criterion is not None and criterion.tier == tier and verdict.status != "unscored":
                possible += criterion.weight
                earned += criterion.weight * credit(verdict)
    return earned / possible if possible else None


def _expected(criterion: Criterion, level: Level) -> bool:
    return LEVELS.index(criterion.tier) <= LEVELS.index(level)


def _rows(graded: Sequence[SectionResult], library: Library) -> list[tuple[SectionResult, Verdict, Criterion]]:
    return [(row, v, library.criteria[v.criterion]) for row in graded for v in row.verdicts if v.criterion in library.criteria]


def _strengths(graded: Sequence[SectionResult], library: Library) -> tuple[Finding, ...]:
    met = [(row, v, c) for row, v, c in _rows(graded, library) if v.status == "met"]
    met.sort(key=lambda found: (-LEVELS.index(found[2].tier) - found[2].weight, -found[1].confidence, found[2].id))
    return tuple(_finding(row, v, c) for row, v, c in _spread(met))


def _gaps(graded: Sequence[SectionResult], library: Library, level: Level) -> tuple[Finding, ...]:
    return tuple(_finding(row, v, c) for row, v, c in _spread(_missed(graded, library, level)))


def _missed(graded: Sequence[SectionResult], library: Library, level: Level) -> list[tuple[SectionResult, Verdict, Criterion]]:
    missed = [(row, v, c) for row, v, c in _rows(graded, library) if _expected(c, level) and v.status in ("partial", "not_observed")]
    missed.sort(key=lambda found: (-found[2].weight * (1 - credit(found[1])), LEVELS.index(found[2].tier), found[2].id))
    return missed


def _spread(found: Sequence[tuple[SectionResult, Verdict, Criterion]]) -> list[tuple[SectionResult, Verdict, Criterion]]:
    """The first of each section, so that three findings speak of three sections."""
    first = {row.id: (row, v, c) for row, v, c in reversed(found)}
    return sorted(first.values(), key=found.index)[:MOST_FINDINGS]


def _finding(row: SectionResult, verdict: Verdict, criterion: Criterion) -> Finding:
    return Finding(
        section=row.id,
        criterion=criterion.id,
        statement=criterion.statement,
        quote=verdict.quote,
        turn=verdict.turn,
        advice=" ".join(criterion.counts),
    )


def _next_steps(graded: Sequence[SectionResult], library: Library, level: Level) -> tuple[NextStep, ...]:
    missed: dict[str, float] = {}
    why: dict[str, str] = {}
    for _, verdict, criterion in _missed(graded, library, level):
        part = criterion.references[0]
        missed[part] = missed.get(part, 0.0) + criterion.weight * (1 - credit(verdict))
        why.setdefault(part, criterion.statement)
    ranked = sorted(missed, key=lambda part: (-missed[part], part))[: MOST_FINDINGS + 1]
    return tuple(NextStep(subsection=part, title=_title(part, library), why=why[part]) for part in ranked)


def _title(part: str, library: Library) -> str:
    found = library.subsections.get(part)
    return found.title if found else library.section(part).title
