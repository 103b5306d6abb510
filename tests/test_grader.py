"""The embedded grader gives credit for answers and for nothing else."""

import pytest

from agent.assembly import Parts
from agent.grader import Assessment, EmbeddedGrader
from agent.matcher import is_question, pieces, takes_questions
from agent.schema import SectionResult, Transcript, Turn
from agent.text import normalised

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
    return EmbeddedGrader(parts.library, parts.matcher).grade_now(Assessment(Transcript(turns=tuple(turns)), section, {}))


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
