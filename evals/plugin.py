"""A pytest plugin: every blessed run is a test. It is replayed offline, and fails when the prompts became worse or were not recorded."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.errors import InterviewError
from agent.library import load_library
from agent.settings import load_settings
from evals import harness
from evals.baseline import BASELINES, Replay, replay


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take the files of evals/baselines for tests."""
    if file_path.suffix == ".json" and file_path.parent.name == BASELINES.name:
        return Baseline.from_parent(parent, path=file_path)
    return None


class Baseline(pytest.File):
    """A blessed run."""

    def collect(self) -> Iterator[pytest.Item]:
        """One test: the prompts of now are no worse."""
        yield NoWorse.from_parent(self, name="no_worse_than_blessed")


class NoWorse(pytest.Item):
    """Grades the baseline's cases again and compares."""

    def runtest(self) -> None:
        """Fail with what to do."""
        store = harness.open_store()
        try:
            found = replay(self.path, load_library(), store, load_settings())
        except InterviewError as error:
            raise Regression(str(error)) from error
        finally:
            store.close()
        if found.missing:
            raise Regression(_unrecorded(found))
        if found.compared is not None and not found.passes:
            raise Regression(f"{found.compared.comparison.sentence} {len(found.compared.flips)} verdicts flipped.")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """The reason alone; a traceback would say nothing more."""
        if isinstance(excinfo.value, Regression):
            return str(excinfo.value)
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where it is shown."""
        return self.path, None, f"{self.path.stem}: no worse than blessed"


class Regression(Exception):
    """The prompts do not pass."""


def _unrecorded(found: Replay) -> str:
    first = "\n  ".join(found.missing[:5])
    more = f"\n  ... and {len(found.missing) - 5} more" if len(found.missing) > 5 else ""
    return (
        f"{len(found.missing)} gradings have no recording: a prompt, a case or the rubric was edited.\n  {first}{more}\n"
        f"Make them with an endpoint, look at the comparison, and commit them:\n  {found.command}"
    )
