"""What interviewers like to ask about is learned from rankings, and kept in the rubrics without touching anything else."""

import shutil
from pathlib import Path

import pytest

from agent.assembly import Parts
from agent.errors import ConfigurationError
from agent.library import SHIPPED, load_library
from evals.train_aims import MOST, Ranking, fitted, held_out, read_rankings, write_interests


def rankings(*orders: str, worth: float = 0.0) -> list[Ranking]:
    """One ranking a scenario; the best first, which is worth as much as the others but for `worth`."""
    return [Ranking(f"scenario-{n}", tuple(order), (worth, *[0.0] * (len(order) - 1))) for n, order in enumerate(orders)]


def test_what_ranks_first_is_of_more_interest_than_what_ranks_last() -> None:
    found = fitted(rankings(*["abc"] * 4))
    assert found["a"] > 1 > found["c"]
    assert found["a"] > found["b"] > found["c"]


def test_interest_stays_within_its_bounds_however_often_something_ranks_first() -> None:
    found = fitted(rankings(*["ab"] * 200))
    assert found["a"] == MOST
    assert found["b"] == pytest.approx(1 / MOST, abs=0.01)


def test_what_weight_and_tier_explain_needs_no_interest() -> None:
    assert fitted(rankings(*["ab"] * 4, worth=5.0))["a"] < fitted(rankings(*["ab"] * 4))["a"]


def test_rankings_that_agree_are_foretold_and_rankings_that_do_not_are_not() -> None:
    assert held_out(rankings(*["abcd"] * 12)) == 1.0
    assert held_out(rankings(*["abcd", "dcba"] * 6)) < 0.8


def test_interests_are_written_and_all_else_in_the_rubrics_stays(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED, tmp_path / "corpus")
    path = tmp_path / "corpus" / "rubrics" / "6-data.yaml"
    before = [line for line in path.read_text(encoding="utf-8").splitlines() if "    interest: " not in line]
    for _ in range(2):  # the second time changes nothing
        write_interests({"store-fits-access": 2.5}, tmp_path / "corpus")
    assert [line for line in path.read_text(encoding="utf-8").splitlines() if "    interest: " not in line] == before
    read = load_library(tmp_path / "corpus").criteria
    assert (read["store-fits-access"].interest, read["record-keys-queries"].interest) == (2.5, 1.0)


def test_what_is_worth_the_same_is_not_taken_for_foretold() -> None:
    assert [Ranking("s", tuple(order), (0.0, 0.0)).won({}) for order in ("xy", "yx")] == [0.0, 1.0]


def test_rankings_of_one_problem_do_not_tell_what_they_are_worth_elsewhere() -> None:
    with pytest.raises(ConfigurationError, match="one problem"):
        held_out([Ranking("s", ("a", "b"), (0.0, 0.0))])


def test_a_ranking_is_joined_with_what_had_been_said_by_then(parts: Parts, tmp_path: Path) -> None:
    (tmp_path / "some.yaml").write_text("leaderboard-a-4: [scope-personas-goals, scope-latency-throughput-target]\n")
    (found,) = read_rankings(parts, tmp_path)
    assert (found.scenario, found.criteria) == ("leaderboard", ("scope-personas-goals", "scope-latency-throughput-target"))
    assert len(set(found.worth)) == 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("leaderboard-a-400: [scope-personas-goals, scope-locales]", "a turn that no candidate"),
        ("leaderboard-a-4: [scope-personas-goals, store-fits-access]", "store-fits-access, not of section 1"),
        ("leaderboard-a-4: [scope-locales, scope-locales]", "stands twice"),
        (None, "no rankings"),
    ],
)
def test_rankings_that_cannot_be_used_say_why(parts: Parts, tmp_path: Path, text: str | None, complaint: str) -> None:
    if text is not None:
        (tmp_path / "some.yaml").write_text(text + "\n")
    with pytest.raises(ConfigurationError, match=complaint):
        read_rankings(parts, tmp_path)
