"""`python -m evals.train_facts`: fits the reader of clarifying questions on evals/asks, and prints what it is worth on questions held out.

Never on evals/clarify, by which it is measured (`python -m evals clarify`).
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer
from safetensors.numpy import save_file
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from agent.encoder import Encoder, Vectors
from agent.errors import ConfigurationError, InterviewError
from agent.fact_reader import NONE, TALK, WEIGHTS, features
from agent.library import Library, load_library
from agent.schema import Scenario, Text, Value
from agent.text import sentences
from evals.files import read_value

ASKS = Path(__file__).with_name("asks")
STRENGTH = 10.0  # inverse of the regularisation
FOLDS, SEED = 5, 7


class Asks(Value):
    """Ways of asking about one scenario: for each fact; for what no fact answers; and words that only look like a question."""

    facts: dict[Text, tuple[Text, ...]]
    none: tuple[Text, ...]
    talk: tuple[Text, ...]


@dataclass(frozen=True)
class Examples:
    """What one scenario's reader is fitted on."""

    vectors: Vectors
    wanted: npt.NDArray[np.str_]


def read_asks(library: Library, folder: Path = ASKS) -> dict[str, Asks]:
    """Scenario -> ways of asking. ConfigurationError for a file that cannot be read or whose facts are not the scenario's."""
    found = {}
    for path in sorted(folder.glob("*.yaml")):
        asks, facts = read_value(path, Asks), {fact.id for fact in library.scenario(path.stem).facts}
        if other := sorted(facts.symmetric_difference(asks.facts)):
            raise ConfigurationError(f"{path} and the scenario do not have the same facts: {', '.join(other)}.")
        found[path.stem] = asks
    return found


def examples(encoder: Encoder, scenario: Scenario, asks: Asks) -> Examples:
    """The ways of asking, and the scenario's own, as vectors with what they ask for."""
    rows = [(fact.id, ask) for fact in scenario.facts for ask in (*fact.asks, *asks.facts[fact.id])]
    rows += [(NONE, ask) for ask in asks.none] + [(TALK, text) for text in asks.talk]
    return Examples(features(encoder, [_parted(text) for _, text in rows]), np.array([wanted for wanted, _ in rows]))


def _parted(text: str) -> tuple[str, str]:
    """What leads to a question, and the question: its last sentence."""
    *lead, question = sentences(text)
    return " ".join(lead), question


def fitted(some: Examples) -> LogisticRegression:
    """The classifier of one scenario."""
    return LogisticRegression(C=STRENGTH, max_iter=1000).fit(some.vectors, some.wanted)


def held_out(some: Examples) -> npt.NDArray[np.str_]:
    """What every example is read as by a classifier that has not seen it."""
    found = some.wanted.copy()
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(some.vectors, some.wanted):
        found[test] = fitted(Examples(some.vectors[train], some.wanted[train])).predict(some.vectors[test])
    return found


def main(out: Annotated[Path, typer.Option(help="Where the weights are written.")] = WEIGHTS) -> None:
    """Fit, print the figures, write the weights."""
    started, library, encoder = time.monotonic(), load_library(), Encoder()
    tensors: dict[str, npt.NDArray[np.float16]] = {}
    classes: dict[str, str] = {}
    rights: list[npt.NDArray[np.bool_]] = []
    for name, asks in read_asks(library).items():
        some = examples(encoder, library.scenario(name), asks)
        rights.append(np.column_stack([held_out(some) == some.wanted, some.wanted == NONE, some.wanted == TALK]))
        model = fitted(some)
        tensors[f"{name}/weights"] = model.coef_.astype(np.float16, order="C")  # what is saved is the memory as it lies
        tensors[f"{name}/bias"] = model.intercept_.astype(np.float16)
        classes[name] = " ".join(model.classes_)
        right, none, talk = rights[-1].T
        typer.echo(f"{name}: of facts {right[~none & ~talk].mean():.3f}, none {right[none].mean():.3f}, talk {right[talk].mean():.3f} read rightly")
    right, none, talk = np.vstack(rights).T
    typer.echo(f"all {len(right)}: of facts {right[~none & ~talk].mean():.3f}, none {right[none].mean():.3f}, talk {right[talk].mean():.3f}")
    save_file(tensors, str(out), classes)
    typer.echo(f"{out.stat().st_size / 1e6:.1f} MB written in {time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    try:
        typer.run(main)
    except InterviewError as error:
        sys.exit(f"Error: {error}")
