"""What a candidate wants is read from the words, locally."""

import pytest

from agent.assembly import Parts
from agent.events import Intent
from agent.observer import Asked, FactFinder, intent_of

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
    for text in ("The budget decides how much we cache at the edge.", "Users write to the primary.", "We have five million users, I would say."):
        assert finder.find(parts.library.scenario("team-chat"), text) == NOTHING
