"""What would the interviewer ask next, after every recorded turn, and is it a good next question?"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.assembly import Parts
from agent.clock import ManualClock
from agent.events import Asked
from agent.key_terms import KeyTerms
from agent.library import Library
from agent.llm import ScriptedChatModel
from agent.model_interviewer import ModelInterviewer
from agent.recorded import RecordedChatModel
from agent.replies import ReplyStore
from agent.schema import Move
from agent.state import InterviewContext
from agent.text import content_words
from evals.conduct import Conductor, Next, Position, figures, lines
from evals.dataset import Case, Dataset
from tests.eval_cases import small_dataset

C = "url-shortener-c"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cases")


@pytest.fixture(scope="module")
def dataset(folder: Path, library: Library) -> Dataset:
    return small_dataset(folder, library)


@pytest.fixture
def context(parts: Parts) -> InterviewContext:
    return parts.context(ManualClock())


@pytest.fixture
def conductor(library: Library, context: InterviewContext) -> Conductor:
    return Conductor(library, context)


def saying(text: str, parts: Parts, library: Library) -> Conductor:
    """A conductor whose interviewer says this, whatever the move."""
    model = ScriptedChatModel([text], repeat=True)
    speaker = ModelInterviewer(model, parts.interviewer, parts.prompts, library, parts.retriever)  # type: ignore[arg-type]
    return Conductor(library, replace(parts.context(ManualClock()), interviewer=speaker))


async def test_there_is_a_position_after_every_turn_of_the_candidate(conductor: Conductor, dataset: Dataset) -> None:
    case = dataset.case(C)
    positions = conductor.positions(case)
    assert [(one.turn, one.section) for one in positions] == [(2, "0"), (4, "2")]
    for position in positions:
        said = position.interview.turns
        assert [turn.text for turn in said] == [turn.text for turn in case.transcript.turns[: position.turn]]
        assert position.interview.section is not None and position.interview.section.id == position.section
    words = len(case.transcript.turns[1].text.split())
    assert positions[0].elapsed == pytest.approx(30 + 60 * words / 150, rel=0.1), "speaking takes time"


async def test_a_recorded_turn_gives_one_utterance_in_the_open_section_or_the_next(conductor: Conductor, dataset: Dataset) -> None:
    for case in dataset:
        for position in conductor.positions(case):
            row = await conductor.next(position)
            assert row is not None and row.text and (row.case, row.turn) == (case.id, position.turn)
            assert row.right_section and int(row.section) - int(position.section) in (0, 1)


async def test_the_same_position_gives_the_same_utterance(conductor: Conductor, dataset: Dataset) -> None:
    position = conductor.positions(dataset.case(C))[0]
    assert await conductor.next(position) == await conductor.next(position)


async def follow_up(conductor: Conductor, case: Case) -> tuple[Position, Next]:
    """The first position at which the interviewer follows up on a criterion."""
    for position in conductor.positions(case):
        row = await conductor.next(position)
        if row is not None and row.move == "follow_up" and row.criterion:
            return position, row
    raise AssertionError("no follow-up")


async def test_a_criterion_that_gold_has_as_met_by_then_is_counted_as_answered(conductor: Conductor, dataset: Dataset) -> None:
    position, row = await follow_up(conductor, dataset.case("url-shortener-a"))

    async def judged(**change: Any) -> tuple[bool | None, bool | None]:
        verdicts = tuple(one.model_copy(update=change) if one.criterion == row.criterion else one for one in position.case.gold.verdicts)
        case = replace(position.case, gold=position.case.gold.model_copy(update={"verdicts": verdicts}))
        found = await conductor.next(replace(position, case=case))
        assert found is not None and found.criterion == row.criterion
        return found.open_criterion, found.already_answered

    assert await judged(verdict="met", turn=position.turn) == (False, True)
    assert await judged(verdict="met", turn=position.turn + 2) == (True, False), "it is said later only"
    assert await judged(verdict="partial", turn=position.turn) == (True, False), "half of it leaves something to ask"
    assert await judged(verdict="not_observed") == (True, False)


async def test_a_leak_is_found_in_a_question_that_has_the_answer_in_it_and_not_in_a_clean_one(
    parts: Parts, library: Library, conductor: Conductor, dataset: Dataset
) -> None:
    position, row = await follow_up(conductor, dataset.case("url-shortener-a"))
    assert row.criterion is not None
    spoken = " ".join(turn.text for turn in position.interview.turns) + position.interview.started.scenario.brief
    telling = sorted(KeyTerms(library).of(library.criteria[row.criterion]) - content_words(spoken))
    assert telling, "the criterion has key terms that nobody used"
    leaky = await saying(f"Would you not say {telling[0]}?", parts, library).next(position)
    clean = await saying("Why is that so?", parts, library).next(position)
    assert leaky is not None and clean is not None and leaky.criterion == clean.criterion == row.criterion
    assert (leaky.leaks, clean.leaks) == ((telling[0],), ())


async def test_a_word_that_the_candidate_used_is_no_leak(library: Library, conductor: Conductor, dataset: Dataset) -> None:
    case = dataset.case("url-shortener-a")
    position, row = await follow_up(conductor, case)
    assert row.criterion is not None
    criterion = library.criteria[row.criterion]
    word = sorted(KeyTerms(library).of(criterion) - content_words(position.interview.started.scenario.brief))[0]
    answer = case.transcript.turns[1]
    turns = (case.transcript.turns[0], answer.model_copy(update={"text": f"{answer.text} So much for {word}."}), *case.transcript.turns[2:])
    said = replace(case, transcript=case.transcript.model_copy(update={"turns": turns}))
    before, after = [conductor.positions(one)[0] for one in (case, said)]
    asked = Asked(elapsed=0.0, section="0", text=f"And what of {word}?", move=Move(kind="follow_up", criterion=criterion.id))
    assert (conductor._leaks(before, asked, criterion), conductor._leaks(after, asked, criterion)) == ((word,), ())


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("Why is that so?", True),
        ("You said so. Why that one?", True),
        ("Why that one? And why not another?", False),
        ("Walk me through one request.", True),
        ("Good. Let's go on.", True),
        ("That is fine.", False),
    ],
)
async def test_one_question_is_told_from_two_and_from_none(
    parts: Parts, library: Library, conductor: Conductor, dataset: Dataset, text: str, one: bool
) -> None:
    position, _ = await follow_up(conductor, dataset.case("url-shortener-a"))
    found = await saying(text, parts, library).next(position)
    assert found is not None and found.one_question is one


def test_key_terms_stand_in_several_examples_and_are_particular(library: Library) -> None:
    terms = KeyTerms(library)
    found = {name: terms.of(criterion) for name, criterion in library.criteria.items()}
    assert sum(bool(words) for words in found.values()) > 0.7 * len(found)
    for name, words in found.items():
        examples = [content_words(example) for example in library.criteria[name].examples]
        assert all(sum(word in example for example in examples) >= 2 for word in words)


async def test_a_model_s_words_that_are_not_recorded_are_no_utterance(parts: Parts, library: Library, conductor: Conductor, dataset: Dataset) -> None:
    position, _ = await follow_up(conductor, dataset.case("url-shortener-a"))
    model = RecordedChatModel("test-model", ReplyStore())
    speaker = ModelInterviewer(model, parts.interviewer, parts.prompts, library, parts.retriever)  # type: ignore[arg-type]
    offline = Conductor(library, replace(parts.context(ManualClock()), interviewer=speaker))
    assert await offline.next(position) is None


def test_figures_are_shares_of_the_utterances_for_which_the_question_arises() -> None:
    asked = Next("a", 2, "0", "follow_up", "c", "Why?", True, True, True, False, ("word",), True)
    opened = Next("a", 4, "1", "next_section", None, "Now the scope?", False, True, None, None, (), None)
    found = figures([asked, asked, opened, replace(asked, leaks=(), already_answered=True, open_criterion=False)])
    assert found["positions"] == 4 and found["moves"] == {"follow_up": 3, "next_section": 1}
    assert found["one_question"] == {"share": 0.75, "of": 4}
    assert found["leaks"] == {"share": 0.667, "of": 3}
    assert found["already_answered"] == {"share": 0.333, "of": 3}
    assert figures([opened])["grounded"] == {"share": None, "of": 0}
    text = "\n".join(lines(found))
    assert "4 turns of recorded candidates" in text and "66.7% of 3" in text and "of 0" in "\n".join(lines(figures([opened])))
