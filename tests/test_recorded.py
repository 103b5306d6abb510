"""A model over recordings: what was asked before costs nothing, through a real server that counts."""

from collections.abc import Callable, Iterator

import pytest

from agent.__main__ import grade_transcript
from agent.assembly import assemble
from agent.desk import Desk
from agent.errors import ConfigurationError, MalformedReply, ModelUnavailable
from agent.library import Library
from agent.llm import GRADED, SPOKEN, Message, OpenAIChatModel
from agent.recorded import RecordedChatModel, record
from agent.replies import Kept, MissingReply, ReplyStore, Request, Usage
from agent.settings import Settings
from tests.model_parts import ASKED, Place, heard, judging, model_at
from tests.openai_server import OpenAIServer, breaks_off, fails, fills, says

LISBON = {"title": "Lisbon", "people": 545_000}
FORM = Request("test-model", tuple(ASKED), GRADED, Place)


@pytest.fixture
def store() -> Iterator[ReplyStore]:
    made = ReplyStore()
    yield made
    made.close()


def recorded(store: ReplyStore, model: OpenAIChatModel | None = None, repeat: int = 0) -> RecordedChatModel:
    return RecordedChatModel("test-model", store, model, repeat)


# --- forms ------------------------------------------------------------------------------------------------------


async def test_the_first_call_asks_and_keeps_and_the_second_asks_nothing(server: OpenAIServer, store: ReplyStore) -> None:
    server.script(fills(LISBON))
    async with model_at(server) as model:
        first = await recorded(store, model).structured(ASKED, Place)
        again = await recorded(store, model).structured(ASKED, Place)
    offline = await recorded(store).structured(ASKED, Place)
    assert first == again == offline == Place.model_validate(LISBON)
    assert len(server.requests) == 1


async def test_another_repeat_is_another_question(server: OpenAIServer, store: ReplyStore) -> None:
    server.script(fills(LISBON), fills({"title": "Porto", "people": 230_000}))
    async with model_at(server) as model:
        found = [(await recorded(store, model, repeat).structured(ASKED, Place)).title for repeat in (0, 1, 0, 1)]
    assert found == ["Lisbon", "Porto", "Lisbon", "Porto"]
    assert len(server.requests) == 2


async def test_what_was_never_asked_is_missing_and_is_told_with_its_request(store: ReplyStore) -> None:
    asked: set[str] = set()
    with pytest.raises(MissingReply) as missed:
        await RecordedChatModel("test-model", store, asked=asked).structured(ASKED, Place)
    assert missed.value.request == FORM and asked == {FORM.digest}
    assert FORM.digest[:12] in str(missed.value)
    with pytest.raises(MissingReply):
        await heard(recorded(store).stream(ASKED))


async def test_a_malformed_reply_is_kept_apart_and_never_answers(server: OpenAIServer, store: ReplyStore) -> None:
    server.script(says("Lisbon."), says("Lisbon, I said."))
    async with model_at(server) as model:
        with pytest.raises(MalformedReply):
            await recorded(store, model).structured(ASKED, Place)
    assert store.find(FORM.digest) is None
    assert store.rejections(FORM.digest) == 2
    with pytest.raises(MissingReply):
        await recorded(store).structured(ASKED, Place)


async def test_a_repaired_reply_is_kept_and_the_first_one_counted(server: OpenAIServer, store: ReplyStore) -> None:
    server.script(says("Lisbon."), fills(LISBON))
    async with model_at(server) as model:
        await recorded(store, model).structured(ASKED, Place)
    kept = store.find(FORM.digest)
    assert kept is not None and Place.model_validate_json(kept.answer).title == "Lisbon"
    assert store.rejections(FORM.digest) == 1


async def test_tokens_and_seconds_are_on_file(server: OpenAIServer, store: ReplyStore) -> None:
    usage = '"usage": {"prompt_tokens": 70, "completion_tokens": 9, "total_tokens": 79}'
    message = '{"role": "assistant", "content": "{\\"title\\": \\"Lisbon\\", \\"people\\": 1}"}'
    body = f'{{"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [{{"index": 0, "message": {message}, "finish_reason": "stop"}}], {usage}}}'
    server.script(says("", raw=body, before=0.2))
    async with model_at(server) as model:
        filled = await record(model, FORM, Place, store)
    kept = store.find(FORM.digest)
    assert kept is not None and kept.usage == filled.usage == Usage(70, 9)
    assert kept.seconds >= 0.2


async def test_an_endpoint_that_is_down_leaves_nothing_on_file(server: OpenAIServer, store: ReplyStore) -> None:
    server.script(fails(503), fails(503))
    async with model_at(server) as model:
        with pytest.raises(ModelUnavailable):
            await recorded(store, model).structured(ASKED, Place)
    assert (len(store), store.rejections(FORM.digest)) == (0, 0)


async def test_what_failed_in_this_run_is_not_asked_again_but_a_reply_on_file_wins(server: OpenAIServer, store: ReplyStore) -> None:
    failures = {FORM.digest: ModelUnavailable("down")}
    async with model_at(server) as model:
        known = RecordedChatModel("test-model", store, model, failures=failures)
        with pytest.raises(ModelUnavailable, match="down"):
            await known.structured(ASKED, Place)
        store.keep(Kept(FORM.digest, "test-model", Place(title="Faro", people=1).model_dump_json()))
        assert (await known.structured(ASKED, Place)).title == "Faro"
    assert not server.requests


async def test_a_recording_that_does_not_fit_its_form_is_named(store: ReplyStore) -> None:
    store.keep(Kept(FORM.digest, "test-model", '{"title": "Lisbon"}'))
    with pytest.raises(ConfigurationError, match=rf"{FORM.digest[:12]}.*people"):
        await recorded(store).structured(ASKED, Place)


# --- words ------------------------------------------------------------------------------------------------------


async def test_spoken_words_are_kept_when_they_came_to_their_end(server: OpenAIServer, store: ReplyStore) -> None:
    server.script(says("What would you  ask\nme first?"))
    async with model_at(server) as model:
        first = await heard(recorded(store, model).stream(ASKED))
        again = await heard(recorded(store, model).stream(ASKED))
    assert first == again == await heard(recorded(store).stream(ASKED)) == "What would you  ask\nme first?"
    assert len(server.requests) == 1


async def test_words_that_break_off_are_heard_and_not_kept(server: OpenAIServer, store: ReplyStore) -> None:
    server.script(breaks_off("What would you ask me", after=2), says("Again from the start."))
    pieces: list[str] = []
    async with model_at(server) as model:
        with pytest.raises(ModelUnavailable):
            await heard(recorded(store, model).stream(ASKED), into=pieces)
        assert "".join(pieces).split() == ["What", "would"] and len(store) == 0
        assert await heard(recorded(store, model).stream(ASKED)) == "Again from the start."
    assert len(server.requests) == 2


async def test_words_that_nobody_listened_to_until_their_end_are_not_kept(server: OpenAIServer, store: ReplyStore) -> None:
    server.script(says("What would you ask me first?", between=0.01))
    async with model_at(server) as model:
        words = recorded(store, model).stream(ASKED)
        await anext(words)
        await words.aclose()
    assert len(store) == 0


def test_words_and_forms_have_their_own_keys() -> None:
    assert Request("test-model", tuple(ASKED), SPOKEN).digest != FORM.digest
    assert Request("test-model", (*ASKED, Message("user", "")), SPOKEN).digest != Request("test-model", tuple(ASKED), SPOKEN).digest


# --- a whole scorecard ------------------------------------------------------------------------------------------


async def test_a_kept_interview_graded_twice_from_recordings_has_the_same_scorecard_to_the_byte(
    server: OpenAIServer, store: ReplyStore, settings: Settings, library: Library, make_desk: Callable[..., Desk]
) -> None:
    said = "The phone gets its own small backend that returns one channel's last fifty messages, because that is one read by key"
    answer = f"We keep the messages partitioned by conversation id, because every read asks for one. {said}."
    server.always = judging(library, said)
    desk = make_desk(assemble(settings, grader=RecordedChatModel("test-model", store)))
    session = await desk.start(library.scenario("team-chat"), "senior", 45, sections=("5", "6"), seed=1)
    for updates in (session.go_on(), session.reply(answer), session.click("done"), session.reply("I must think."), session.click("end")):
        async for _ in updates:
            pass
    kept = await desk.open(session.id)
    async with model_at(server) as model:
        first = await grade_transcript(assemble(settings, grader=recorded(store, model)), kept.transcript())
    asked = len(server.requests)
    again = await grade_transcript(assemble(settings, grader=recorded(store)), (await desk.open(session.id)).transcript())
    assert again.model_dump_json() == first.model_dump_json()
    assert again.overall.sections_graded == 2 and again.sections[5].verdicts[0].quote == f"{said}."
    assert (asked, len(server.requests)) == (2, 2)
