"""The embedded grader gives credit for answers and for nothing else."""

from collections.abc import Sequence

import pytest

from agent.assembly import Parts
from agent.grader import Assessment, EmbeddedGrader
from agent.matcher import Match, Matcher, Piece, is_question, pieces, shows_something, takes_questions
from agent.schema import Move, SectionResult, Transcript, Turn, Verdict
from agent.text import normalised, sentences

SECTIONS = [str(n) for n in range(10)]
OFF_TOPIC = (
    "My grandmother grows tomatoes behind the house, and in August we cook them for two days because they do not keep. "
    "The trick is to add the salt at the end, otherwise the sauce gets watery and nobody wants it."
)
LISTED = "Kafka, Redis, Postgres, Kubernetes, Istio, GraphQL, Terraform, Prometheus, Elasticsearch, S3, CloudFront, Vault, Cassandra."


def grade(parts: Parts, section: str, *answers: str, question: str = "How would you do this?") -> SectionResult:
    turns: list[Turn] = []
    for answer in answers:
        turns.append(Turn(n=len(turns) + 1, section=section, speaker="interviewer", text=question))
        turns.append(Turn(n=len(turns) + 1, section=section, speaker="candidate", text=answer))
    return EmbeddedGrader(parts.library, parts.matcher).grade_now(Assessment(Transcript(turns=tuple(turns)), section))


def credited(result: SectionResult) -> list[tuple[str, str | None]]:
    return [(verdict.criterion, verdict.quote) for verdict in result.verdicts if verdict.status in ("met", "partial")]


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("answer", ["", "Fine.", "Yes, sure, that is good.", OFF_TOPIC, LISTED, f"I would use {LISTED}"])
def test_empty_off_topic_and_listed_answers_earn_nothing(parts: Parts, section: str, answer: str) -> None:
    assert credited(grade(parts, section, answer)) == []


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
def test_a_criterions_own_examples_earn_it(parts: Parts, section: str) -> None:
    criteria = parts.library.rubrics[section].criteria
    earned = sum(
        criterion.id in [name for name, _ in credited(grade(parts, section, example))] for criterion in criteria for example in criterion.examples
    )
    assert earned >= 0.9 * sum(len(criterion.examples) for criterion in criteria)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_credit_quotes_the_candidate_verbatim(parts: Parts, section: str) -> None:
    said = [example for criterion in parts.library.rubrics[section].criteria for example in criterion.examples[:2]]
    result = grade(parts, section, " ".join(said[: len(said) // 2]), " ".join(said[len(said) // 2 :]))
    turns = {2: " ".join(said[: len(said) // 2]), 4: " ".join(said[len(said) // 2 :])}
    quotes = [(verdict.turn, verdict.quote) for verdict in result.verdicts if verdict.quote]
    assert quotes
    assert all(quote and turn and normalised(quote) in normalised(turns[turn]) for turn, quote in quotes)


def test_grading_twice_gives_the_same(parts: Parts) -> None:
    answer = parts.library.rubrics["6"].criteria[0].examples[0]
    assert grade(parts, "6", answer) == grade(parts, "6", answer)


def test_questions_are_evidence_only_where_asking_can_earn_something(parts: Parts) -> None:
    assert any(takes_questions(criterion) for criterion in parts.library.rubrics["1"].criteria)
    assert not any(takes_questions(criterion) for criterion in parts.library.rubrics["6"].criteria)
    assert is_question('Is that so?"')


def test_a_piece_is_a_sentence_or_two_neighbours_as_they_stand() -> None:
    text = "We shard by user id because reads go by user. That keeps one user's rows together on one machine."
    found = [piece.text for piece in pieces([(1, text)], [])]
    assert found[-1] == text
    assert all(piece in text for piece in found)


# --- what can be evidence ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "evidence"),
    [
        ("We keep the links in one table keyed by code.", True),
        ("We keep it in Postgres.", False),
        ("We don't need a cache here.", False),
        ("We don't need a cache here, because every read is one lookup by key and the primary has room.", True),
        ("So you ask how I would keep the data close to the user in every region.", False),
    ],
)
def test_a_piece_is_evidence_when_it_is_long_enough_and_gives_a_reason_for_a_refusal_and_is_no_echo(text: str, evidence: bool) -> None:
    assert shows_something(text, ["How would you keep the data close to the user in every region?"]) == evidence


def test_an_example_put_as_a_question_earns_nothing_where_asking_earns_nothing(parts: Parts) -> None:
    for criterion in parts.library.rubrics["6"].criteria:
        for example in (example for example in criterion.examples if len(sentences(example)) == 1):
            assert credited(grade(parts, "6", example)) != []
            assert credited(grade(parts, "6", example.rstrip(".") + "?")) == []


def test_what_was_said_in_another_section_earns_nothing(parts: Parts) -> None:
    criterion = parts.library.criteria["store-fits-access"]
    turns = [Turn(n=1, section="5", speaker="candidate", text=criterion.examples[0]), Turn(n=2, section="6", speaker="candidate", text="So it is.")]
    result = EmbeddedGrader(parts.library, parts.matcher).grade_now(Assessment(Transcript(turns=tuple(turns)), "6"))
    assert credited(result) == []


class Sure(Matcher):
    """A matcher that finds the same piece for every criterion."""

    def __init__(self, parts: Parts, probability: float, near_miss: bool = False) -> None:
        super().__init__(parts.library, parts.encoder)
        self.found = (probability, Piece(2, "we do it this way"), near_miss)

    def match(self, section_id: str, said: Sequence[tuple[int, str]], asked: Sequence[str]) -> dict[str, Match]:
        return {c.id: Match(c.id, *self.found) for c in self.bank(section_id).criteria}


def hinted(criterion: str, hints: int) -> Transcript:
    move = Move(kind="hint", criterion=criterion)
    return Transcript(turns=tuple(Turn(n=n, section="6", speaker="interviewer", text="A hint.", move=move) for n in range(1, hints + 1)))


def judged(parts: Parts, matcher: Matcher, hints: int = 0) -> Verdict:
    criterion = parts.library.rubrics["6"].criteria[0].id
    return EmbeddedGrader(parts.library, matcher).grade_now(Assessment(hinted(criterion, hints), "6")).verdicts[0]


@pytest.mark.parametrize(("probability", "status"), [(0.5, "met"), (0.49, "partial"), (0.35, "partial"), (0.34, "not_observed")])
def test_a_half_is_full_credit_and_a_third_is_half_of_it(parts: Parts, probability: float, status: str) -> None:
    verdict = judged(parts, Sure(parts, probability))
    assert verdict.status == status
    assert (verdict.quote is None) == (status == "not_observed")


@pytest.mark.parametrize(("given", "counted"), [(0, 0), (2, 2), (5, 3)])
def test_hints_that_were_given_stand_beside_the_credit(parts: Parts, given: int, counted: int) -> None:
    assert judged(parts, Sure(parts, 0.9), hints=given).hints == counted


def test_a_near_miss_is_called_one(parts: Parts) -> None:
    assert "does not count" in judged(parts, Sure(parts, 0.2, near_miss=True)).reason
    assert "does not count" not in judged(parts, Sure(parts, 0.2)).reason


def test_a_question_that_says_all_of_it_is_half_of_it(parts: Parts) -> None:
    matcher = Sure(parts, 0.999)
    matcher.found = (0.999, Piece(2, "do we do it this way?"), False)
    assert judged(parts, matcher).status == "partial"


def test_asking_well_is_half_of_it(parts: Parts) -> None:
    criteria = [c for c in parts.library.rubrics["1"].criteria if takes_questions(c)]
    for criterion in criteria:
        for example in filter(is_question, criterion.examples):
            verdicts = [v for v in grade(parts, "1", example).verdicts if v.quote and is_question(v.quote)]
            assert all(verdict.status == "partial" for verdict in verdicts)
