"""A number is the same however it is written."""

from decimal import Decimal

import pytest

from agent.numerals import numerals


def values(text: str) -> list[set[Decimal]]:
    return [set(numeral.values) for numeral in numerals(text)]


@pytest.mark.parametrize(
    "text",
    [
        "20,000",
        "20000",
        "20k",
        "20K",
        "20 k",
        "20'000",
        "20\u202f000",
        "20 thousand",
        "twenty thousand",
        "Twenty-Thousand",
        "20.0 thousand",
        "$20,000",
    ],
)
def test_twenty_thousand_is_one_number_in_every_form(text: str) -> None:
    assert values(text) == [{Decimal(20000)}]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("four point two billion", "4200000000"),
        ("4.2bn", "4200000000"),
        ("ninety-nine point nine percent", "99.9"),
        ("99.9%", "99.9"),
        ("two hundred and fifty thousand", "250000"),
        ("two million three hundred thousand and five", "2300005"),
        ("a hundred", "100"),
        ("half a million", "500000"),
        ("one and a half million", "1500000"),
        ("200ms", "200"),
        ("p95", "95"),
        ("a dozen", "12"),
        ("the 95th", "95"),
    ],
)
def test_words_and_units_are_read_as_people_mean_them(text: str, value: str) -> None:
    assert values(text) == [{Decimal(value)}]


def test_a_suffix_with_two_meanings_is_read_both_ways() -> None:
    assert values("5m") == [{Decimal(5), Decimal(5_000_000)}]


def test_numbers_that_do_not_make_one_are_two() -> None:
    assert values("twenty five, six to 20-30") == [{Decimal(25)}, {Decimal(6)}, {Decimal(20)}, {Decimal(30)}]


@pytest.mark.parametrize("text", ["S3 and EC2", "2PC", "someone", "often", "hundreds of thousands", "the first"])
def test_a_name_and_a_vague_amount_are_no_numbers(text: str) -> None:
    assert values(text) == []


@pytest.mark.parametrize(("text", "measured"), [("2 ms", True), ("2ms", True), ("$2", True), ("2 %", True), ("2 services", False), ("2nd", False)])
def test_a_quantity_has_a_unit_and_a_count_has_none(text: str, measured: bool) -> None:
    assert [numeral.measured for numeral in numerals(text)] == [measured]
