"""`python -m evals.train_facts`: fits the reader of clarifying questions on evals/asks, and prints what it is worth on questions held out.

Never on evals/clarify, by which it is measured (`python -m evals clarify`).
"""

import sys
import time
from dataclasses import dataclass, replace
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
from agent.fact_reader import NONE, TALK, WEIGHTS, Fitted, vectorizer, vectors, whole
from agent.library import Library, load_library
from agent.schema import Scenario, Text, Value
from agent.text import sentences
from evals.files import read_value

ASKS = Path(__file__).with_name("asks")
ANYWHERE = "any-problem"  # the file of questions that no problem's facts answer
STRENGTH = 10.0  # inverse of the regularisation
WORDS = 1.5  # share of the words beside the vectors; this and the next were chosen on the four problems of the tune split
NONE_WEIGHT, TALK_WEIGHT = 0.5, 0.15  # there are eight and fourteen times as many of these as ways of asking for a fact
FOLDS, SEED = 5, 7
Strings = npt.NDArray[np.str_]


class Asks(Value):
    """Ways of asking about one scenario: for each fact; for what no fact answers; and words that only look like a question."""

    facts: dict[Text, tuple[Text, ...]] = {}
    none: tuple[Text, ...] = ()
    talk: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Examples:
    """What one scenario's reader is fitted on: questions with what led to them, their vectors, and what they ask for."""

    questions: list[tuple[str, str]]
    vectors: Vectors
    wanted: Strings

    def take(self, places: npt.NDArray[np.int64]) -> "Examples":
        """Some of them."""
        return Examples([self.questions[place] for place in places], self.vectors[places], self.wanted[places])


def read_asks(library: Library, folder: Path = ASKS) -> dict[str, Asks]:
    """Scenario -> ways of asking; what asks for no fact anywhere is added to each.

    ConfigurationError for a file that cannot be read or whose facts are not the scenario's.
    """
    found = {path.stem: read_value(path, Asks) for path in sorted(folder.glob("*.yaml"))}
    anywhere = found.pop(ANYWHERE, Asks())
    for name, asks in found.items():
        facts = {fact.id for fact in library.scenario(name).facts}
        if other := sorted(facts.symmetric_difference(asks.facts)):
            raise ConfigurationError(f"{folder / name}.yaml and the scenario do not have the same facts: {', '.join(other)}.")
    talk = tuple(text for asks in (*found.values(), anywhere) for text in asks.talk)
    return {name: Asks(facts=asks.facts, none=(*asks.none, *anywhere.none), talk=talk) for name, asks in found.items()}


def examples(encoder: Encoder, scenario: Scenario, asks: Asks) -> Examples:
    """The ways of asking, and the scenario's own, as vectors with what they ask for."""
    rows = [(fact.id, ask) for fact in scenario.facts for ask in (*fact.asks, *asks.facts[fact.id])]
    rows += [(NONE, ask) for ask in asks.none] + [(TALK, text) for text in asks.talk]
    questions = [_parted(text) for _, text in rows]
    return Examples(questions, vectors(encoder, questions), np.array([wanted for wanted, _ in rows]))


def _parted(text: str) -> tuple[str, str]:
    """What leads to a question, and the question: its last sentence."""
    *lead, question = sentences(text)
    return " ".join(lead), question


def fitted(some: Examples) -> Fitted:
    """The reader of one scenario: two classifiers, one of vectors and one of words, whose logits are added."""
    weight = np.select([some.wanted == NONE, some.wanted == TALK], [NONE_WEIGHT, TALK_WEIGHT], 1.0)
    by_vector = LogisticRegression(C=STRENGTH, max_iter=1000).fit(some.vectors, some.wanted, weight)
    words = vectorizer()
    by_words = LogisticRegression(C=STRENGTH, max_iter=1000).fit(words.fit_transform(whole(some.questions)), some.wanted, weight)
    weights = np.hstack([by_vector.coef_, WORDS * by_words.coef_])
    asking, classes = some.wanted != TALK, by_vector.classes_
    known, answers = some.vectors[asking, some.vectors.shape[1] // 2 :], np.searchsorted(classes, some.wanted[asking])
    return Fitted(tuple(classes.tolist()), words, weights, by_vector.intercept_ + WORDS * by_words.intercept_, known, answers)


@dataclass(frozen=True)
class HeldOut:
    """What every example is read as by a reader that has not seen it; its likeliest fact, and what speaks for that."""

    read: Strings
    facts: Strings
    evidence: npt.NDArray[np.float32]


def held_out(some: Examples) -> HeldOut:
    """Every example as it is read by a reader that has not seen it."""
    found = HeldOut(some.wanted.copy(), some.wanted.copy(), np.zeros((len(some.wanted), 4), np.float32))
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(some.vectors, some.wanted):
        reader, unseen = fitted(some.take(train)), some.take(test)
        logits = reader.logits(unseen.vectors, unseen.questions)
        found.read[test] = np.array(reader.classes)[logits.argmax(axis=1)]
        found.facts[test], found.evidence[test] = reader.evidence(unseen.vectors, logits)
    return found


def trust(evidence: npt.NDArray[np.float32], right: npt.NDArray[np.bool_]) -> npt.NDArray[np.float32]:
    """How far each kind of evidence counts, and a constant: logistic regression of whether the likeliest fact was the one asked for."""
    scale = evidence.std(axis=0)
    model = LogisticRegression().fit(evidence / scale, right)
    return np.append(model.coef_[0] / scale, model.intercept_).astype(np.float32)


def save(readers: dict[str, Fitted], out: Path) -> None:
    """Write the readers of all scenarios to one file."""
    tensors = {name: value for scenario, reader in readers.items() for name, value in reader.tensors(scenario).items()}
    save_file(tensors, str(out), {scenario: reader.listed() for scenario, reader in readers.items()})


def main(out: Annotated[Path, typer.Option(help="Where the weights are written.")] = WEIGHTS) -> None:
    """Fit, print the figures, write the weights."""
    started, library, encoder = time.monotonic(), load_library(), Encoder()
    readers: dict[str, Fitted] = {}
    rows, evidence, right = [], [], []
    for name, asks in read_asks(library).items():
        some = examples(encoder, library.scenario(name), asks)
        unseen, asking = held_out(some), some.wanted != TALK
        rows.append(np.column_stack([unseen.read == some.wanted, some.wanted == NONE, some.wanted == TALK]))
        evidence.append(unseen.evidence[asking])
        right.append((unseen.facts == some.wanted)[asking])
        readers[name] = fitted(some)
        typer.echo(f"{name}: {_rights(rows[-1])}")
    typer.echo(f"all {sum(map(len, rows))}, each read by a reader that has not seen it: {_rights(np.vstack(rows))}")
    counts = trust(np.vstack(evidence), np.hstack(right))
    save({name: replace(reader, trust=counts) for name, reader in readers.items()}, out)
    typer.echo(f"{out.stat().st_size / 1e6:.1f} MB written in {time.monotonic() - started:.0f} s")


def _rights(rows: npt.NDArray[np.bool_]) -> str:
    """Shares that are read rightly, by what is asked for."""
    right, none, talk = rows.T
    return f"facts {right[~none & ~talk].mean():.3f}, none {right[none].mean():.3f}, talk {right[talk].mean():.3f} right"


if __name__ == "__main__":
    try:
        typer.run(main)
    except InterviewError as error:
        sys.exit(f"Error: {error}")
