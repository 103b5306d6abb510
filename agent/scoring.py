"""Verdicts to section scores, a scorecard and a level signal. Pure arithmetic: no model, no clock."""

import math
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

CREDIT = {"met": 1.0, "partial": 0.5, "not_observed": 0.0, "unclear": 0.0}
WITHIN = 1.2816  # standard deviations each way that hold four fifths of a normal distribution
ABOVE = 0.5  # a criterion of a higher tier than the level counts half, and only upwards
EXPECTED = (45.0, 75.0)  # where a candidate at the level is expected: the time allows about half to three quarters of a rubric
SHARE_FOR_LEVEL: dict[Level, float] = {"mid": 0.45, "senior": 0.4, "staff": 0.35}  # of a tier's weight, to signal that level
FEWEST_SECTIONS = 4  # graded, before a level is signalled at all
FEWEST_JUDGED = 0.5  # share of a section's criteria that must have a verdict, for a score
MOST_FINDINGS = 3


def credit(verdict: Verdict, rubric: Rubric) -> float:
    """What a verdict earns of its criterion's weight (0 to 1), after hints. From a grader that estimates: the expected value."""
    earned = verdict.chances.credit if verdict.chances else CREDIT[verdict.status]
    return earned * kept(verdict, rubric)


def kept(verdict: Verdict, rubric: Rubric) -> float:
    """The share of its credit that a verdict keeps after the hints that came before its evidence."""
    return max(0.0, 1.0 - rubric.hint_cost * verdict.hints)


def section_score(verdicts: Iterable[Verdict], rubric: Rubric, level: Level) -> float | None:
    """0 to 100: earned weight over the weight that the level is expected to show; None if nothing could be graded.

    Criteria above the level can lift the score but never lower it. Unscored verdicts are left out of both sums.
    """
    judged = _judged(verdicts, rubric)
    earned = sum(_worth(criterion, level) * credit(verdict, rubric) for criterion, verdict in judged)
    expected = _wanted(judged, level)
    return round(min(100.0, 100.0 * earned / expected), 1) if expected else None


def score_band(verdicts: Iterable[Verdict], rubric: Rubric, level: Level) -> tuple[float, float] | None:
    """The band in which the score lies with a chance of four in five; None without a score, and for a grader that does not estimate.

    Verdicts are taken as independent and their sum as normal: with eight or more criteria that is near enough.
    """
    judged = _judged(verdicts, rubric)
    score, expected = section_score([verdict for _, verdict in judged], rubric, level), _wanted(judged, level)
    if score is None or any(verdict.chances is None for _, verdict in judged):
        return None
    variance = sum(
        (_worth(criterion, level) * kept(verdict, rubric)) ** 2 * verdict.chances.variance for criterion, verdict in judged if verdict.chances
    )
    reach = WITHIN * 100.0 * math.sqrt(variance) / expected
    return round(max(0.0, score - reach), 1), round(min(100.0, score + reach), 1)


def _judged(verdicts: Iterable[Verdict], rubric: Rubric) -> list[tuple[Criterion, Verdict]]:
    by_id = {verdict.criterion: verdict for verdict in verdicts if verdict.status != "unscored"}
    return [(criterion, by_id[criterion.id]) for criterion in rubric.criteria if criterion.id in by_id]


def _worth(criterion: Criterion, level: Level) -> float:
    return criterion.weight * (1.0 if _expected(criterion, level) else ABOVE)


def _wanted(judged: Sequence[tuple[Criterion, Verdict]], level: Level) -> float:
    return sum(criterion.weight for criterion, _ in judged if _expected(criterion, level))


def section_result(
    section: Section, rubric: Rubric, verdicts: Sequence[Verdict], level: Level, grader: str, seen: int | None = None
) -> SectionResult:
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
        band=None if score is None else score_band(verdicts, rubric, level),
        expected=EXPECTED,
        verdicts=tuple(verdicts),
        rubric_version=rubric.version,
        grader=grader,
        seen=seen,
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
        model=transcript.model,
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
                earned += criterion.weight * credit(verdict, library.rubrics[row.id])
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
    missed.sort(key=lambda found: (-_lost(found[0], found[1], found[2], library), LEVELS.index(found[2].tier), found[2].id))
    return missed


def _lost(row: SectionResult, verdict: Verdict, criterion: Criterion, library: Library) -> float:
    """The weight that a criterion did not earn."""
    return criterion.weight * (1 - credit(verdict, library.rubrics[row.id]))


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
    for row, verdict, criterion in _missed(graded, library, level):
        part = criterion.references[0]
        missed[part] = missed.get(part, 0.0) + _lost(row, verdict, criterion, library)
        why.setdefault(part, criterion.statement)
    ranked = sorted(missed, key=lambda part: (-missed[part], part))[: MOST_FINDINGS + 1]
    return tuple(NextStep(subsection=part, title=_title(part, library), why=why[part]) for part in ranked)


def _title(part: str, library: Library) -> str:
    found = library.subsections.get(part)
    return found.title if found else library.section(part).title
