"""Plan, fill, score: the product's grader over recordings, through a real server that counts what it is asked."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from agent.assembly import Parts
from agent.errors import ConfigurationError, MalformedReply, ModelUnavailable
from agent.grader import EmbeddedGrader
from agent.library import Library
from agent.recorded import FillingModel
from agent.replies import Kept as KeptReply
from agent.replies import ReplyStore, Usage
from agent.scope import Assessment
from agent.settings import Settings
from evals import harness
from evals.dataset import Dataset
from evals.executors import Executor
from evals.executors.concurrent import ConcurrentExecutor
from evals.executors.offline import OfflineExecutor
from evals.harness import Evaluation, Inputs, executing, missing_lines, model_factory, open_store, prepare, preview
from evals.judges import EmbeddedModel, embedded_name
from evals.run import Setup
from evals.runner import Job, Work, in_shard, jobs_of
from evals.variant import BASE, Thresholds, load_variant
from evals.yardsticks import ALWAYS_MET, WordOverlap
from tests.eval_cases import AGAIN, judge, small_dataset, write_cases
from tests.model_parts import model_at
from tests.openai_server import Behaviour, Kept, OpenAIServer, fails, says

MODEL = "test-model"
GRADINGS = 6  # three cases, two sections each


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory, library: Library) -> Dataset:
    return small_dataset(tmp_path_factory.mktemp("cases"), library)


@pytest.fixture
def inputs(dataset: Dataset, library: Library) -> Inputs:
    return Inputs(load_variant(BASE), dataset, library)


@pytest.fixture
def store() -> Iterator[ReplyStore]:
    made = ReplyStore()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evals.executors.concurrent.FIRST_PAUSE", 0.01)


def setup(model: str = MODEL, trials: int = 1, sections: tuple[str, ...] = ()) -> Setup:
    return Setup(cases="small", model=model, trials=trials, sections=sections)


@asynccontextmanager
async def asking(server: OpenAIServer) -> AsyncIterator[Executor]:
    async with model_at(server) as model:
        model._retries = 0  # the executor retries
        yield ConcurrentExecutor(model, 4)


async def filled(server: OpenAIServer, inputs: Inputs, store: ReplyStore, trials: int = 1, shard: tuple[int, int] = (1, 1)) -> Evaluation:
    """A run that asks the server for what is missing."""
    evaluation = await prepare(setup(trials=trials), inputs, store)
    async with asking(server) as executor:
        await evaluation.fill(executor, shard=shard)
    return evaluation


# --- plan -------------------------------------------------------------------------------------------------------


async def test_a_plan_costs_no_request_and_knows_what_is_missing(server: OpenAIServer, inputs: Inputs, store: ReplyStore) -> None:
    evaluation = await prepare(setup("gpt-4o-mini"), inputs, store)
    ahead = preview(evaluation.runner, evaluation.setup)
    assert (ahead.gradings, ahead.on_file, ahead.calls) == (GRADINGS, 0, GRADINGS)
    assert ahead.cost is not None and ahead.cost == pytest.approx((ahead.usage.tokens_in * 0.15 + ahead.usage.tokens_out * 0.6) / 1e6)
    characters = sum(request.characters for request in evaluation.runner.work.missing.values())
    assert ahead.usage == Usage(round(characters / 4), 1200 * GRADINGS)
    assert not server.requests and len(store) == 0


async def test_the_price_of_an_unknown_model_is_unknown_and_the_embedded_grader_is_free(inputs: Inputs, store: ReplyStore) -> None:
    asked = await prepare(setup(), inputs, store)
    assert preview(asked.runner, asked.setup).cost is None
    own = await prepare(setup("embedded"), inputs, store)
    assert preview(own.runner, own.setup) == harness.Preview(GRADINGS, 0, GRADINGS, Usage(), 0.0)


async def test_sections_can_be_picked_and_unknown_ones_are_refused(inputs: Inputs, store: ReplyStore) -> None:
    evaluation = await prepare(setup(sections=("2",)), inputs, store)
    assert missing_lines(evaluation) == [f"url-shortener-{name} section 2" for name in "abc"]
    with pytest.raises(ConfigurationError, match="no section 12"):
        await prepare(setup(sections=("2", "12")), inputs, store)
    with pytest.raises(ConfigurationError, match="reached section 9: there is nothing to grade"):
        await prepare(setup(sections=("9",)), inputs, store)


def test_there_is_a_job_for_every_section_and_trial(dataset: Dataset) -> None:
    jobs = jobs_of(dataset, 3)
    assert len(jobs) == len(set(jobs)) == 3 * GRADINGS
    assert {job.trial for job in jobs} == {0, 1, 2}


# --- fill -------------------------------------------------------------------------------------------------------


async def test_a_run_asks_once_for_each_section_and_a_second_run_for_nothing(server: OpenAIServer, inputs: Inputs, store: ReplyStore) -> None:
    server.always = judge(inputs.dataset)
    first = (await filled(server, inputs, store)).scored()
    assert len(server.requests) == len(store) == GRADINGS
    second = (await filled(server, inputs, store)).scored()
    assert len(server.requests) == GRADINGS
    assert first == second
    assert all(row.status == row.gold[0] for row in first.rows)
    assert (first.calls.asked, first.calls.failed, first.calls.invalid_first) == (GRADINGS, 0, 0)


async def test_criteria_whose_quotes_failed_are_asked_for_again_in_the_same_run(server: OpenAIServer, inputs: Inputs, store: ReplyStore) -> None:
    server.always = judge(inputs.dataset, misquoted=["framing-time-plan", "wait-or-hand-off"])
    run = (await filled(server, inputs, store)).scored()
    again = [request for request in server.requests if AGAIN in request.text]
    assert len(again) == GRADINGS and len(server.requests) == 2 * GRADINGS
    assert all(request.text.count("\n### ") == 1 for request in again)
    twice = [row for row in run.rows if row.attempts == 2]
    assert {row.criterion for row in twice} == {"framing-time-plan", "wait-or-hand-off"} and len(twice) == GRADINGS
    assert all(row.status == row.gold[0] for row in run.rows)
    assert run.calls.asked == 2 * GRADINGS


async def test_quotes_that_fail_twice_leave_the_criterion_unscored_and_nothing_else(server: OpenAIServer, inputs: Inputs, store: ReplyStore) -> None:
    server.always = judge(inputs.dataset, misquoted=["framing-time-plan"], late=False)
    run = (await filled(server, inputs, store)).scored()
    assert {(row.criterion, row.attempts) for row in run.rows if row.status == "unscored"} == {("framing-time-plan", 2)}
    assert sum(row.status == "unscored" for row in run.rows) == 3


async def test_trials_ask_as_often_as_there_are_trials(server: OpenAIServer, inputs: Inputs, store: ReplyStore) -> None:
    server.always = judge(inputs.dataset)
    run = (await filled(server, inputs, store, trials=3)).scored()
    assert len(server.requests) == 3 * GRADINGS
    assert len(run.rows) == 3 * 57 and len({(row.case, row.item) for row in run.rows}) == len(run.rows)
    await filled(server, inputs, store, trials=2)
    assert len(server.requests) == 3 * GRADINGS
    await filled(server, inputs, store, trials=4)
    assert len(server.requests) == 4 * GRADINGS


async def test_a_progress_bar_hears_of_every_reply(server: OpenAIServer, inputs: Inputs, store: ReplyStore) -> None:
    server.always = judge(inputs.dataset)
    evaluation, heard = await prepare(setup(), inputs, store), list[int]()

    def progress(work: Work) -> None:
        heard.append(len(work.results))

    async with asking(server) as executor:
        await evaluation.fill(executor, progress)
    assert heard == list(range(1, GRADINGS + 1))


# --- failure ----------------------------------------------------------------------------------------------------


def failing_on(good: "object", words: str, failure: Behaviour) -> "object":
    """A judge that fails where all of these words (with a bar between) are in the request."""
    return lambda asked: failure if all(part in asked.text for part in words.split("|")) else good(asked)  # type: ignore[operator]


async def test_a_failed_request_is_unscored_now_and_asked_again_by_the_next_run(server: OpenAIServer, inputs: Inputs, store: ReplyStore) -> None:
    good = judge(inputs.dataset)
    server.always = failing_on(good, "Porto ships Java|### framing-time-plan", fails(401))  # type: ignore[assignment]
    evaluation = await filled(server, inputs, store)
    run = evaluation.scored()
    assert len(server.requests) == GRADINGS, "a failure that does not pass is not tried again"
    unscored = {(row.case, row.section) for row in run.rows if row.status == "unscored"}
    assert unscored == {("url-shortener-b", "0")} and run.calls.failed == 1
    score = next(one for one in run.section_scores if (one.case, one.section) == ("url-shortener-b", "0"))
    assert score.score is None and score.gold is not None and score.note and "key" in score.note
    assert [type(failure) for failure in evaluation.runner.work.failures.values()] == [ModelUnavailable]
    server.always = good
    healed = (await filled(server, inputs, store)).scored()
    assert len(server.requests) == GRADINGS + 1
    assert healed.calls.failed == 0 and all(row.status == row.gold[0] for row in healed.rows)


async def test_a_passing_failure_is_tried_again_by_the_same_run(server: OpenAIServer, inputs: Inputs, store: ReplyStore) -> None:
    server.script(fails(429), fails(503), fails(500))
    server.always = judge(inputs.dataset)
    run = (await filled(server, inputs, store)).scored()
    assert len(server.requests) >= GRADINGS + 3 and run.calls.failed == 0
    assert all(row.status == row.gold[0] for row in run.rows)


async def test_a_reply_that_never_fits_is_unscored_counted_and_not_taken_for_an_answer(
    server: OpenAIServer, inputs: Inputs, store: ReplyStore
) -> None:
    good = judge(inputs.dataset)
    server.always = failing_on(good, "Lodz reaches|### main-request-walked", says("I would rather not."))  # type: ignore[assignment]
    evaluation = await filled(server, inputs, store)
    run = evaluation.scored()
    assert {(row.case, row.section) for row in run.rows if row.status == "unscored"} == {("url-shortener-c", "2")}
    assert (run.calls.failed, run.calls.invalid_first, len(store)) == (1, 1, GRADINGS - 1)
    assert [type(failure) for failure in evaluation.runner.work.failures.values()] == [MalformedReply]
    before = len(server.requests)
    server.always = good
    healed = (await filled(server, inputs, store)).scored()
    assert len(server.requests) == before + 1 and healed.calls.failed == 0
    assert healed.calls.invalid_first == 1, "the first answer is still on the books"


async def test_a_second_question_that_fails_leaves_the_first_verdicts_standing(server: OpenAIServer, inputs: Inputs, store: ReplyStore) -> None:
    good = judge(inputs.dataset, misquoted=["framing-time-plan"])
    server.always = failing_on(good, AGAIN, fails(401))  # type: ignore[assignment]
    run = (await filled(server, inputs, store)).scored()
    assert {row.criterion for row in run.rows if row.status == "unscored"} == {"framing-time-plan"}
    assert len(server.requests) == GRADINGS + 3


async def test_offline_every_section_that_is_missing_is_named(inputs: Inputs, store: ReplyStore) -> None:
    evaluation = await prepare(setup(trials=2), inputs, store)
    await evaluation.fill(OfflineExecutor())
    lines = missing_lines(evaluation)
    assert len(lines) == 2 * GRADINGS and lines[:2] == ["url-shortener-a section 0 trial 1", "url-shortener-a section 0 trial 2"]
    assert not evaluation.runner.work.failures


async def test_a_recording_that_somebody_spoilt_stops_the_plan(server: OpenAIServer, inputs: Inputs, store: ReplyStore) -> None:
    digest = next(iter((await prepare(setup(), inputs, store)).runner.work.missing))
    store.keep(KeptReply(digest, MODEL, '{"verdicts": [{"criterion": 1}]}'))
    with pytest.raises(ConfigurationError, match=digest[:12]):
        await prepare(setup(), inputs, store)


# --- shards -----------------------------------------------------------------------------------------------------


async def test_two_shards_fill_all_with_their_second_questions_and_unite(server: OpenAIServer, inputs: Inputs, tmp_path: Path) -> None:
    server.always = judge(inputs.dataset, misquoted=["framing-time-plan", "wait-or-hand-off"])
    stores = [ReplyStore(tmp_path / f"{number}.db") for number in (1, 2)]
    parts = []
    for number, part in enumerate(stores, 1):
        evaluation = await filled(server, inputs, part, shard=(number, 2))
        parts.append(len(server.requests))
        assert evaluation.runner.work.missing, "each shard leaves the other's part"
    assert 0 < parts[0] < parts[1] == 2 * GRADINGS, "together they ask for everything, and for nothing twice"
    stores[0].unite(stores[1])
    whole = await prepare(setup(), inputs, stores[0])
    assert not whole.runner.work.missing
    assert all(row.status == row.gold[0] for row in whole.scored().rows)
    for one in stores:
        one.close()


def test_every_job_is_in_exactly_one_shard_and_shards_are_of_about_one_size() -> None:
    nobody = Assessment.__new__(Assessment)
    jobs = [Job(f"case-{case}", str(section), trial, nobody) for case in range(24) for section in range(10) for trial in (0, 1)]
    for shards in (1, 2, 3, 7):
        sizes = [sum(in_shard(job, number, shards) for job in jobs) for number in range(1, shards + 1)]
        assert sum(sizes) == len(jobs) and min(sizes) > 0.6 * len(jobs) / shards


# --- what a reply depends on ------------------------------------------------------------------------------------


async def test_another_wording_of_the_prompt_costs_its_calls_and_the_old_one_stays(
    server: OpenAIServer, inputs: Inputs, store: ReplyStore, tmp_path: Path
) -> None:
    server.always = judge(inputs.dataset)
    await filled(server, inputs, store)
    shipped = (Path(harness.__file__).parents[1] / "prompts" / "grade_section.md").read_text()
    (tmp_path / "other.md").write_text(shipped.replace("You grade", "You  grade"))
    tried = replace(inputs, variant=load_variant(BASE, {"grade_section": tmp_path / "other.md"}))
    await filled(server, tried, store)
    assert len(server.requests) == 2 * GRADINGS
    (tmp_path / "other.md").write_text(shipped)
    same = replace(inputs, variant=load_variant(BASE, {"grade_section": tmp_path / "other.md"}))
    await filled(server, same, store)
    await filled(server, inputs, store)
    assert len(server.requests) == 2 * GRADINGS


# --- the embedded grader ----------------------------------------------------------------------------------------


def embedded(parts: Parts, thresholds: Thresholds) -> FillingModel:
    return EmbeddedModel(embedded_name(parts.library, thresholds), parts.library, parts.estimator, thresholds)


async def test_the_embedded_grader_is_recorded_with_the_product_s_own_results(parts: Parts, inputs: Inputs, store: ReplyStore) -> None:
    evaluation = await prepare(setup("embedded"), inputs, store)
    await evaluation.fill(ConcurrentExecutor(embedded(parts, inputs.variant.thresholds), 2))
    run = evaluation.scored()
    assert len(store) == GRADINGS and not evaluation.runner.work.missing
    case = inputs.dataset.case("url-shortener-c")
    own = await EmbeddedGrader(parts.library, parts.estimator).grade(Assessment(case.transcript, "2"))
    assert own.score == next(one.score for one in run.section_scores if (one.case, one.section) == (case.id, "2"))
    assert [v.status for v in own.verdicts] == [row.status for row in run.rows if (row.case, row.section) == (case.id, "2")]
    assert run.grader == embedded_name(parts.library, inputs.variant.thresholds)
    again = await prepare(setup("embedded"), inputs, store)
    assert not again.runner.work.missing


def test_the_embedded_grader_s_name_tells_what_its_verdicts_depend_on(library: Library) -> None:
    names = {
        embedded_name(library, Thresholds()),
        embedded_name(library, Thresholds(sure=0.6)),
        embedded_name(library, Thresholds(lenience=0.3)),
        embedded_name(replace(library, digest="another corpus"), Thresholds()),
    }
    assert len(names) == 4 and embedded_name(library, Thresholds()) in names


# --- yardsticks -------------------------------------------------------------------------------------------------


async def test_who_always_says_met_agrees_where_gold_does_and_asks_nobody(inputs: Inputs, store: ReplyStore) -> None:
    run = (await prepare(setup(ALWAYS_MET), inputs, store)).scored()
    assert {row.status for row in run.rows} == {"met"} and run.calls.asked == 0
    assert all(row.quote for row in run.rows)


async def test_word_overlap_finds_who_says_the_rubric_s_words_and_not_who_says_nothing(inputs: Inputs, library: Library) -> None:
    grader = WordOverlap(library, inputs.dataset)
    criterion = library.rubrics["2"].criteria[0]
    turn = inputs.dataset.case("url-shortener-a").transcript.turns[3]
    spoken = turn.model_copy(update={"text": " ".join((criterion.statement, *criterion.counts, *criterion.examples)).replace(".", ",")})
    transcript = inputs.dataset.case("url-shortener-a").transcript.model_copy(update={"turns": (spoken,)})
    result = await grader.grade(Assessment(transcript, "2"))
    assert result.verdicts[0].status == "met" and result.verdicts[0].turn == 4
    silent = transcript.model_copy(update={"turns": (turn.model_copy(update={"text": "Hm."}),)})
    assert {verdict.status for verdict in (await grader.grade(Assessment(silent, "2"))).verdicts} == {"not_observed"}


# --- what a run is put together from ----------------------------------------------------------------------------


def test_a_store_holds_the_committed_recordings_and_a_broken_one_is_named(tmp_path: Path) -> None:
    first, recordings = ReplyStore(), tmp_path / "recordings"
    first.keep(KeptReply("a" * 64, MODEL, "{}"))
    first.write(recordings / "test.jsonl", ["a" * 64])
    opened = open_store(tmp_path / "new" / "replies.db", recordings)
    assert opened.find("a" * 64) is not None
    (recordings / "worse.jsonl").write_text("{}\n")
    with pytest.raises(ConfigurationError, match=r"worse\.jsonl:1"):
        open_store(tmp_path / "replies.db", recordings)
    first.close()
    opened.close()


def test_a_model_needs_an_endpoint_and_an_executor_a_name(settings: Settings) -> None:
    make = model_factory(setup(), load_variant(BASE), settings)
    with pytest.raises(ConfigurationError, match="'test-model' needs an endpoint: set OPENAI_BASE_URL"):
        make()
    known = settings.model_copy(update={"base_url": "http://127.0.0.1:1/v1", "api_key": SecretStr("k")})
    assert model_factory(setup(), load_variant(BASE), known)().name == MODEL
    with pytest.raises(ConfigurationError, match="no executor 'fast'"), executing("fast", make):
        pass
    with executing("none", make) as executor:
        assert isinstance(executor, OfflineExecutor), "who asks nobody needs no endpoint"


# --- variants ---------------------------------------------------------------------------------------------------


def test_a_variant_is_the_shipped_prompts_with_its_own_in_their_place(tmp_path: Path) -> None:
    home = tmp_path / "mine"
    home.mkdir()
    (home / "embedded.yaml").write_text("sure: 0.7\n")
    (home / "move_hint.md").write_text("---\nversion: 2\ninputs: [hint]\n---\nHint! {{hint}}")
    mine, shipped = load_variant("mine", folder=tmp_path), load_variant(BASE)
    assert (mine.name, mine.thresholds.sure, mine.thresholds.lenience) == ("mine", 0.7, shipped.thresholds.lenience)
    changed = [name for name, text in mine.prompts.texts.items() if text != shipped.prompts.texts[name]]
    assert changed == ["move_hint"]


@pytest.mark.parametrize("name", ["mystery", "", ".", "empty"])
def test_an_unknown_or_empty_variant_is_refused_with_the_known_ones(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "strict").mkdir()
    with pytest.raises(ConfigurationError, match=r"no variant .*Known: shipped, empty, strict"):
        load_variant(name, folder=tmp_path)


@pytest.mark.parametrize("text", ["sure: 1.5", "sure: high", "shure: 0.5", "lenience: 9", "[1", "- 1"])
def test_thresholds_that_are_none_are_refused_with_their_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "embedded.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"embedded\.yaml"):
        load_variant("odd", folder=tmp_path)


def test_a_variant_may_not_take_what_the_prompt_is_not_given(tmp_path: Path) -> None:
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "move_hint.md").write_text("---\nversion: 2\ninputs: [hint, mood]\n---\n{{hint}} {{mood}}")
    with pytest.raises(ConfigurationError, match=r"move_hint\.md:1: inputs"):
        load_variant("odd", folder=tmp_path)


def test_the_same_cases_written_twice_ask_the_same(tmp_path: Path, library: Library) -> None:
    assert small_dataset(tmp_path / "a", library).digest == small_dataset(tmp_path / "b", library).digest
    assert write_cases(tmp_path / "c", library, tune=1).is_dir()


def test_a_server_hears_whole_questions(dataset: Dataset) -> None:
    """The judge of these tests reads the case from the question; it must not guess."""
    with pytest.raises(StopIteration):
        judge(dataset)(Kept({"messages": [{"content": "### framing-time-plan\nnobody speaks"}]}, {}, 0.0))
