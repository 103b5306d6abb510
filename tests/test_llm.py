"""The model behind its protocol, against a real HTTP server that behaves well and badly."""

import asyncio
import json
import time
from email.utils import formatdate

import pytest

from agent.errors import MalformedReply, ModelUnavailable
from agent.forms import parse, strict_schema
from agent.llm import MOST_GRADED, Message, ScriptedChatModel
from tests.model_parts import ASKED, Place, heard, model_at
from tests.openai_server import OpenAIServer, breaks_off, drips, fails, fills, hangs, says

LISBON = {"title": "Lisbon", "people": 545_000}


# --- speaking ---------------------------------------------------------------------------------------------------


async def test_words_come_as_they_are_sent_and_cost_one_request(server: OpenAIServer) -> None:
    server.script(says("Who will use this, and how often?"))
    pieces: list[str] = []
    async with model_at(server) as model:
        assert await heard(model.stream(ASKED), pieces) == "Who will use this, and how often?"
    assert len(pieces) == 7
    (request,) = server.requests
    assert request.streamed and request.body["model"] == "test-model" and request.headers["authorization"] == "Bearer test-key"
    assert request.body["messages"] == [{"role": "system", "content": "You answer."}, {"role": "user", "content": "Where, and how many?"}]


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_stream_is_one_attempt_even_when_another_might_work(server: OpenAIServer, status: int) -> None:
    server.script(fails(status))
    async with model_at(server) as model:
        with pytest.raises(ModelUnavailable) as failure:
            await heard(model.stream(ASKED))
    assert failure.value.transient
    assert len(server.requests) == 1


@pytest.mark.parametrize(("status", "advice"), [(401, "check OPENAI_API_KEY"), (403, "with this key"), (404, "check its name and OPENAI_BASE_URL")])
async def test_what_no_second_try_can_mend_says_what_to_do(server: OpenAIServer, status: int, advice: str) -> None:
    server.script(fails(status))
    async with model_at(server) as model:
        with pytest.raises(ModelUnavailable, match=advice) as failure:
            await heard(model.stream(ASKED))
    assert not failure.value.transient


async def test_a_slow_drip_of_words_ends_at_the_deadline(server: OpenAIServer) -> None:
    server.script(drips("and so on ", every=0.02))
    pieces: list[str] = []
    began = time.monotonic()
    async with model_at(server, timeout=0.6) as model:
        with pytest.raises(ModelUnavailable, match="took too long"):
            await heard(model.stream(ASKED), pieces)
    assert time.monotonic() - began < 3.0
    assert len(pieces) > 1
    assert await asyncio.to_thread(server.requests[0].hung_up.wait, 5)


@pytest.mark.parametrize("silence", [hangs(), breaks_off("never said", after=0, how="open")], ids=["no answer", "an answer without a word"])
async def test_the_first_word_has_a_deadline_of_its_own(server: OpenAIServer, silence) -> None:
    server.script(silence)
    began = time.monotonic()
    async with model_at(server, timeout=30, first_token=0.2) as model:
        with pytest.raises(ModelUnavailable, match="took too long") as failure:
            await heard(model.stream(ASKED))
    assert time.monotonic() - began < 3.0
    assert not failure.value.transient  # who waited once that long is not made to wait again


async def test_after_the_first_word_only_the_whole_deadline_counts(server: OpenAIServer) -> None:
    server.script(says("One two three four five six.", between=0.2))
    async with model_at(server, first_token=0.8) as model:
        assert await heard(model.stream(ASKED)) == "One two three four five six."


async def test_a_slow_listener_is_not_the_models_fault(server: OpenAIServer) -> None:
    server.script(says("One two three four five."))
    pieces = []
    async with model_at(server, timeout=0.8) as model:
        async for piece in model.stream(ASKED):
            pieces.append(piece)
            await asyncio.sleep(0.2)  # longer, in all, than the model may take
    assert "".join(pieces) == "One two three four five."


@pytest.mark.parametrize("how", ["closed", "reset", "dead"])
async def test_a_reply_that_breaks_off_is_a_failure_after_the_words_that_came(how) -> None:
    pieces: list[str] = []
    with OpenAIServer() as server:
        server.script(breaks_off("Half a sentence that never", after=3, how=how))
        async with model_at(server) as model:
            with pytest.raises(ModelUnavailable) as failure:
                await heard(model.stream(ASKED), pieces)
    assert failure.value.transient
    assert "Half a sentence that never".startswith("".join(pieces))


async def test_a_stream_that_ends_without_a_finish_reason_broke_off(server: OpenAIServer) -> None:
    server.script(says("It looks like the end.", finish=None))
    async with model_at(server) as model:
        with pytest.raises(ModelUnavailable, match="broke off") as failure:
            await heard(model.stream(ASKED))
    assert failure.value.transient


@pytest.mark.parametrize("end", ["closed", "reset", "open"])
async def test_a_reply_that_was_said_to_its_end_survives_a_bad_end_of_the_connection(server: OpenAIServer, end: str) -> None:
    server.script(says("All of it.", ends=end))
    async with model_at(server) as model:
        assert await heard(model.stream(ASKED)) == "All of it."


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (says("", refusal="I cannot help with that."), "refused"),
        (says("Something that the", finish="content_filter"), "gave no words"),
        (says("", finish="stop"), "gave no words"),
        (says("Nothing of this is sent.", choices=False), "broke off"),
        (says("Well,", raw="data: {not json at all\n\n"), "not a reply"),
        (says("Well,", raw='data: {"choices": [{"delta": null}]}\n\n'), "not a reply"),
        (says("Well,", raw='data: {"choices": ["what"]}\n\n'), "not a reply"),
        (says("Well,", raw='data: {"error": {"message": "overloaded"}}\n\n'), "failed"),
    ],
    ids=["refusal", "content filter", "no words", "no choices", "garbage", "no delta", "a choice that is none", "an error as an event"],
)
async def test_a_reply_that_is_none_has_a_name(server: OpenAIServer, reply, told: str) -> None:
    server.script(reply)
    async with model_at(server) as model:
        with pytest.raises(ModelUnavailable, match=told):
            await heard(model.stream(ASKED))


async def test_a_dead_server_cannot_be_reached(server: OpenAIServer) -> None:
    with OpenAIServer() as dead:
        pass
    async with model_at(dead) as model:
        with pytest.raises(ModelUnavailable, match="cannot be reached") as failure:
            await heard(model.stream(ASKED))
    assert failure.value.transient


async def test_what_a_model_thinks_before_it_speaks_is_not_said(server: OpenAIServer) -> None:
    server.script(says("<think> The aim is sharding. </think> Where does the data live?"), says("<thinking of it> aloud"))
    async with model_at(server) as model:
        assert await heard(model.stream(ASKED)) == "Where does the data live?"
        assert await heard(model.stream(ASKED)) == "<thinking of it> aloud"


async def test_closing_the_stream_early_hangs_up(server: OpenAIServer) -> None:
    server.script(drips("on and on ", every=0.02))
    async with model_at(server) as model:
        words = model.stream(ASKED)
        await anext(words)
        await words.aclose()
        assert await asyncio.to_thread(server.requests[0].hung_up.wait, 5)


async def test_a_stream_may_be_closed_by_another_task_than_the_one_that_listened(server: OpenAIServer) -> None:
    server.script(drips("on and on ", every=0.02))
    async with model_at(server) as model:
        words = model.stream(ASKED)
        await asyncio.create_task(anext(words))
        await asyncio.create_task(words.aclose())
        assert await asyncio.to_thread(server.requests[0].hung_up.wait, 5)


async def test_a_listener_who_is_cancelled_in_mid_reply_hangs_up(server: OpenAIServer) -> None:
    server.script(breaks_off("One two", after=1, how="open"))
    async with model_at(server) as model:
        first = asyncio.Event()

        async def listen() -> None:
            async for _ in model.stream(ASKED):
                first.set()

        listening = asyncio.create_task(listen())
        await first.wait()
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
        assert await asyncio.to_thread(server.requests[0].hung_up.wait, 5)


# --- filling in a form ------------------------------------------------------------------------------------------


async def test_a_form_is_asked_for_by_its_strict_schema(server: OpenAIServer) -> None:
    server.script(fills(LISBON))
    async with model_at(server) as model:
        assert await model.structured(ASKED, Place) == Place(title="Lisbon", people=545_000)
    (request,) = server.requests
    asked = request.body["response_format"]["json_schema"]
    assert asked["strict"] and asked["schema"]["required"] == ["title", "people"] and asked["schema"]["additionalProperties"] is False


@pytest.mark.parametrize("status", [400, 422, 500, 501])
async def test_a_server_that_refuses_the_schema_is_asked_for_an_object_from_then_on(server: OpenAIServer, status: int) -> None:
    server.refused_forms = {"json_schema": status}
    server.always = fills(LISBON)
    async with model_at(server) as model:
        assert await model.structured(ASKED, Place) == Place(**LISBON)
        assert await model.structured(ASKED, Place) == Place(**LISBON)
    assert [request.form for request in server.requests] == ["json_schema", "json_object", "json_object"]
    assert '"people"' in server.requests[-1].text  # the form stands in the prompt instead


async def test_a_server_that_refuses_both_is_asked_in_words_from_then_on(server: OpenAIServer) -> None:
    server.refused_forms = {"json_schema": 500, "json_object": 400}
    server.always = says(f"Here you are:\n```json\n{json.dumps(LISBON)}\n```\nAnything else?")
    async with model_at(server) as model:
        assert await model.structured(ASKED, Place) == Place(**LISBON)
        assert await model.structured(ASKED, Place) == Place(**LISBON)
    assert [request.form for request in server.requests] == ["json_schema", "json_object", None, None]


async def test_one_bad_moment_does_not_unlearn_what_worked(server: OpenAIServer) -> None:
    server.script(fills(LISBON), fails(500), fills(LISBON))
    async with model_at(server) as model:
        await model.structured(ASKED, Place)
        await model.structured(ASKED, Place)
    assert [request.form for request in server.requests] == ["json_schema"] * 3


async def test_an_outage_does_not_unlearn_what_worked(server: OpenAIServer) -> None:
    server.script(fills(LISBON), fails(500), fails(500))
    server.always = fills(LISBON)
    async with model_at(server) as model:
        await model.structured(ASKED, Place)
        with pytest.raises(ModelUnavailable, match="HTTP 500"):
            await model.structured(ASKED, Place)
        await model.structured(ASKED, Place)
    assert {request.form for request in server.requests} == {"json_schema"}


@pytest.mark.parametrize(
    "moment", [fails(503), fails(429), breaks_off("...", after=4), says("", choices=False)], ids=["503", "429", "cut", "no choices"]
)
async def test_a_bad_moment_is_tried_once_more(server: OpenAIServer, moment) -> None:
    server.script(moment, fills(LISBON))
    async with model_at(server) as model:
        assert await model.structured(ASKED, Place) == Place(**LISBON)
    assert len(server.requests) == 2


async def test_two_bad_moments_are_a_failure(server: OpenAIServer) -> None:
    server.always = fails(503)
    async with model_at(server) as model:
        with pytest.raises(ModelUnavailable, match="HTTP 503"):
            await model.structured(ASKED, Place)
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [401, 404])
async def test_a_wrong_key_or_name_is_asked_about_once(server: OpenAIServer, status: int) -> None:
    server.always = fails(status)
    async with model_at(server) as model:
        with pytest.raises(ModelUnavailable):
            await model.structured(ASKED, Place)
    assert len(server.requests) == 1


async def test_retry_after_is_obeyed(server: OpenAIServer) -> None:
    server.script(fails(429, retry_after=1), fills(LISBON))
    async with model_at(server) as model:
        assert await model.structured(ASKED, Place) == Place(**LISBON)
    first, second = server.requests
    assert 0.99 <= second.at - first.at < 3.0


@pytest.mark.parametrize("pause", [{"retry_after": 120}, {"retry_after_ms": 120_000}, {"retry_after": formatdate(time.time() + 3600, usegmt=True)}])
async def test_a_pause_that_outlasts_the_deadline_is_not_waited_for(server: OpenAIServer, pause) -> None:
    server.script(fails(429, **pause))
    began = time.monotonic()
    async with model_at(server) as model:
        with pytest.raises(ModelUnavailable, match="too often") as failure:
            await model.structured(ASKED, Place)
    assert time.monotonic() - began < 3.0
    assert failure.value.retry_after > 100
    assert len(server.requests) == 1


@pytest.mark.parametrize("slow", [hangs(), drips("", every=0.02)], ids=["silence", "a drip of white space"])
async def test_a_form_has_a_deadline_by_the_clock(server: OpenAIServer, slow) -> None:
    server.script(slow)
    began = time.monotonic()
    async with model_at(server, timeout=0.4) as model:
        with pytest.raises(ModelUnavailable, match="took too long"):
            await model.structured(ASKED, Place)
    assert time.monotonic() - began < 3.0
    assert await asyncio.to_thread(server.requests[0].hung_up.wait, 5)


async def test_the_deadline_spans_the_first_reply_and_the_repair(server: OpenAIServer) -> None:
    server.always = says("no form", before=0.7)
    began = time.monotonic()
    async with model_at(server, timeout=1.2) as model:
        with pytest.raises(ModelUnavailable, match="took too long"):
            await model.structured(ASKED, Place)
    assert time.monotonic() - began < 3.0
    assert len(server.requests) == 2


async def test_a_malformed_reply_is_repaired_once_and_told_what_was_wrong(server: OpenAIServer) -> None:
    server.script(says('{"title": "Lisbon", "people": "many"}'), fills(LISBON))
    async with model_at(server) as model:
        assert await model.structured(ASKED, Place) == Place(**LISBON)
    repair = server.requests[1]
    assert [message["role"] for message in repair.body["messages"]] == ["system", "user", "assistant", "user"]
    assert "people" in repair.body["messages"][-1]["content"]


async def test_a_reply_that_is_malformed_twice_is_a_failure(server: OpenAIServer) -> None:
    server.always = says('{"title": "Lisb')
    async with model_at(server) as model:
        with pytest.raises(MalformedReply, match="not JSON"):
            await model.structured(ASKED, Place)
    assert len(server.requests) == 2


async def test_a_server_that_takes_the_schema_and_ignores_it_reads_it_in_the_prompt_from_then_on(server: OpenAIServer) -> None:
    server.script(says("Lisbon, with 545,000 people."))
    server.always = fills(LISBON)
    async with model_at(server) as model:
        await model.structured(ASKED, Place)
        await model.structured(ASKED, Place)
    assert [request.form for request in server.requests] == ["json_schema", "json_object", "json_object"]
    assert all('"people"' in request.text for request in server.requests[1:])


async def test_a_server_that_ignores_the_schema_and_refuses_objects_is_asked_in_words(server: OpenAIServer) -> None:
    server.refused_forms = {"json_object": 500}
    server.script(says("Lisbon, with 545,000 people."))
    server.always = fills(LISBON)
    async with model_at(server) as model:
        assert await model.structured(ASKED, Place) == Place(**LISBON)
        assert await model.structured(ASKED, Place) == Place(**LISBON)
    assert [request.form for request in server.requests] == ["json_schema", "json_object", None, None]


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (says("", refusal="I cannot help with that."), "refused"),
        (says("", finish="content_filter"), "content_filter"),
        (says('{"title": "Lis', finish="length"), f"within {MOST_GRADED} tokens"),
        (says("", choices=False), "without content"),
        (says("", raw="this is no JSON"), "not a reply"),
        (says("", raw='"words"'), "without content"),
        (says("", raw='{"choices": [null]}'), "without content"),
    ],
    ids=["refusal", "content filter", "too long", "no choices", "garbage", "a text", "no choice"],
)
async def test_a_form_that_is_none_has_a_name(server: OpenAIServer, reply, told: str) -> None:
    server.always = reply
    async with model_at(server) as model:
        with pytest.raises(ModelUnavailable, match=told):
            await model.structured(ASKED, Place)
    assert len(server.requests) <= 2


# --- parameters that not every model takes ----------------------------------------------------------------------


async def test_a_model_that_refuses_max_tokens_and_temperature_is_asked_without_them_from_then_on(server: OpenAIServer) -> None:
    server.refused_parameters = {"max_tokens", "temperature"}
    server.script(says("Go on."), fills(LISBON))
    async with model_at(server) as model:
        assert await heard(model.stream(ASKED)) == "Go on."
        assert await model.structured(ASKED, Place) == Place(**LISBON)
    sent = [sorted({"max_tokens", "max_completion_tokens", "temperature"} & set(request.body)) for request in server.requests]
    assert sent == [["max_tokens", "temperature"], ["max_completion_tokens", "temperature"], ["max_completion_tokens"], ["max_completion_tokens"]]
    assert server.requests[-1].body["max_completion_tokens"] > MOST_GRADED  # room to think
    assert [request.form for request in server.requests][-1] == "json_schema"  # none of it was taken for a refusal of the form


async def test_requests_at_the_same_time_learn_the_same(server: OpenAIServer) -> None:
    server.refused_parameters = {"max_tokens"}
    server.always = fills(LISBON)
    async with model_at(server) as model:
        found = await asyncio.gather(*(model.structured(ASKED, Place) for _ in range(4)))
    assert found == [Place(**LISBON)] * 4


async def test_a_prompt_that_is_too_long_is_not_taken_for_an_unknown_parameter(server: OpenAIServer) -> None:
    server.script(fails(400, "max_tokens is too large: 400. This model's maximum context length is 300 tokens."), says("Go on."))
    async with model_at(server) as model:
        with pytest.raises(ModelUnavailable, match="HTTP 400"):
            await heard(model.stream(ASKED))
        await heard(model.stream(ASKED))
    assert "max_tokens" in server.requests[-1].body


# --- reading a reply --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        '{"title": "Lisbon", "people": 1}',
        '```json\n{"title": "Lisbon", "people": 1}\n```',
        '```\n{"title": "Lisbon", "people": 1}\n```',
        'Sure! {"title": "Lisbon", "people": 1} I hope {this} helps.',
        '<think>{"title": "Porto"}</think>\n{"title": "Lisbon", "people": 1}',
        '{"title": "Lisbon", "people": 1, "note": "```json {} ```"}',
    ],
)
def test_a_form_is_found_in_what_a_model_puts_round_it(reply: str) -> None:
    assert parse(reply, Place) == Place(title="Lisbon", people=1)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("", "no JSON object"),
        ("[1, 2]", "no JSON object"),
        ('{"title": "Lisbon"', "not JSON"),
        ('{"title": "Lisbon"}', "people: Field required"),
        ('{"a":' * 100_000, "not JSON"),
    ],
    ids=["nothing", "a list", "cut", "a field missing", "nested for ever"],
)
def test_a_reply_that_does_not_fit_says_why(reply: str, told: str) -> None:
    with pytest.raises(MalformedReply, match=told):
        parse(reply, Place)


def test_a_field_may_have_the_name_of_a_word_of_the_schema() -> None:
    schema = strict_schema(Place)
    assert list(schema["properties"]) == schema["required"] == ["title", "people"]
    assert "title" not in {key for key in schema if key != "properties"}


# --- a scripted model -------------------------------------------------------------------------------------------


async def test_a_scripted_model_says_its_lines_in_turn_and_keeps_what_it_was_asked() -> None:
    model = ScriptedChatModel(["One two.", ModelUnavailable("It is away."), lambda asked: asked[-1].content.upper()])
    assert await heard(model.stream(ASKED)) == "One two."
    with pytest.raises(ModelUnavailable, match="away"):
        await heard(model.stream(ASKED))
    assert await heard(model.stream([Message("user", "again")])) == "AGAIN"
    with pytest.raises(ModelUnavailable, match="over"):
        await heard(model.stream(ASKED))
    assert [asked[-1].content for asked in model.requests] == ["Where, and how many?"] * 2 + ["again", "Where, and how many?"]


async def test_a_scripted_model_can_repeat_its_last_line() -> None:
    model = ScriptedChatModel([json.dumps(LISBON)], repeat=True)
    assert [await model.structured(ASKED, Place) for _ in range(3)] == [Place(**LISBON)] * 3
