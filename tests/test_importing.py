"""Transcripts that coaches hand in: every form that is understood, what is refused, and how often a section is inferred rightly."""

import json
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.assembly import Parts
from agent.errors import UnreadableTranscript
from agent.importing import Sectioner, read_transcript
from agent.lines import label, seconds
from agent.rendering import transcript_markdown
from agent.schema import Transcript, Turn
from agent.sectioning import Utterance

SAMPLES = Path(__file__).parent / "samples"
SCRIPTS = Path(__file__).parent.parent / "corpus" / "candidates"
CANDIDATES = [  # those that the costs of sectioning were chosen on; the others would show the same, and take minutes
    SCRIPTS / f"{name}.yaml"
    for name in ("ride-hailing-mid", "team-chat-strong", "team-chat-weak", "ticket-sales-mid", "url-shortener-strong", "url-shortener-weak")
]


@pytest.fixture(scope="session")
def sectioner(parts: Parts) -> Sectioner:
    return Sectioner(parts.library, parts.retriever)


@pytest.fixture
def read(parts: Parts, sectioner: Sectioner, tmp_path: Path) -> Any:
    """Reads a sample by name, or a text or bytes as a file of that name."""

    def reading(name: str, content: str | bytes | None = None, **options: Any) -> Transcript:
        path = SAMPLES / name if content is None else tmp_path / name
        if content is not None:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_transcript(path, parts.library, sectioner, **options)

    return reading


def sections(transcript: Transcript) -> str:
    return "".join(turn.section for turn in transcript.turns if turn.speaker == "candidate")


def speakers(transcript: Transcript) -> str:
    return "".join(turn.speaker[0] for turn in transcript.turns)


# --- forms ------------------------------------------------------------------------------------------------------


def test_a_long_interview_with_roles_gets_speakers_sections_and_what_its_first_lines_say(read: Any) -> None:
    found = read("roles.txt")
    assert (found.scenario, found.title, found.level) == ("ticket-sales", "Build a ticket sales platform", "staff")
    assert speakers(found) == "ic" * 13 + "i"
    assert [turn.n for turn in found.turns] == list(range(1, 28))
    right = sum(mine == theirs for mine, theirs in zip(sections(found), "1123344556789", strict=True))
    assert right >= 11
    assert found.turns[3].text.startswith("Okay, then I'd put the fan who wants a ticket first, and the promoter second.")
    assert "resale.\n\nI'd measure" in found.turns[3].text


def test_of_two_names_the_one_who_speaks_much_and_asks_little_is_the_candidate(read: Any) -> None:
    found = read("names.md")
    assert speakers(found) == "ic" * 13
    assert found.turns[1].text.startswith("Thanks. Before anything else")
    assert (found.scenario, found.title) == (None, "Photo sharing, mock interview")
    assert sum(mine == theirs for mine, theirs in zip(sections(found), "1112336655789", strict=True)) >= 11


@pytest.mark.parametrize(
    ("name", "turns", "times", "last"),
    [
        (
            "zoom.vtt",
            "icic",
            (3.12, 13.25, 27.0, 90.0),
            "Orders go in Postgres, because I want ACID transactions for money, and the couriers' positions in Redis",
        ),
        ("captions.srt", "ic", (1.0, 5.5), "A pipeline builds and tests it, then a canary with five percent of the traffic, and a rollback"),
        ("otter.txt", "icicic", (2, 15, 41, 52, 80, 744), "Messages in a wide column store"),
        ("letters.txt", "icicic", (5, 21, 70, 90, 3723, 3751), "The database under a viral link."),
        ("zoom-chat.txt", "ic", (0, 48), "OAuth with short lived tokens"),
        ("dashes.txt", "icic", (0, 0, 0, 0), "A replica is promoted."),
        ("questions.md", "icic", (0, 0, 0, 0), "The client team."),
        ("whisper.txt", "icic", (0, 0, 0, 0), "The time to a match"),
    ],
)
def test_recorders_and_note_takers_write_the_speakers_in_many_ways(read: Any, name: str, turns: str, times: tuple[float, ...], last: str) -> None:
    found = read(name)
    assert speakers(found) == turns
    assert tuple(turn.at for turn in found.turns) == times
    assert found.turns[-1].text.startswith(last)


@pytest.mark.parametrize(
    ("line", "name", "at", "text"),
    [
        ("Interviewer: Go on.", "Interviewer", None, "Go on."),
        ("**Bob:** Go on.", "Bob", None, "Go on."),
        ("**Bob**: Go on.", "Bob", None, "Go on."),
        ("Bob (candidate): Go on.", "Bob", None, "Go on."),
        ("INTERVIEWER - Go on.", "INTERVIEWER", None, "Go on."),
        ("[00:12:31] Candidate: Go on.", "Candidate", 751.0, "Go on."),
        ("00:12 Candidate: Go on.", "Candidate", 12.0, "Go on."),
        ("Candidate 00:12:31", "Candidate", 751.0, ""),
        ("Candidate 00:12:31 Go on.", "Candidate", 751.0, "Go on."),
        ("Alice Smith (1:05): Go on.", "Alice Smith", 65.0, "Go on."),
        ("[Alice Smith] 10:02:15", "Alice Smith", 36135.0, ""),
        ("Speaker 2: Go on.", "Speaker 2", None, "Go on."),
        ("### Candidate", "Candidate", None, ""),
        ("- **Me:** Go on.", "Me", None, "Go on."),
    ],
)
def test_a_line_begins_with_a_label(line: str, name: str, at: float | None, text: str) -> None:
    found = label(line)
    assert found is not None
    assert (found.name, found.at, found.text) == (name, at, text)


@pytest.mark.parametrize(
    "line",
    ["I would go on.", "So what I mean: go on.", "Redis - a cache", "Pros: simple", "Candidate keys: go on", "12:31", "Scaling", "- Redis: go"],
)
def test_a_line_of_speech_begins_with_no_label(line: str) -> None:
    found = label(line)
    assert found is None or not found.sure


def test_lists_in_an_answer_are_not_speakers(read: Any) -> None:
    found = read(
        "lists.txt",
        "Interviewer: Which stores?\n\nCandidate: Two of them.\nRedis: sessions.\nPostgres: orders.\n\nRedis: rate limits.\nPostgres: and users.\n",
    )
    assert speakers(found) == "ic"
    assert found.turns[1].text.endswith("Postgres: and users.")


def test_an_essay_with_lists_of_pros_and_cons_has_no_speakers(read: Any) -> None:
    text = "I compare two stores for links.\n\nPros: simple queries by key.\n\nCons: no joins.\n\nPros: it grows.\n\nCons: it costs more money"
    assert set(speakers(read("essay-lists.txt", text))) == {"c"}


def test_time_of_day_is_counted_from_the_first_words() -> None:
    assert seconds("2:05 PM") == 14 * 3600 + 300
    assert seconds("00:12:31") == 751


def test_headings_of_an_essay_set_its_sections_and_stay_out_of_the_candidates_words(read: Any) -> None:
    found = read("essay.md")
    assert (found.scenario, found.level, sections(found)) == ("ticket-sales", "mid", "126637")
    assert found.turns[0].text.endswith("Out of scope\n\nResale and season tickets are out of scope.")
    assert "Requirements" not in found.turns[0].text


def test_an_essay_without_headings_is_read_by_what_it_says(read: Any) -> None:
    assert sections(read("essay.txt")) == "126789"


def test_bare_lines_that_name_a_section_are_headings(read: Any) -> None:
    found = read(
        "bare.txt",
        "Scaling\n\nI do not know yet what goes here, perhaps more of it.\n\n6. Data storage\n\nNor here, I would have to think some more.\n",
    )
    assert sections(found) == "76"


def test_headings_between_the_turns_of_an_interview_set_the_section(read: Any) -> None:
    found = read(
        "mixed.md",
        "## 4 Edge / gateway layer\n\n**Interviewer:** Go on.\n\n**Candidate:** SQL tables.\n\n--- Frontend ---\n\n**Candidate:** Kafka topics.\n",
    )
    assert sections(found) == "43"


def test_a_hand_over_wins_over_what_the_words_resemble(read: Any) -> None:
    found = read(
        "handover.txt",
        "Interviewer: Fine. Let's move on to data storage. What comes to mind?\nCandidate: Hm, let me think about that for a moment.\n",
    )
    assert sections(found) == "6"


def test_a_monologue_through_several_sections_becomes_several_turns(read: Any) -> None:
    monologue = " ".join(" ".join(yaml.safe_load(CANDIDATES[1].read_text())[section]) for section in ("1", "6", "8"))
    found = read("monologue.txt", f"Interviewer: Design a chat product.\nCandidate: {monologue}\n")
    assert list(dict.fromkeys(sections(found))) == ["1", "6", "8"]
    assert " ".join(turn.text for turn in found.turns[1:]).split() == monologue.split()


# --- our own files ----------------------------------------------------------------------------------------------


def test_what_play_prints_is_read_and_unknown_fields_are_ignored(read: Any) -> None:
    found = read("played.json")
    assert (found.id, found.level, found.minutes, sections(found), found.sections_reached) == ("abc", "mid", 45, "16", ("1", "6"))
    assert found.turns[3].at == 640


def test_options_win_over_the_file(read: Any) -> None:
    found = read("played.json", scenario="team-chat", level="staff")
    assert (found.scenario, found.title, found.level) == ("team-chat", "Build a team chat", "staff")
    assert read("essay.md", level="senior").level == "senior"
    assert read("essay.txt", scenario="Build a parking app").title == "Build a parking app"


def test_our_own_markdown_export_is_read_back(read: Any, parts: Parts) -> None:
    said = [("interviewer", "Where do you *keep* it?"), ("candidate", "In Postgres - 1 table.\n\n- by id\n- by owner_id & <date>")]
    turns = tuple(Turn(n=n, section="7", speaker=who, text=text, at=60.0 * n) for n, (who, text) in enumerate(said, 1))
    found = read("export.md", transcript_markdown(Transcript(turns=turns, title="Build a team chat"), parts.library))
    assert [(turn.section, turn.speaker, turn.at) for turn in found.turns] == [(turn.section, turn.speaker, turn.at) for turn in turns]
    assert [turn.text.split() for turn in found.turns] == [turn.text.split() for turn in turns]


def turn(n: int | None, speaker: str = "candidate", text: str = "We keep orders in Postgres tables.", **more: Any) -> dict[str, Any]:
    return {"speaker": speaker, "text": text, **({} if n is None else {"n": n}), **more}


def test_turns_without_numbers_or_sections_get_them(read: Any) -> None:
    found = read("bare.json", json.dumps({"turns": [turn(None), turn(None, section=6)]}))
    assert [(one.n, one.section) for one in found.turns] == [(1, "6"), (2, "6")]


def test_repeated_numbers_are_given_anew_and_falling_ones_refused(read: Any) -> None:
    assert [one.n for one in read("twice.json", json.dumps({"turns": [turn(4, section="6"), turn(4, section="6")]})).turns] == [1, 2]
    with pytest.raises(UnreadableTranscript, match=r"number 2 \(turn 2 of the file\) comes after 5"):
        read("falling.json", json.dumps({"turns": [turn(5), turn(2)]}))


def test_invisible_characters_of_the_candidate_are_removed(read: Any) -> None:
    found = read("invisible.txt", "Interviewer: Where?\nCandidate: In Post\u200bgres,\u202e with a\x07 primary key.\n")
    assert found.turns[1].text == "In Postgres, with a primary key."


# --- what is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("empty.txt", "", "the file is empty"),
        ("blank.md", "\ufeff \n\n", "the file is empty"),
        ("picture.txt", b"\x89PNG\r\n\x1a\n", "a picture.*Save the transcript as plain text"),
        ("word.txt", b"PK\x03\x04rest", "a Word or Zip file"),
        ("noise.txt", bytes(range(256)) * 4, "not text"),
        ("large.txt", b"a" * 2_000_001, "too large"),
        ("broken.json", '{"turns": [\n  {"n": 1,,}\n]}', "line 2, column 11: not JSON"),
        ("deep.json", "[" * 100_000, "not JSON|nested too deeply"),
        ("other.json", '{"messages": []}', 'needs a list "turns"'),
        ("list.json", "[1, 2]", 'needs a list "turns"'),
        ("none.json", '{"turns": []}', "the candidate says nothing"),
        ("silent.json", json.dumps({"turns": [turn(1, "interviewer")]}), "the candidate says nothing"),
        ("who.json", json.dumps({"turns": [turn(1), turn(2, "robot")]}), 'turn 2 must have a "text" and a "speaker"'),
        ("section.json", json.dumps({"turns": [turn(1, section="12")]}), "turn 1: there is no section '12'"),
        ("level.json", json.dumps({"level": "guru", "turns": [turn(1, section="6")]}), "level: Input should be 'mid'"),
        ("time.json", json.dumps({"turns": [turn(1, section="6"), turn(2, section="6", at=-3)]}), "turn 2, at: "),
        ("unheard.txt", "Interviewer: Hello?\n\nInterviewer: Are you there?\n", "line 1: nobody is the candidate; the speakers are: Interviewer"),
        ("nobody.srt", "1\n00:00:01,000 --> 00:00:04,000\nWhich stores do you use?\n", "these subtitles do not say who speaks"),
        ("headings.md", "## Scaling\n\n## Data storage\n", "headings but no text"),
    ],
)
def test_a_file_that_cannot_be_graded_is_refused_with_its_name_and_what_to_do(read: Any, name: str, content: str | bytes, says: str) -> None:
    with pytest.raises(UnreadableTranscript, match=rf"(?s){name}: .*(?:{says})"):
        read(name, content)


def test_a_missing_file_is_refused(read: Any) -> None:
    with pytest.raises(UnreadableTranscript, match=r"nowhere\.txt: cannot be read: No such file"):
        read("nowhere.txt")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
def test_the_usual_encodings_are_read(read: Any, encoding: str) -> None:
    text = "Interviewer: Wo denn?\nCandidate: Im Caf\u00e9, f\u00fcr Kunden in K\u00f6ln.\n"
    assert read("encoded.txt", text.encode(encoding)).turns[1].text == "Im Caf\u00e9, f\u00fcr Kunden in K\u00f6ln."


# --- sections ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("heading", "section"),
    [
        ("## 6. Data storage", "6"),
        ("Scaling", "7"),
        ("Frontend", "3"),
        ("## 3. Data model", "6"),
        ("Section 4", "4"),
        ("6.3 CAP theorem", "6"),
        ("Non-functional requirements", "1"),
        ("Edge / gateway layer", "4"),
        ("Monitoring and alerting", "8"),
        ("Edge cases", None),
        ("Scaling the database", None),
        ("Introduction", None),
    ],
)
def test_a_heading_names_a_section_or_none(sectioner: Sectioner, heading: str, section: str | None) -> None:
    assert sectioner.named(heading) == section


def test_every_hand_over_of_the_embedded_interviewer_is_understood(sectioner: Sectioner, parts: Parts) -> None:
    titles = [section.title for section in parts.library.sections]
    for phrase in (*parts.library.phrases.handover, *parts.library.phrases.handover_time):
        for section, before in zip(parts.library.sections[1:], titles, strict=False):
            assert sectioner.announced(phrase.format(section=before, next=section.title)) == section.id


def test_a_short_remark_stays_in_its_section_and_a_question_goes_with_its_answer(sectioner: Sectioner) -> None:
    said = [
        Utterance("candidate", "A pipeline deploys a canary to five percent, and rolls back automatically when the error rate rises."),
        Utterance("interviewer", "Mm-hm."),
        Utterance("candidate", "Yes, exactly."),
        Utterance("interviewer", "Okay, what would you change?"),
        Utterance(
            "candidate", "With ten times the traffic the write path is the bottleneck, and later I would migrate to tenants with quotas of their own."
        ),
    ]
    assert sectioner.assign(said) == ["8", "8", "8", "9", "9"]


def test_sections_of_answers_are_inferred(read: Any, capsys: pytest.CaptureFixture[str]) -> None:
    remarks = cycle(["Go on.", "Mm-hm. Anything else?", "Okay, and then?", "What would you do there?"])
    rates = {}
    for form in ("interview", "essay"):
        right = count = 0
        for path in CANDIDATES:
            answers = [(section, " ".join(text.split())) for section, said in yaml.safe_load(path.read_text()).items() for text in said]
            spoken = [f"Interviewer: {next(remarks)}\n\nCandidate: {text}" if form == "interview" else text for _, text in answers]
            turns = [one for one in read(f"{path.stem}.txt", "\n\n".join(spoken)).turns if one.speaker == "candidate"]
            found = [next((one.section for one in turns if text in " ".join(one.text.split())), None) for _, text in answers]
            right += sum(mine == theirs for mine, (theirs, _) in zip(found, answers, strict=True))
            count += len(answers)
        rates[form] = right / count
    with capsys.disabled():
        print(f"\nsections inferred rightly, {count} answers without any marker: " + ", ".join(f"{form} {rate:.1%}" for form, rate in rates.items()))
    assert rates["interview"] > 0.9
    assert rates["essay"] > 0.85
