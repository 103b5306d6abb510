"""Points are computed here and nowhere else."""

import pytest

from agent.library import Library
from agent.schema import SectionResult, Transcript, Verdict, VerdictStatus
from agent.scoring import level_signal, scorecard, section_result, section_score, without_verdicts


def verdicts(
    library: Library, section: str, status: VerdictStatus, tiers: tuple[str, ...] = ("mid", "senior", "staff"), hints: int = 0
) -> list[Verdict]:
    made = []
    for c in library.rubrics[section].criteria:
        given: VerdictStatus = status if c.tier in tiers else "not_observed"
        quote = "we said so" if given in ("met", "partial") else None
        made.append(Verdict(criterion=c.id, status=given, quote=quote, turn=1 if quote else None, confidence=0.9, reason="r", hints=hints))
    return made


def graded(library: Library, section: str, status: VerdictStatus, tiers: tuple[str, ...] = ("mid", "senior", "staff")) -> SectionResult:
    return section_result(library.section(section), library.rubrics[section], verdicts(library, section, status, tiers), "senior", "embedded")


def test_everything_met_is_a_hundred_and_nothing_is_zero(library: Library) -> None:
    rubric = library.rubrics["6"]
    assert section_score(verdicts(library, "6", "met"), rubric, "staff") == 100
    assert section_score(verdicts(library, "6", "partial"), rubric, "staff") == 50
    assert section_score(verdicts(library, "6", "not_observed"), rubric, "staff") == 0


def test_a_mid_candidate_loses_nothing_for_missing_staff_criteria_and_gains_for_meeting_them(library: Library) -> None:
    rubric = library.rubrics["6"]
    assert section_score(verdicts(library, "6", "met", ("mid",)), rubric, "mid") == 100
    assert (section_score(verdicts(library, "6", "partial"), rubric, "mid") or 0) > 50


def test_unscored_criteria_are_kept_out_of_the_score(library: Library) -> None:
    rubric = library.rubrics["6"]
    mixed = verdicts(library, "6", "met")
    mixed[0] = mixed[0].model_copy(update={"status": "unscored"})
    assert section_score(mixed, rubric, "staff") == 100


def test_a_section_without_one_verdict_is_unscored_and_has_no_score(library: Library) -> None:
    result = section_result(library.section("6"), library.rubrics["6"], verdicts(library, "6", "unscored"), "senior", "m")
    assert (result.status, result.score) == ("unscored", None)
    assert result.note


def test_a_hint_costs_a_quarter_of_the_credit(library: Library) -> None:
    assert section_score(verdicts(library, "6", "met", hints=1), library.rubrics["6"], "staff") == 75


def test_not_reached_and_unscored_sections_are_no_part_of_the_overall_score(library: Library) -> None:
    results = {"5": graded(library, "5", "met"), "6": without_verdicts(library.section("6"), "unscored", "it failed")}
    card = scorecard(Transcript(turns=()), results, library, "embedded")
    assert card.overall.score == 100
    assert card.overall.sections_graded == 1
    assert {row.status for row in card.sections} == {"graded", "unscored", "not_reached"}


def test_the_overall_score_weighs_sections_by_their_minutes(library: Library) -> None:
    results = {"5": graded(library, "5", "met"), "6": graded(library, "6", "not_observed")}
    assert scorecard(Transcript(turns=()), results, library, "embedded").overall.score == pytest.approx(100 * 10 / 15, abs=0.1)


@pytest.mark.parametrize(
    ("tiers", "signal"),
    [((), "below_mid"), (("mid",), "mid"), (("mid", "senior"), "senior"), (("mid", "senior", "staff"), "staff"), (("staff",), "below_mid")],
)
def test_the_level_signal_is_the_highest_tier_shown_with_all_below_it(library: Library, tiers: tuple[str, ...], signal: str) -> None:
    rows = [graded(library, section, "met", tiers) for section in ("1", "2", "5", "6", "7")]
    assert level_signal(rows, library, 10)[0] == signal


def test_too_few_sections_give_no_level(library: Library) -> None:
    assert level_signal([graded(library, "5", "met")], library, 10)[0] == "insufficient"


def test_findings_speak_of_different_sections_and_next_steps_name_subsections(library: Library) -> None:
    results = {name: graded(library, name, "met", ("mid",)) for name in ("1", "5", "6", "7")}
    card = scorecard(Transcript(turns=()), results, library, "embedded")
    assert len({finding.section for finding in card.strengths}) == len(card.strengths) == 3
    assert len({finding.section for finding in card.gaps}) == 3
    assert all(step.subsection in library.subsections for step in card.next_steps)
    assert all(finding.quote for finding in card.strengths)


# --- what the findings pick -------------------------------------------------------------------------------------


def missed(library: Library, section: str, statuses: dict[str, VerdictStatus]) -> SectionResult:
    """A section in which everything was met except these criteria."""
    made = [v.model_copy(update={"status": statuses.get(v.criterion, "met")}) for v in verdicts(library, section, "met")]
    return section_result(library.section(section), library.rubrics[section], made, "senior", "embedded")


def test_the_strength_of_a_section_is_the_heaviest_criterion_of_the_highest_tier_that_was_met(library: Library) -> None:
    results = {name: graded(library, name, "met") for name in ("1", "6", "7")}
    for finding in scorecard(Transcript(turns=()), results, library, "embedded").strengths:
        staff = [c.weight for c in library.rubrics[finding.section].criteria if c.tier == "staff"]
        found = library.criteria[finding.criterion]
        assert (found.tier, found.weight) == ("staff", max(staff))


def test_the_gap_of_a_section_is_what_cost_the_most(library: Library) -> None:
    statuses: dict[str, VerdictStatus] = {
        "record-keys-queries": "partial",  # costs half of 3
        "blobs-outside-rows": "not_observed",  # costs the whole of 2
        "store-weakness-faced": "partial",  # costs half of 2
    }
    card = scorecard(Transcript(turns=()), {"6": missed(library, "6", statuses)}, library, "embedded")
    assert [finding.criterion for finding in card.gaps] == ["blobs-outside-rows"]


def test_what_is_above_the_level_is_neither_a_gap_nor_a_next_step(library: Library) -> None:
    results = {name: graded(library, name, "met", ("mid",)) for name in ("1", "5", "6", "7")}
    card = scorecard(Transcript(turns=(), level="mid"), results, library, "embedded")
    assert (card.gaps, card.next_steps) == ((), ())


def test_the_first_next_step_is_the_subsection_that_cost_the_most(library: Library) -> None:
    statuses: dict[str, VerdictStatus] = {"store-weakness-faced": "partial", "record-keys-queries": "not_observed"}
    card = scorecard(Transcript(turns=()), {"6": missed(library, "6", statuses)}, library, "embedded")
    assert [step.subsection for step in card.next_steps] == ["6.2", "6.1"]
    assert card.next_steps[0].why == library.criteria["record-keys-queries"].statement


# --- what the level signal rests on -----------------------------------------------------------------------------


def test_a_practice_of_two_sections_gives_a_level_when_both_were_graded(library: Library) -> None:
    both = [graded(library, section, "met") for section in ("5", "6")]
    assert level_signal(both, library, 2)[0] == "staff"
    assert level_signal(both[:1], library, 2)[0] == "insufficient"


def test_unscored_criteria_do_not_lower_the_level(library: Library) -> None:
    rows = []
    for section in ("1", "2", "5", "6", "7"):
        judged = [v.model_copy(update={"status": "unscored"}) if i % 3 == 0 else v for i, v in enumerate(verdicts(library, section, "met"))]
        rows.append(section_result(library.section(section), library.rubrics[section], judged, "senior", "m"))
    assert level_signal(rows, library, 10)[0] == "staff"


def test_half_answers_that_needed_hints_are_below_mid(library: Library) -> None:
    rows = []
    for section in ("1", "2", "5", "6", "7"):
        helped = verdicts(library, section, "partial", hints=1)
        rows.append(section_result(library.section(section), library.rubrics[section], helped, "senior", "m"))
    assert level_signal(rows, library, 10)[0] == "below_mid"


def test_a_section_of_which_less_than_half_was_judged_has_no_score(library: Library) -> None:
    mixed = verdicts(library, "6", "met")
    kept = len(mixed) // 2 - 1
    mixed[kept:] = [verdict.model_copy(update={"status": "unscored"}) for verdict in mixed[kept:]]
    result = section_result(library.section("6"), library.rubrics["6"], mixed, "senior", "m")
    assert (result.status, result.score) == ("unscored", None)
    assert result.note and result.note.startswith(f"The grader judged {kept} of {len(mixed)} criteria.")
