"""The table of graders is written from runs, and nowhere else."""

from pathlib import Path

import pytest

from agent.errors import ConfigurationError
from agent.library import Library
from evals.attacking import Outcome
from evals.board import BEGIN, END, HEAD, board, written
from evals.summary import agreement_of
from tests.eval_cases import graded_run, small_dataset


def test_a_row_has_the_figures_of_its_run_and_what_attacks_were_credited(tmp_path: Path, library: Library) -> None:
    run = graded_run(small_dataset(tmp_path, library), library, wrong=lambda case, name, _: name == "framing-time-plan")
    table = board([run], {run.title: [Outcome("a#1", "score", ("x",)), Outcome("a#2", "score")]})
    cells = [cell.strip() for cell in table.splitlines()[-1].strip("|").split("|")]
    assert len(cells) == HEAD[0].count("|") - 1
    found = agreement_of(run.rows)
    assert cells[0] == run.title and cells[1] == "3" and cells[8] == "1 of 2"
    assert cells[2].startswith(f"{found.kappa_of_judged:.2f} [") and cells[5] == "1.00"


def test_the_table_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "README.md"
    path.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    written("new", path)
    assert path.read_text() == f"before\n{BEGIN}\nnew\n{END}\nafter\n"


def test_a_file_without_a_place_for_it_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("nothing")
    with pytest.raises(ConfigurationError, match="graders"):
        written("new", tmp_path / "README.md")
