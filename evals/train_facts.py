"""`python -m evals.train_facts`: fits the reader of clarifying questions on evals/asks, and prints what it is worth on questions held out.

Never on evals/clarify, by which it is measured (`python -m evals clarify`).
"""

import sys
import time
from collections.abc import Sequence
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
from agent.fact_reader import EVIDENCE, NONE, TALK, WEIGHTS, Fitted, vectorizer, vectors, weighed, whole
from agent.facts import LIKELY, SURE
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
        if len(facts) < 2 or not asks.none:
            raise ConfigurationError(f"{folder / name}.yaml needs ways of asking for two facts at least, and questions that none of them answers.")
    talk = tuple(text for asks in (*found.values(), anywhere) for text in asks.talk)
    if not talk:
        raise ConfigurationError(f"{folder} holds no words that ask for nothing (`talk`): without them everything is a question.")
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
    """The likeliest fact of every example by a reader that has not seen it, what speaks for that, and what is asked for."""

    facts: Strings
    evidence: npt.NDArray[np.float32]
    wanted: Strings

    @property
    def right(self) -> npt.NDArray[np.bool_]:
        """Whether the likeliest fact is the one asked for."""
        return np.equal(self.facts, self.wanted)


def held_out(some: Examples) -> HeldOut:
    """Every example as it is read by a reader that has not seen it."""
    facts, evidence = some.wanted.copy(), np.zeros((len(some.wanted), EVIDENCE), np.float32)
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(some.vectors, some.wanted):
        reader, unseen = fitted(some.take(train)), some.take(test)
        facts[test], evidence[test] = reader.evidence(unseen.vectors, reader.logits(unseen.vectors, unseen.questions))
    return HeldOut(facts, evidence, some.wanted)


def trust(seen: Sequence[HeldOut]) -> npt.NDArray[np.float32]:
    """How far each kind of evidence counts, and a constant: logistic regression of whether the likeliest fact is the one asked for, over all
    that a candidate says: also what no fact answers, and what asks for nothing."""
    evidence, right = np.vstack([one.evidence for one in seen]), np.hstack([one.right for one in seen])
    scale = evidence.std(axis=0)
    model = LogisticRegression(max_iter=1000).fit(evidence / scale, right)
    return np.append(model.coef_[0] / scale, model.intercept_).astype(np.float32)


def save(readers: dict[str, Fitted], out: Path) -> None:
    """Write the readers of all scenarios to one file."""
    tensors = {name: value for scenario, reader in readers.items() for name, value in reader.tensors(scenario).items()}
    save_file(tensors, str(out), {scenario: reader.listed() for scenario, reader in readers.items()})


def main(out: Annotated[Path, typer.Option(help="Where the weights are written.")] = WEIGHTS) -> None:
    """Fit, print the figures, write the weights."""
    started, library, encoder = time.monotonic(), load_library(), Encoder()
    readers: dict[str, Fitted] = {}
    unseen: dict[str, HeldOut] = {}
    for name, asks in read_asks(library).items():
        some = examples(encoder, library.scenario(name), asks)
        readers[name], unseen[name] = fitted(some), held_out(some)
    typer.echo("Each read by a reader that has not seen it, and trusted as far as in the other problems:")
    odds = {}
    for name, one in unseen.items():
        odds[name] = weighed(one.evidence, trust([other for where, other in unseen.items() if where != name]))
        typer.echo(f"{name}: {_outcomes([one], odds[name])}")
    typer.echo(f"all {sum(len(one.wanted) for one in unseen.values())}: {_outcomes(list(unseen.values()), np.hstack(list(odds.values())))}")
    counts = trust(list(unseen.values()))
    save({name: replace(reader, trust=counts) for name, reader in readers.items()}, out)
    typer.echo(f"{out.stat().st_size / 1e6:.1f} MB written in {time.monotonic() - started:.0f} s")


def _outcomes(unseen: Sequence[HeldOut], odds: npt.NDArray[np.float32]) -> str:
    """What the odds lead to, by what is asked for: a fact told (at SURE or more), asked back about (at LIKELY or more), or neither."""
    right, wanted = np.hstack([one.right for one in unseen]), np.hstack([one.wanted for one in unseen])
    sure, likely = odds >= SURE, (odds >= LIKELY) & (odds < SURE)
    of = {"facts": (wanted != NONE) & (wanted != TALK), "no fact": wanted == NONE, "talk": wanted == TALK}
    parts = [f"told {_share(sure & right, of['facts'])}, another {_share(sure & ~right, of['facts'])}, asked back {_share(likely, of['facts'])}"]
    parts += [f"told {_share(sure, of[kind])}, asked back {_share(likely, of[kind])}" for kind in ("no fact", "talk")]
    return "; ".join(f"{kind}: {part}" for kind, part in zip(of, parts, strict=True))


def _share(some: npt.NDArray[np.bool_], among: npt.NDArray[np.bool_]) -> str:
    return f"{some[among].mean():.1%}"


if __name__ == "__main__":
    try:
        typer.run(main)
    except InterviewError as error:
        sys.exit(f"Error: {error}")
