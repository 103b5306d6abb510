"""What a candidate wants is read from the words, locally."""

import pytest

from agent.aims import COVERED
from agent.assembly import Parts
from agent.clock import divide
from agent.events import Answered, Intent, SectionOpened, Started
from agent.events import Asked as Spoken
from agent.facts import MOST_FACTS, Asked, FactFinder
from agent.intents import intent_of
from agent.observer import Observer
from agent.schema import Move
from agent.state import begin, fold
from agent.wrong_turns import WrongTurns

NOTHING = Asked()


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("Next section please", "done"),
        ("I have nothing more to add here, let's go on to the next section.", "done"),
        ("That's all I have on this.", "done"),
        ("Can I have a hint?", "hint"),
        ("I'm stuck", "hint"),
        ("Sorry, could you repeat the question?", "repeat"),
        ("Can we pause for a minute?", "pause"),
        ("Let's end the interview", "end"),
        ("I don't know", "stuck"),
        ("Um, no idea really.", "stuck"),
        ("...", "stuck"),
        ("We shard by user id.", "answer"),
        ("Should I start?", "clarify"),
        ("Okay, so can I just go ahead?", "clarify"),
        ("Should I start with Cassandra because writes dominate, or is one primary with replicas enough for 40 writes a second?", "answer"),
        ("Let's go to high-level design now.", "done"),
        ("next", "done"),
        ("Skip this please.", "done"),
        ("Assume 100k garages, whatever. Done.", "done"),
        ("Okay, let's move on to the data layer.", "done"),
        ("I'm not sure what to say here, my mind is blank. Can you give me a hint?", "hint"),
        ("Hint please", "hint"),
        ("I don't understand the question.", "repeat"),
        ("Sorry, what do you mean by that?", "repeat"),
        ("Am I answering your question right?", "repeat"),
        ("Repeat clicks are harmless because of idempotency keys.", "answer"),
        ("Clients repeat the call with the same key.", "answer"),
        ("Pause writes for 2 s while the replica is promoted.", "answer"),
        ("Session tokens are in Redis, so I'd end the session there.", "answer"),
        ("That's it for reads; writes go to the primary.", "answer"),
        ("Skip lists keep the timeline sorted.", "answer"),
        ("The next step is a queue between the two.", "answer"),
        ("Then the client moves on to the next page of results, with a cursor, so that deletes in between do not shift the rows it sees.", "answer"),
        ("I don't know the exact number, but at forty writes a second one primary is plenty, and I would add read replicas later.", "answer"),
        (
            "When a consumer pauses, the queue grows, and we end the session with the broker after thirty seconds so that another one takes it.",
            "answer",
        ),
    ],
)
def test_intents(text: str, intent: Intent) -> None:
    assert intent_of(text, NOTHING) == intent


def test_a_question_is_a_question_and_a_long_answer_with_a_question_in_it_is_an_answer() -> None:
    found = Asked(facts=("a",))
    assert intent_of("How many users are there?", found) == "clarify"
    assert (
        intent_of("How many users are there? " + "I would keep each user's links in one partition because reads go by user. " * 4, found) == "answer"
    )


@pytest.mark.parametrize("scenario", ["url-shortener", "team-chat", "ride-hailing", "ticket-sales", "general"])
def test_every_way_of_asking_finds_its_fact(parts: Parts, scenario: str) -> None:
    finder = FactFinder(parts.encoder)
    problem = parts.library.scenario(scenario)
    asked = [(fact.id, ask if ask.endswith("?") else f"{ask.rstrip('.')}?") for fact in problem.facts for ask in fact.asks]
    wrong = [(want, ask, found) for want, ask in asked if want not in (found := finder.find(problem, ask).facts)]
    assert len(wrong) <= 0.02 * len(asked), wrong[:10]


UNSEEN = [
    ("url-shortener", "So, roughly how many redirects do we have to serve per second?"),
    ("url-shortener", "What availability are we aiming for?"),
    ("team-chat", "How many people will be online at the same time?"),
    ("team-chat", "Are there any compliance rules that we have to follow?"),
    ("ride-hailing", "Which cities or countries are we launching in?"),
    ("ticket-sales", "How big is the engineering team?"),
    ("ticket-sales", "What is our monthly infrastructure budget?"),
]


@pytest.mark.parametrize(("scenario", "question"), UNSEEN)
def test_a_plain_question_finds_a_fact(parts: Parts, scenario: str, question: str) -> None:
    assert FactFinder(parts.encoder).find(parts.library.scenario(scenario), question).facts


def test_several_questions_in_one_breath_find_several_facts(parts: Parts) -> None:
    found = FactFinder(parts.encoder).find(parts.library.scenario("team-chat"), "How big is the team, and what is the budget a month?")
    assert len(found.facts) == 2


def test_statements_ask_for_nothing(parts: Parts) -> None:
    finder = FactFinder(parts.encoder)
    for text in (
        "The budget decides how much we cache at the edge.",
        "Users write to the primary.",
        "We have five million users, I would say.",
        "When a node dies, users keep their hold because state is in SQL Server.",
        "Where possible we cache at the CDN; any instance can die without anyone noticing.",
        "What matters most is that the inventory never sells a seat twice.",
        "Should Redis die, the map is rebuilt from SQL.",
        "How I'd do it: a token bucket per account.",
        "When seats are held, the row carries an expiry.",
        "Uh, retry with backoff and an idempotency key so the ride isn't requested twice?",
        "What if the limit counts on one node are not shared between nodes?",
    ):
        assert finder.find(parts.library.scenario("team-chat"), text) == NOTHING, text


# --- which questions count --------------------------------------------------------------------------------------


def asked(parts: Parts, text: str) -> Asked:
    return FactFinder(parts.encoder).find(parts.library.scenario("team-chat"), text)


def asks(parts: Parts, count: int) -> tuple[list[str], str]:
    """The ids of the first facts, and one breath that asks for them all."""
    facts = parts.library.scenario("team-chat").facts[:count]
    return [fact.id for fact in facts], " ".join(f"{fact.asks[0].rstrip('.?')}?" for fact in facts)


@pytest.mark.parametrize(
    "question", ["Which colour does the chief executive's bicycle have?", "What did you have for breakfast?", "When is the next full moon?"]
)
def test_a_question_about_something_else_finds_no_fact(parts: Parts, question: str) -> None:
    assert asked(parts, question) == Asked(unknown=True)


def test_what_has_a_fact_is_told_beside_what_has_none(parts: Parts) -> None:
    """A real candidate's breath: the last sentence asks twice, and what stands between the questions is short."""
    finder = FactFinder(parts.encoder)
    scenario = parts.library.scenario("url-shortener")
    assert finder.find(scenario, "Roughly how many new links a month, and do they ever sing?").facts == ("new-links",)
    more = "Is it a public service, or for one team? Because then the clicks are the product and the redirect only feeds it. " * 2
    assert "why-now" in finder.find(scenario, f"Why does the business want this now? {more}How many new links are made a month?").facts


def test_who_asks_whether_to_begin_asks_for_no_fact(parts: Parts) -> None:
    assert asked(parts, "Should I start?") == NOTHING
    assert asked(parts, "How many users are there? Okay, can I go on?").facts == asked(parts, "How many users are there?").facts != ()


def test_a_question_that_the_candidate_answers_himself_asks_for_nothing(parts: Parts) -> None:
    _, question = asks(parts, 1)
    own = "Because they lose customers without it, I think. " + "I would keep each conversation in one partition. " * 3
    assert asked(parts, question).facts
    assert asked(parts, f"{question} {own}") == NOTHING


def test_only_so_many_facts_are_told_at_once_and_in_the_order_of_the_questions(parts: Parts) -> None:
    facts, questions = asks(parts, MOST_FACTS + 2)
    assert list(asked(parts, questions).facts) == facts[:MOST_FACTS]


def test_a_question_asked_twice_is_answered_once(parts: Parts) -> None:
    facts, question = asks(parts, 1)
    assert asked(parts, f"{question} {question}") == Asked(tuple(facts))


def test_of_two_questions_each_gets_its_answer(parts: Parts) -> None:
    facts, question = asks(parts, 1)
    assert asked(parts, f"{question} Which colour does the chief executive's bicycle have?") == Asked(tuple(facts), unknown=True)


# --- what is covered --------------------------------------------------------------------------------------------


def covered(parts: Parts, question: str, answer: str, section: str = "6") -> dict[str, float]:
    """What is covered in section 6 after a question and an answer in `section`, and a few more words."""
    library = parts.library
    ids = tuple(s.id for s in library.sections)
    started = Started(scenario=library.scenario("team-chat"), level="senior", minutes=45, sections=ids, model="embedded", grader="embedded", seed=0)
    made = begin(started, divide(library.sections, 45))
    for name in dict.fromkeys((section, "6")):
        made = fold(made, [SectionOpened(section=name, seconds=300), Spoken(section=name, text=question, move=Move(kind="ask"))])
        made = fold(made, [Answered(section=name, text=answer if name == section else "So it is.", message=name)])
    return Observer(parts.matcher, parts.estimator, FactFinder(parts.encoder), WrongTurns(parts.encoder, parts.library)).observe(made, 0.0).coverage


STORE_SAID = (
    "Redirects are one read by short code and nothing else, 20,000 a second, no joins and no ranges, "
    "so the links go into a key-value store, DynamoDB."
)


def test_what_was_said_is_covered_wherever_it_was_said_and_an_echo_is_not(parts: Parts) -> None:
    assert covered(parts, "How?", STORE_SAID)["store-fits-access"] >= COVERED
    assert covered(parts, "How?", STORE_SAID, section="5")["store-fits-access"] >= COVERED
    assert covered(parts, STORE_SAID, STORE_SAID)["store-fits-access"] < COVERED
