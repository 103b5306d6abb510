"""Minutes come from the framework and scale with the chosen length."""

import pytest

from agent.clock import as_clock, divide, spoken
from agent.library import Library


def test_forty_five_minutes_are_the_frameworks_and_the_last_two_sections_share_ten(library: Library) -> None:
    budget = divide(library.sections, 45)
    assert {name: seconds / 60 for name, seconds in budget.planned.items()} == {
        "0": 1, "1": 5, "2": 3, "3": 3, "4": 3, "5": 10, "6": 5, "7": 5, "8": 5, "9": 5,
    }  # fmt: skip


@pytest.mark.parametrize("minutes", [15, 30, 45, 60, 90])
def test_the_sections_fill_any_length(library: Library, minutes: float) -> None:
    assert sum(divide(library.sections, minutes).planned.values()) == pytest.approx(60 * minutes)


def test_what_is_saved_early_goes_to_the_sections_as_time_allows(library: Library) -> None:
    budget = divide(library.sections, 45)
    assert budget.on_opening("7", 20 * 60) == 5 * 60
    assert budget.on_opening("8", 25 * 60) == 10 * 60
    assert budget.on_opening("9", 30 * 60) == 15 * 60


def test_what_is_overrun_is_taken_from_the_sections_as_time_allows(library: Library) -> None:
    budget = divide(library.sections, 45)
    assert budget.on_opening("8", 41 * 60) == 2 * 60
    assert budget.on_opening("7", 43 * 60) == 2 * 60


def test_a_practice_of_two_sections_fills_its_length(library: Library) -> None:
    two = [library.section("5"), library.section("8")]
    planned = divide(two, 10).planned
    assert sum(planned.values()) == pytest.approx(600)
    assert planned["5"] == pytest.approx(2 * planned["8"])


def test_time_reads_as_a_person_says_it() -> None:
    assert [spoken(s) for s in (170, 60, 30, 5)] == ["about 3 minutes", "about a minute", "about half a minute", "a few seconds"]
    assert [as_clock(s) for s in (192.9, 0, -3)] == ["3:12", "0:00", "0:00"]


@pytest.mark.parametrize("section", ["7", "8"])
def test_a_section_that_opens_after_the_end_gets_no_time_and_not_less(library: Library, section: str) -> None:
    assert divide(library.sections, 45).on_opening(section, 46 * 60) == 0


def test_a_section_as_time_allows_leaves_the_sections_after_it_their_time(library: Library) -> None:
    budget = divide([library.section("8"), library.section("5"), library.section("6")], 20)
    assert budget.on_opening("8", 0) == pytest.approx(budget.planned["8"])
    assert budget.on_opening("8", 19 * 60) == 0
