"""Blind comparisons: both orders, nothing that tells which is ours, and figures that count what judges said; and the bot that is compared with."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from agent.assembly import Parts
from agent.candidate import Scripted
from agent.errors import ModelUnavailable
from agent.library import Library
from agent.personas import Cast
from evals.dataset import Dataset
from evals.preference import FOLDER, Pair, app, follow_up_pairs, items, read_pairs, won
from evals.template_bot import FOLLOW_UPS, TemplateBot
from tests.eval_cases import CASES, small_dataset

PAIRS = [Pair(id=f"p-{n}", context="Candidate: I shard by user.", ours=f"Why by user {n}?", other=f"What is cached {n}?") for n in range(5)]


def kept(folder: Path, **passes: dict[str, str]) -> Path:
    (folder / "pairs.yaml").write_text(yaml.safe_dump([pair.model_dump() for pair in PAIRS]))
    for name, judged in passes.items():
        (folder / f"{name.replace('_', '-')}.yaml").write_text(yaml.safe_dump(judged))
    return folder


def run(*words: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, list(words))
    return found.exit_code, found.output + str(found.exception or "")


def judged(choose: str, other: str) -> dict[str, str]:
    return {f"{pair.id}/1": choose for pair in PAIRS} | {f"{pair.id}/2": other for pair in PAIRS}


def test_every_pair_is_shown_once_in_each_order() -> None:
    shown = items(PAIRS, seed=3)
    assert sorted(item for item, _ in shown) == sorted(f"{pair.id}/{order}" for pair in PAIRS for order in "12")
    assert {pair.id for _, pair in shown[:5]} == {pair.id for pair in PAIRS}, "the two orders of a pair are far apart"
    assert items(PAIRS, seed=3) == shown and items(PAIRS, seed=4) != shown


def test_ours_is_a_in_the_first_order_and_b_in_the_second() -> None:
    assert won({"p-1/1": "A", "p-1/2": "B", "p-2/1": "B", "p-2/2": "tie"}) == {"p-1": [1.0, 1.0], "p-2": [0.0, 0.5]}


def test_a_sheet_shows_both_and_does_not_say_which_is_ours(tmp_path: Path) -> None:
    code, text = run("sheet", str(kept(tmp_path)))
    assert code == 0 and text.count("--- A") == 10 and "ours" not in text
    first = text.split("=== p-3/1")[1].split("===")[0]
    assert first.index("Why by user 3?") < first.index("What is cached 3?") and "I shard by user." in first
    second = text.split("=== p-3/2")[1].split("===")[0]
    assert second.index("What is cached 3?") < second.index("Why by user 3?")


def test_figures_count_what_the_judges_said(tmp_path: Path) -> None:
    code, text = run("figures", str(kept(tmp_path, pass_1=judged("A", "B"), pass_2=judged("A", "A"))))
    assert code == 0
    assert "pass-1: ours preferred in 100.0% [100.0%, 100.0%]; the same in both orders 100%" in text
    assert "pass-2: ours preferred in 50.0% [50.0%, 50.0%]; the same in both orders 0%" in text
    assert "together: ours preferred in 75.0%" in text and "agree on 50% of the items" in text


def test_figures_need_judgements_of_every_pair_in_both_orders(tmp_path: Path) -> None:
    assert "has no judgements" in run("figures", str(kept(tmp_path)))[1]
    half = {f"{pair.id}/1": "A" for pair in PAIRS}
    assert "must judge each pair in both orders" in run("figures", str(kept(tmp_path, pass_1=half)))[1]


async def test_pairs_of_follow_ups_are_two_questions_on_open_criteria_of_the_section(parts: Parts, library: Library, tmp_path: Path) -> None:
    dataset: Dataset = small_dataset(tmp_path, library)
    assert dataset.cases and CASES
    found = await follow_up_pairs(parts, str(tmp_path), 3)
    assert found and all(pair.ours != pair.other and pair.context.startswith("Interviewer: ") for pair in found)
    assert all("Candidate: " in pair.context for pair in found)
    assert found == await follow_up_pairs(parts, str(tmp_path), 3), "the same seed makes the same pairs"


async def test_the_template_bot_asks_the_bank_in_order_whatever_is_said(library: Library) -> None:
    scenario = library.scenario("team-chat")
    candidate = Cast().candidate("mid", scenario)
    found = await TemplateBot(library, scenario, "senior", 45.0).interview(candidate)
    order = list(found.sections_reached)
    assert order == sorted(order) and len(order) == 10
    asked = [turn.text for turn in found.turns if turn.speaker == "interviewer" and turn.section == "7"]
    bank = [criterion.follow_ups[0] for criterion in library.rubrics["7"].criteria]
    assert asked[1:] == bank[: len(asked) - 1] and len(asked) <= FOLLOW_UPS + 1
    assert found.turns[-1].at <= 45 * 60 + 180
    with pytest.raises(ModelUnavailable):
        await TemplateBot(library, scenario, "senior", 45.0).interview(Scripted({"0": [" "]}))


def test_the_judgements_that_ship_are_complete() -> None:
    for folder in sorted(path for path in FOLDER.iterdir() if path.is_dir()):
        assert read_pairs(folder) and run("figures", folder.name)[0] == 0
