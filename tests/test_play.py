"""Whole interviews on a manual clock: a strong candidate scores above a weak one, everywhere."""

from pathlib import Path

import pytest

from agent.assembly import Parts
from agent.candidate import SPENT, WORDS_A_MINUTE, Scripted, read_candidate
from agent.errors import UnreadableTranscript
from agent.play import BrokenOff, Played, play
from agent.text import words

CANDIDATES = Path(__file__).parent.parent / "corpus" / "candidates"


PLAYED: dict[str, Played] = {}  # a whole interview takes seconds, and several tests look at the same


async def played_by(parts: Parts, name: str) -> Played:
    if name not in PLAYED:
        scenario = parts.library.scenario(name.rsplit("-", 1)[0])
        PLAYED[name] = await play(parts, scenario, "senior", 45, Scripted(read_candidate(CANDIDATES / f"{name}.yaml")))
    return PLAYED[name]


async def test_the_strong_candidate_scores_higher_in_every_section(parts: Parts) -> None:
    strong, weak = (await played_by(parts, "url-shortener-strong")).card, (await played_by(parts, "url-shortener-weak")).card
    for better, worse in zip(strong.sections, weak.sections, strict=True):
        assert (better.status, worse.status) == ("graded", "graded")
        assert (better.score or 0) > (worse.score or 0), better.id
    assert (strong.overall.score or 0) > 2 * (weak.overall.score or 0)


async def test_answers_take_as_long_as_they_take_to_speak(parts: Parts) -> None:
    transcript = (await played_by(parts, "team-chat-strong")).transcript
    before = 0.0
    for turn in transcript.turns:
        if turn.speaker == "candidate":
            assert turn.at - before == pytest.approx(60 * len(words(turn.text)) / WORDS_A_MINUTE)
            before = turn.at


async def test_the_same_interview_twice_is_the_same(parts: Parts) -> None:
    first = await played_by(parts, "team-chat-weak")
    second = await play(parts, parts.library.scenario("team-chat"), "senior", 45, Scripted(read_candidate(CANDIDATES / "team-chat-weak.yaml")))
    assert [turn.text for turn in first.transcript.turns] == [turn.text for turn in second.transcript.turns]
    assert first.card.model_dump() == second.card.model_dump()


async def test_a_short_interview_does_not_reach_every_section(parts: Parts) -> None:
    long = {str(n): ["I think about this for a while, and then I think about it some more. " * 30] * 3 for n in range(10)}
    played = await play(parts, parts.library.scenario("team-chat"), "mid", 15, Scripted(long))
    assert played.card.sections[-1].status == "not_reached"
    assert "9" not in {turn.section for turn in played.transcript.turns}


async def test_the_interviewer_never_repeats_a_question_or_says_nothing(parts: Parts) -> None:
    answers = read_candidate(CANDIDATES / "url-shortener-strong.yaml")
    played = await play(parts, parts.library.scenario("url-shortener"), "staff", 45, Scripted(answers))
    asked = [turn.text for turn in played.transcript.turns if turn.speaker == "interviewer"]
    assert all(asked)
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[1, 2", "neither YAML nor JSON"),
        ("- a\n- b\n", "must map a section"),
        ("'1': {a: b}\n", "section 1 must hold a list"),
        ("'1': [1]\n", "list of texts"),
    ],
)
def test_a_candidate_file_of_another_form_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(UnreadableTranscript, match=complaint):
        read_candidate(path)


def test_a_missing_candidate_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableTranscript, match="No such file"):
        read_candidate(tmp_path / "c.yaml")


@pytest.mark.parametrize(("name", "text"), [("c.yaml", "1: one\n'2': ['', ' ', two]\n"), ("c.json", '{"1": "one", "2": ["", " ", "two"]}')])
def test_a_candidate_file_maps_sections_to_answers_and_blank_ones_are_left_out(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_candidate(tmp_path / name) == {"1": ["one"], "2": ["two"]}


async def test_a_candidate_without_answers_passes_through_every_section_with_one_remark_each(parts: Parts) -> None:
    played = await play(parts, parts.library.scenario("team-chat"), "mid", 45, Scripted({}))
    assert [turn.section for turn in played.transcript.turns if turn.speaker == "candidate"] == [str(n) for n in range(10)]
    assert played.card.overall.score == 0


async def test_an_interview_that_does_not_end_is_given_up(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.play.MOST_TURNS", 2)
    with pytest.raises(BrokenOff, match="did not end within 2 answers") as broken:
        await play(parts, parts.library.scenario("team-chat"), "mid", 45, Scripted({}))
    assert [turn.text for turn in broken.value.transcript.turns if turn.speaker == "candidate"] == [SPENT, SPENT]
