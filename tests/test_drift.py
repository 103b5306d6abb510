"""What leads away from the question is told from the words."""

import pytest

from agent.drift import LONG, Drifts, assumptions, breaks_off
from agent.library import Library
from agent.schema import Drift
from evals.dataset import load_dataset

DRIFTS = Drifts()
CODE = """def redirect(code):
    link = cache.get(code)
    if link is None:
        link = db.find(code)
        cache.set(code, link)
    return Response(302, link)
"""


@pytest.mark.parametrize(
    ("text", "drift"),
    [
        ("This is a stupid question, and you are useless.", "rude"),
        ("Ich würde die Daten nach Nutzern aufteilen, weil fast jede Abfrage nach Nutzern geht.", "language"),
        ("Postgres.", "terse"),
        (CODE, "code"),
        ("# Design\n" + "- we store the links in a table by code\n" * 40, "document"),
        ("I would shard by user id, because nearly every query is for one user.", None),
        ("POST /links returns 201 and the code; the body is {url, alias}, and 409 tells that the alias is taken.", None),
        ("We killed the stupid idea of two-phase commit early.", None),
    ],
)
def test_each_drift_is_told_from_an_answer(text: str, drift: Drift | None) -> None:
    assert DRIFTS.of(text, 240.0) == drift


def test_a_long_answer_is_a_document_when_nobody_can_have_typed_or_said_it_in_the_time() -> None:
    text = "We keep the links in one table and the clicks in another, and join them at night. " * (LONG // 14 + 2)
    assert DRIFTS.of(text, 20.0) == "document"
    assert DRIFTS.of(text, 300.0) is None


def test_another_language_is_no_drift_in_an_interview_that_is_held_in_it() -> None:
    assert DRIFTS.of("Ich würde die Daten nach Nutzern aufteilen, weil fast jede Abfrage so geht.", 60.0, english=False) is None


def test_recorded_candidates_speak_english_and_are_not_rude(library: Library) -> None:
    for case in load_dataset(library, "tune"):
        for turn in case.transcript.turns:
            if turn.speaker == "candidate":
                assert DRIFTS.of(turn.text, 600.0) in (None, "terse"), turn.text


@pytest.mark.parametrize(
    "text", ["First the cache, then", "We have three parts: the queue,", "One more thing", "Let me just finish the write path.", "so we..."]
)
def test_what_breaks_off_is_told_from_what_ends(text: str) -> None:
    assert breaks_off(text)


@pytest.mark.parametrize(
    "text", ["We shard by user.", "That is my design for the write path.", "I would wait for the follower's answer before the commit."]
)
def test_what_ends_does_not_break_off(text: str) -> None:
    assert not breaks_off(text)


def test_an_assumption_is_kept_in_the_candidates_words() -> None:
    assert assumptions("Fine. I'll assume 5 regions. Then we replicate.", invited=False) == ("I'll assume 5 regions.",)
    assert assumptions("We replicate to two regions.", invited=False) == ()
    assert assumptions("Should I assume two regions?", invited=False) == ()
    assert assumptions("Okay then. Two regions, 50 ms apart.", invited=True) == ("Two regions, 50 ms apart.",)
