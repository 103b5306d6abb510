"""The embedded grader gives credit for answers and for nothing else, and says so where it is not sure."""

from collections.abc import Sequence

import pytest

from agent.assembly import Parts
from agent.estimator import Estimate, Estimator, Said
from agent.evidence import Piece, Rules
from agent.grader import EmbeddedGrader
from agent.schema import Chances, Move, SectionResult, Transcript, Turn, Verdict
from agent.scope import Assessment
from agent.scoring import section_score
from agent.text import around, normalised
from evals.training import Statement, statements

SECTIONS = [str(n) for n in range(10)]
OFF_TOPIC = (
    "My grandmother grows tomatoes behind the house, and in August we cook them for two days because they do not keep. "
    "The trick is to add the salt at the end, otherwise the sauce gets watery and nobody wants it."
)
LISTED = "Kafka, Redis, Postgres, Kubernetes, Istio, GraphQL, Terraform, Prometheus, Elasticsearch, S3, CloudFront, Vault, Cassandra."
STORE = "store-fits-access"
SAID = Piece(3, "we do it this way")
STORE_SAID = (
    "Redirects are one read by short code and nothing else, 20,000 a second, no joins and no ranges, "
    "so the links go into a key-value store, DynamoDB."
)


def grade(parts: Parts, section: str, *answers: str, question: str = "How would you do this?") -> SectionResult:
    turns: list[Turn] = []
    for answer in answers:
        turns.append(Turn(n=len(turns) + 1, section=section, speaker="interviewer", text=question))
        turns.append(Turn(n=len(turns) + 1, section=section, speaker="candidate", text=answer))
    return EmbeddedGrader(parts.library, parts.estimator).grade_now(Assessment(Transcript(turns=tuple(turns)), section))


def credited(result: SectionResult) -> list[tuple[str, str | None]]:
    return [(verdict.criterion, verdict.quote) for verdict in result.verdicts if verdict.status in ("met", "partial")]


def of(result: SectionResult, criterion: str) -> Verdict:
    return next(verdict for verdict in result.verdicts if verdict.criterion == criterion)


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("answer", ["", "Fine.", "Yes, sure, that is good.", LISTED, f"I would use {LISTED}"])
def test_empty_and_listed_answers_earn_nothing(parts: Parts, section: str, answer: str) -> None:
    result = grade(parts, section, answer)
    assert credited(result) == [] and result.score == 0


def test_talk_about_something_else_earns_next_to_nothing(parts: Parts) -> None:
    results = [grade(parts, section, OFF_TOPIC) for section in SECTIONS]
    assert sum(len(credited(result)) for result in results) <= 0.02 * len(parts.library.criteria)
    assert all(result.score is not None and result.score < 20 for result in results)


@pytest.mark.parametrize("section", SECTIONS)
def test_copied_questions_earn_nothing(parts: Parts, section: str) -> None:
    rubric = parts.library.rubrics[section]
    for question in (*rubric.openings.senior, *(q for c in rubric.criteria for q in c.follow_ups)):
        assert credited(grade(parts, section, question, question=question)) == []


@pytest.mark.parametrize("section", SECTIONS)
def test_refusals_earn_nothing(parts: Parts, section: str) -> None:
    for thing in (
        "a cache",
        "a service mesh",
        "sharding",
        "any monitoring",
        "canary releases",
        "rate limits",
        "a CDN",
        "multi-tenancy",
        "user research",
    ):
        for refusal in (
            f"We don't need {thing} here.",
            f"We do not need {thing}, I would skip that.",
            f"There is no need for {thing} in this system.",
        ):
            assert credited(grade(parts, section, refusal)) == []


@pytest.mark.parametrize("section", SECTIONS)
def test_the_rubric_read_aloud_earns_nothing(parts: Parts, section: str) -> None:
    for criterion in parts.library.rubrics[section].criteria:
        for line in (criterion.statement, *criterion.counts, *criterion.examples, *criterion.hints):
            assert credited(grade(parts, section, line)) == []


@pytest.fixture(scope="module")
def written(parts: Parts) -> list[tuple[str, Statement]]:
    return statements(parts.library)


@pytest.mark.parametrize("kind", ["refusal", "name_drop", "question", "off_topic"])
def test_what_shows_nothing_is_met_in_at_most_one_of_twenty(parts: Parts, written: list[tuple[str, Statement]], kind: str) -> None:
    section = {c.id: rubric.section for rubric in parts.library.rubrics.values() for c in rubric.criteria}
    said = [(criterion, one.text) for criterion, one in written if one.kind == kind][::7]
    met = sum(of(grade(parts, section[criterion], text), criterion).status == "met" for criterion, text in said)
    assert len(said) > 30 and met <= 0.05 * len(said)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_credit_quotes_the_candidate_verbatim(parts: Parts, written: list[tuple[str, Statement]], section: str) -> None:
    ids = {c.id for c in parts.library.rubrics[section].criteria}
    said = [one.text for criterion, one in written if criterion in ids and one.kind == "met"][::9]
    first, second = " ".join(said[: len(said) // 2]), " ".join(said[len(said) // 2 :])
    quotes = [(verdict.turn, verdict.quote) for verdict in grade(parts, section, first, second).verdicts if verdict.quote]
    assert quotes
    assert all(quote and turn and normalised(quote) in normalised({2: first, 4: second}[turn]) for turn, quote in quotes)


def test_grading_twice_gives_the_same(parts: Parts) -> None:
    assert grade(parts, "6", STORE_SAID) == grade(parts, "6", STORE_SAID)


def test_the_same_content_counts_wherever_it_was_said(parts: Parts) -> None:
    def graded(*turns: Turn) -> Verdict:
        return of(EmbeddedGrader(parts.library, parts.estimator).grade_now(Assessment(Transcript(turns=turns), "6")), STORE)

    silent = Turn(n=1, section="6", speaker="candidate", text="As I said before.")
    early = Turn(n=1, section="2", speaker="candidate", text=STORE_SAID)
    late = Turn(n=2, section="8", speaker="candidate", text=STORE_SAID)
    nothing = graded(silent).chances
    for verdict in (graded(early, silent.model_copy(update={"n": 2})), graded(silent, late)):
        assert nothing and verdict.chances and verdict.chances.credit >= 0.5 > nothing.credit
        assert verdict.quote == STORE_SAID


# --- from chances to verdicts -----------------------------------------------------------------------------------


class Sure(Estimator):
    """An estimator that finds the same for every criterion."""

    def __init__(self, parts: Parts, met: float, partial: float, piece: Piece | None) -> None:
        super().__init__(parts.library, parts.estimator._classifier, parts.matcher, Rules(parts.library))
        self.found = (Chances(met=met, partial=partial), piece)

    def estimate(self, section: str, said: Sequence[Said], asked: Sequence[str]) -> dict[str, Estimate]:
        return {c.id: Estimate(c.id, *self.found) for c in self.library.rubrics[section].criteria}


def hint(n: int, criterion: str) -> Turn:
    return Turn(n=n, section="6", speaker="interviewer", text="A hint.", move=Move(kind="hint", criterion=criterion))


def judged(parts: Parts, met: float, partial: float, *turns: Turn, piece: Piece | None = SAID, **how: float) -> SectionResult:
    grader = EmbeddedGrader(parts.library, Sure(parts, met, partial, piece), **{"sure": 0.6, **how})
    return grader.grade_now(Assessment(Transcript(turns=turns), "6"))


@pytest.mark.parametrize(
    ("met", "partial", "status"),
    [(0.7, 0.2, "met"), (0.2, 0.7, "partial"), (0.1, 0.2, "not_observed"), (0.55, 0.3, "unclear"), (0.3, 0.3, "unclear")],
)
def test_the_likeliest_verdict_is_given_where_it_is_likely_enough(parts: Parts, met: float, partial: float, status: str) -> None:
    verdict = judged(parts, met, partial).verdicts[0]
    assert verdict.status == status
    assert (verdict.quote is None) == (status == "not_observed")


def test_the_confidence_is_the_chance_of_the_verdict(parts: Parts) -> None:
    assert [judged(parts, *chances).verdicts[0].confidence for chances in ((0.7, 0.2), (0.2, 0.7), (0.1, 0.2))] == [0.7, 0.7, 0.7]


def test_lenience_moves_the_chances_and_not_the_wording(parts: Parts) -> None:
    assert judged(parts, 0.5, 0.2).verdicts[0].status == "unclear"
    assert judged(parts, 0.5, 0.2, lenience=1.5).verdicts[0].status == "met"
    assert judged(parts, 0.5, 0.2, lenience=-3.0).verdicts[0].status == "not_observed"


def test_the_score_is_the_expected_value_and_its_band_holds_it(parts: Parts) -> None:
    unsure, sure = judged(parts, 0.5, 0.2), judged(parts, 1.0, 0.0)
    assert unsure.score == section_score(unsure.verdicts, parts.library.rubrics["6"], "senior")
    assert unsure.band and unsure.score and unsure.band[0] < unsure.score < unsure.band[1]
    assert sure.band == (100.0, 100.0)


def test_without_a_piece_that_can_be_evidence_nothing_is_credited(parts: Parts) -> None:
    verdict = judged(parts, 0.9, 0.1, piece=None).verdicts[0]
    assert (verdict.status, verdict.quote) == ("not_observed", None)


@pytest.mark.parametrize(("before", "after", "counted"), [(0, 0, 0), (2, 0, 2), (0, 2, 0), (1, 1, 1)])
def test_only_hints_that_came_before_the_evidence_cost(parts: Parts, before: int, after: int, counted: int) -> None:
    criterion = parts.library.rubrics["6"].criteria[0].id
    turns = [hint(n, criterion) for n in range(1, before + 1)] + [hint(n + 3, criterion) for n in range(1, after + 1)]
    assert judged(parts, 0.9, 0.1, *turns).verdicts[0].hints == counted


def test_around_a_quote_are_its_whole_sentences() -> None:
    text = "We shard by user. In the primary I take writes and mark everything as met. Reads go elsewhere."
    assert around("the primary I take", text) == "In the primary I take writes and mark everything as met."
    assert around("by user. In the", text) == "We shard by user. In the primary I take writes and mark everything as met."
    assert around("not there", text) == "not there"
