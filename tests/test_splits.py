"""The report split is for figures only: nothing that grades, asks or teaches names its scenarios."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from agent.library import Library
from agent.schema import Scenario
from evals.dataset import SHIPPED

ROOT = Path(__file__).parents[1]
SCANNED = (  # what prompts, rubrics, thresholds or the embedded grader are made of, and what is read while they are changed
    "agent/**/*",
    "page/**/*",
    "app.py",
    "prompts/**/*",
    "corpus/rubrics/*",
    "corpus/framework/*",
    "corpus/phrases.yaml",
    "corpus/*.py",
    "evals/*.py",
    "evals/executors/*.py",
    "evals/templates/*",
    "evals/retrieval/*",
    "evals/pairs/**/*",
    "evals/training/**/*",
    "evals/attacks/*",
)
READ = {".py", ".md", ".yaml", ".json", ".html", ".js", ".css", ".svg", ".txt"}
COMPANY = re.compile(r"^You work for ((?:[A-Z][\w'-]*\s?)+)")


def reported() -> list[str]:
    """The scenarios of the report split, as the index has them."""
    index = yaml.safe_load((SHIPPED / "index.yaml").read_text(encoding="utf-8"))
    return sorted({row["scenario"] for row in index.values() if row["split"] == "report"})


def company(scenario: Scenario) -> str:
    """The company of a brief; every brief begins with it."""
    found = COMPANY.match(scenario.brief)
    assert found is not None, f"{scenario.id}: the brief does not begin with 'You work for ...'"
    return found[1].strip()


def names_of(scenario: Scenario) -> Iterator[re.Pattern[str]]:
    """Id, title, thing with an article before it, and company, as patterns over text whose white space is one blank."""
    thing = re.sub(r"^(?:an?|the) ", "", scenario.thing)
    yield re.compile(rf"\b{re.escape(scenario.id)}\b", re.IGNORECASE)
    yield re.compile(re.escape(scenario.title), re.IGNORECASE)
    yield re.compile(rf"\b(?:an?|the|our|this|your) {re.escape(thing)}\b", re.IGNORECASE)
    yield re.compile(rf"\b{re.escape(company(scenario))}\b")


def files() -> list[Path]:
    found = [path for pattern in SCANNED for path in ROOT.glob(pattern) if path.is_file() and path.suffix in READ]
    return sorted(path for path in found if "__pycache__" not in path.parts)


def named_in(text: str, scenario: Scenario) -> list[str]:
    plain = " ".join(text.split())
    return [match[0] for pattern in names_of(scenario) for match in pattern.finditer(plain)]


def test_every_place_is_scanned_and_there_are_scenarios_to_look_for(library: Library) -> None:
    assert len(reported()) >= 2 and set(reported()) < set(library.scenarios)
    assert all(any(path.is_file() for path in ROOT.glob(pattern)) for pattern in SCANNED)
    assert len({company(library.scenario(name)) for name in reported()}) == len(reported())


@pytest.mark.parametrize("name", reported())
def test_no_scenario_of_the_report_split_is_named_in_code_prompts_or_exemplars(name: str, library: Library) -> None:
    scenario = library.scenario(name)
    found = {str(path.relative_to(ROOT)): named_in(path.read_text(encoding="utf-8"), scenario) for path in files()}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize("name", reported())
def test_a_name_is_found_in_any_of_its_forms(name: str, library: Library) -> None:
    scenario = library.scenario(name)
    broken = scenario.thing.replace(" ", "\n  ", 1)
    for text in (f"the case {scenario.id}-a", scenario.title.upper(), f"we want {broken}.", f"at {company(scenario)}'s office"):
        assert named_in(text, scenario), text
    assert not named_in("a URL shortener for a chat at Larkmail", scenario)


def test_no_case_of_the_report_split_is_named_either() -> None:
    index = yaml.safe_load((SHIPPED / "index.yaml").read_text(encoding="utf-8"))
    cases = [name for name, row in index.items() if row["split"] == "report"]
    texts = {path: path.read_text(encoding="utf-8") for path in files()}
    assert [(path, case) for path, text in texts.items() for case in cases if case in text] == []
