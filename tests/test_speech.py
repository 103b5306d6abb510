"""No number and no name is shown that has not come up in the interview."""

from collections.abc import AsyncIterator

import pytest

from agent.errors import HeldBack
from agent.library import Library
from agent.speech import Known, Speech, known


@pytest.fixture(scope="module")
def speech(library: Library) -> Speech:
    return Speech(library)


async def spoken(text: str, size: int) -> AsyncIterator[str]:
    for start in range(0, len(text), size):
        yield text[start : start + size]


async def heard(speech: Speech, text: str, has_come_up: Known, size: int = 3, into: list[str] | None = None) -> str:
    pieces = [] if into is None else into
    async for piece in speech.kept(spoken(text, size), has_come_up):
        pieces.append(piece)
    return "".join(pieces)


# --- numbers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["20,000 a second", "20k rps", "twenty thousand reads", "20 thousand"])
@pytest.mark.parametrize("asked", ["Where do 20,000 reads go?", "Where do 20k reads go?", "Where do twenty thousand reads go?"])
def test_a_number_that_was_said_may_be_said_in_another_form(speech: Speech, said: str, asked: str) -> None:
    assert speech.stray(asked, known([said])) is None


@pytest.mark.parametrize(
    ("reply", "stray"),
    [
        ("What if 50,000 came at once?", "50,000"),
        ("What if fifty thousand came at once?", "fifty thousand"),
        ("Would 20 million change that?", "20 million"),
        ("Suppose it has a hundred times the load.", "hundred"),
        ("And at 99.99 percent?", "99.99"),
        ("What does p99 say?", "p99"),
        ("Can it answer in 2 ms?", "2"),
        ("Can it answer within two seconds?", "two"),
        ("What of 3% errors?", "3"),
        ("How would 7 servers share that?", "7"),
    ],
)
def test_a_number_of_the_models_own_is_stray(speech: Speech, reply: str, stray: str) -> None:
    assert speech.stray(reply, known(["20,000 reads a second, 99.9 percent"])) == stray


@pytest.mark.parametrize(
    "reply",
    [
        "Pick the two or three that matter, and one of them first.",
        "Take your second point: which one would you drop?",
        "Let us stay in section 6 for a moment.",
        "What happens when thousands of them wait?",
        "You have about 7 minutes left, seven minutes in all.",
    ],
)
def test_counting_and_the_interviews_own_time_are_harmless(speech: Speech, reply: str) -> None:
    assert speech.stray(reply, known([], minutes=[7])) is None


def test_the_interviews_minutes_are_no_other_number(speech: Speech) -> None:
    has_come_up = known([], minutes=[7])
    assert speech.stray("Would 7 regions do?", has_come_up) == "7"
    assert speech.stray("You have 9 minutes left.", has_come_up) == "9"
    assert speech.stray("Now section 77.", has_come_up) == "77"


# --- names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "stray"),
    [
        ("Would Kafka help there?", "Kafka"),
        ("would kafka help there?", "kafka"),
        ("Kafka's offsets, would they help?", "Kafka's"),
        ("Would you keep it in DynamoDB?", "DynamoDB"),
        ("DynamoDB might do.", "DynamoDB"),
        ("Is gRPC an option?", "gRPC"),
        ("Would S3 hold it?", "S3"),
        ("Would s3 hold it?", "s3"),
        ("What would a CDN do?", "CDN"),
        ("What would a cdn do?", "cdn"),
        ("Is 2PC worth it?", "2PC"),
        ("Would you use Aerospike?", "Aerospike"),
        ("For Germany, what changes?", "Germany"),
        ("A message queue (Kafka-like), perhaps?", "Kafka"),
        ("Some take e.g. Aerospike here.", "Aerospike"),
    ],
)
def test_a_name_that_nobody_said_is_stray(speech: Speech, reply: str, stray: str) -> None:
    assert speech.stray(reply, known(["We keep the links in a relational database."])) == stray


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        ("i would take kafka", "Why Kafka, and what do Kafka's partitions give you?"),
        ("A Lambda", "What starts the Lambdas?"),
        ("Postgres", "You said PostgreSQL."),
        ("It goes to DynamoDB", "Why Dynamo?"),
        ("Dynamo DB", "Why DynamoDB?"),
        ("elastic search", "Why Elasticsearch?"),
        ("nodejs on ec2", "Node.js on EC2, why?"),
    ],
)
def test_a_name_that_was_said_may_be_said_in_another_form(speech: Speech, said: str, reply: str) -> None:
    assert speech.stray(reply, known([said])) is None


@pytest.mark.parametrize(
    "reply",
    [
        "I'd like one more thing. What I mean is the API: who calls it over HTTP?",
        'You said "That is enough". Is it?',
        "In plain English: how much CPU, and how many QPS? What about Monday?",
        "How do the service A and the service B agree? What would go wrong, or react, or spark a fire?",
        "It must NOT be lost. Then:\nWhere is it?",
        "The store.Then what?",
    ],
)
def test_ordinary_capitals_are_no_names(speech: Speech, reply: str) -> None:
    assert speech.stray(reply, known([])) is None


def test_every_line_of_the_question_bank_passes_where_it_is_the_moves_own(speech: Speech, library: Library) -> None:
    for scenario in library.scenarios.values():
        for rubric in library.rubrics.values():
            openings = [line.replace("{thing}", scenario.thing) for line in rubric.openings.lines]
            bank = [*openings, *(line for criterion in rubric.criteria for line in (*criterion.follow_ups, *criterion.hints))]
            assert [line for line in bank if speech.stray(line, known([scenario.brief, line]))] == []


def test_the_question_bank_holds_little_that_another_question_could_not_say(speech: Speech, library: Library) -> None:
    """Capitals and counts of everyday questions are not taken for names and figures: what is found are figures and technologies."""
    follow_ups = [line for criterion in library.criteria.values() for line in criterion.follow_ups]
    found = [speech.stray(line, known([])) for line in follow_ups]
    names = {stray for stray in found if stray and not any(char.isdigit() for char in stray)} - {"two", "three", "four", "five", "six", "ten", "Ten"}
    assert names <= {"Japan", "Two", "thirty", "hundred", "two hundred", "thousand", "ten thousand", "fifty thousand"}


# --- while it streams -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 5, 100])
async def test_a_reply_that_mentions_nothing_new_passes_word_for_word(speech: Speech, size: int) -> None:
    reply = "You said twenty thousand reads a second from Redis. Which of them\nhurts first, and why?"
    assert await heard(speech, reply, known(["20k reads from redis"]), size) == reply


@pytest.mark.parametrize("size", [1, 2, 5, 100])
@pytest.mark.parametrize("new", ["Kafka", "kafka", "DynamoDB", "50 thousand", "fifty thousand", "(fifty thousand)", "two seconds"])
async def test_no_word_of_what_is_new_is_shown(speech: Speech, size: int, new: str) -> None:
    shown: list[str] = []
    with pytest.raises(HeldBack) as held:
        await heard(speech, f"You keep the links. Would {new} help?", known(["the links"]), size, into=shown)
    assert "You keep the links. Would ".startswith("".join(shown))
    assert held.value.mention.split()[0] in new and held.value.transient


@pytest.mark.parametrize("size", [1, 4])
async def test_a_number_is_judged_when_it_is_over(speech: Speech, size: int) -> None:
    assert await heard(speech, "All 20 thousand of them (twenty thousand)?", known(["20,000"]), size)
    with pytest.raises(HeldBack):
        await heard(speech, "All 20 thousand of them?", known(["20 of them"]), size)


async def test_the_last_word_is_checked_too(speech: Speech) -> None:
    with pytest.raises(HeldBack):
        await heard(speech, "And with Kafka", known([]))
