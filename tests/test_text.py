"""What a candidate typed is cleaned, cut into sentences and compared, and stays the candidate's own words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.text import LONGEST_SENTENCE, clauses, clean, content_words, copied_share, function_share, normalised, sentences, shortened, words


@pytest.mark.parametrize("hidden", ["\u200b", "\u202e", "\u2066", "\ufeff", "\x00", "\x1b", "\U000e0041"])
def test_characters_that_nobody_sees_are_removed(hidden: str) -> None:
    assert clean(f"a{hidden}b") == "ab"


def test_lines_tabs_and_accents_are_kept() -> None:
    assert clean("  cafe\u0301:\n\tone ") == "caf\u00e9:\n\tone"


def test_quotes_are_compared_without_case_spacing_and_typography() -> None:
    assert normalised("\u201cIt\u2019s  a\nwide\u2013table\u201d") == normalised('"it\'s a WIDE-table"')


def test_an_abbreviation_does_not_end_a_sentence() -> None:
    text = "We use a queue, e.g. Kafka, for this. It keeps order."
    assert sentences(text) == ["We use a queue, e.g. Kafka, for this.", "It keeps order."]


def test_lines_are_sentences_of_their_own() -> None:
    assert sentences("one store\n\nanother store") == ["one store", "another store"]


def test_a_long_run_is_cut_at_a_comma() -> None:
    half = "we keep it in one place because reads are many and writes are few and nobody waits for them to be done at all "
    assert sentences(f"{half.strip()}, {half}{half}".strip())[0] == f"{half.strip()},"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["we", "shard", "it,", "because.", "e.g.", "so?", "\n", "Reads", "-", "no."]), max_size=150).map(" ".join))
def test_sentences_are_verbatim_and_short_and_lose_no_word(text: str) -> None:
    found = sentences(text)
    assert [word for sentence in found for word in words(sentence)] == words(text)
    assert all(sentence in text for sentence in found)
    assert all(len(sentence.split()) <= LONGEST_SENTENCE for sentence in found)


def test_forms_of_a_word_are_one_word_and_empty_words_are_none() -> None:
    assert content_words("We are using shards") == content_words("It needs the sharding") == {"shard"}


def test_a_list_of_names_has_no_function_words_and_speech_has_many() -> None:
    assert function_share("Kafka, Redis, Postgres") == function_share("") == 0
    assert function_share("We would put it into a queue so that it is not lost") > 0.5


def test_what_was_taken_over_word_for_word_is_a_copy_and_single_words_are_not() -> None:
    question = "How would you keep the data close to the user?"
    assert copied_share("I would keep the data close to the user", [question]) == pytest.approx(7 / 9)
    assert copied_share("The user has data and the cache is close", [question]) == 0
    assert copied_share("to the user", [question]) == 1
    assert copied_share("to the users", [question]) == 0
    assert copied_share("anything at all", []) == copied_share("", [question]) == 0


def test_a_quote_is_shortened_at_a_word_and_says_so() -> None:
    assert shortened("One two three.") == "One two three"
    assert shortened("one two, three four", most=2) == "one two ..."


def test_a_short_sentence_is_quoted_whole_and_a_long_one_in_its_clauses() -> None:
    assert clauses("We keep it in Redis.") == ["We keep it in Redis"]
    long = "The orders stay in one partition for each event, and the holds live in a table of their own because they expire."
    assert clauses(long) == ["The orders stay in one partition for each event", "the holds live in a table of their own", "they expire"]
    assert clauses(" ".join(["word"] * 30)) == []
