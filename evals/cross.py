"""`python -m evals.cross`: an alternative that does not ship. A network reads a criterion together with a piece of talk (a cross-encoder).

It is trained on one half of the scenarios and reads, in the interviews of the other half, the pieces that the shipped kind of network finds
strongest for each criterion. Printed is what the estimator would reach on that half with it, without it, and with both.
"""

import os
import random
import sys
from collections.abc import Iterator

import numpy as np
import torch
import typer

from agent.errors import InterviewError
from agent.estimator import FEATURES
from agent.library import load_library
from agent.network import Network
from agent.text import overlap
from evals.dataset import LABELS
from evals.train import KNOWING, SEED, Reading, Trainer, halves, held_out, report, train
from evals.training import OVERLAP, Interview, Texts

MOST_TOKENS = 150  # of a criterion and a piece
STRONGEST = 4  # pieces of an interview that are read for a criterion
HARD, EASY = 2, 1  # pieces with the strongest readings, and others, that teach what does not meet a criterion nobody met
EPOCHS = 2


class Pairs:
    """Criteria joined with pieces, for a network with one head."""

    def __init__(self, trainer: Trainer) -> None:
        self._trainer = trainer
        self._asks = [f"{c.statement} {c.counts[0]}" for c in trainer.library.criteria.values()]
        self._order = random.Random(SEED)

    def joined(self, place: int, text: str) -> str:
        """One text; the tokenizer takes the mark between for its own."""
        return f"{self._asks[place]} [SEP] {text}"

    def spoken(self, reading: Reading) -> Iterator[tuple[str, int]]:
        """Of an interview: the pieces that hold deciding quotes, and for what nobody met pieces that come near, and others."""
        turns = {said.turn: said.text for said in reading.interview.said}
        for label in reading.interview.labels:
            place = self._trainer.criteria.index(label.criterion)
            if label.verdict == "not_observed":
                order = strongest(reading, place)
                chosen = [*order[:HARD], *self._order.sample(order[HARD:], min(EASY, len(order[HARD:])))]
            elif label.quote:
                quoted, text = label.quote, turns.get(label.turn or 0, "")
                chosen = [i for i, p in enumerate(reading.pieces) if p.turn == label.turn and overlap(quoted, p.text, text) >= OVERLAP]
            else:
                chosen = []
            yield from ((self.joined(place, reading.pieces[i].text), LABELS.index(label.verdict)) for i in chosen)


def strongest(reading: Reading, place: int) -> list[int]:
    """An interview's pieces, those first that speak most for a criterion."""
    return [int(i) for i in reading.logits[:, place].mean(axis=1).argsort()[::-1]]


def read_across(cross: Network, pairs: Pairs, reading: Reading, criteria: list[str]) -> list[list[float]]:
    """For each label of an interview the strongest and the mean reading, of "at least partial" and of "met"."""
    places = [criteria.index(label.criterion) for label in reading.interview.labels]
    read = [[pairs.joined(place, reading.pieces[i].text) for i in strongest(reading, place)[:STRONGEST]] for place in places]
    logits = cross.score([text for some in read for text in some])[:, 0].numpy()
    found = np.split(logits, np.cumsum([len(some) for some in read])[:-1])
    return [[*some.max(axis=0), *some.mean(axis=0)] for some in found]


def main() -> None:
    """Train both networks on one half, and print what each and both reach on the other."""
    torch.set_num_threads(os.cpu_count() or 1)
    trainer = Trainer(load_library())
    held = halves([one.scenario for one in trainer.spoken] + [s.scenario for _, s in trainer.written])[0]
    inside, outside = ([one for one in trainer.spoken if (one.scenario in held) == yes] for yes in (False, True))
    written = [(c, s) for c, s in trainer.written if s.scenario not in held]
    network = train(trainer.texts(inside, written, trainer.empty), len(trainer.criteria))
    pairs = Pairs(trainer)
    rows = [(pairs.joined(trainer.criteria.index(c), s.text), LABELS.index(s.labels[0])) for c, s in written]
    rows += [pair for one in inside for pair in pairs.spoken(Reading(network, one, trainer.rules, trainer.matcher))]
    typer.echo(f"Training on {len(rows)} pairs:")
    cross = train(Texts([text for text, _ in rows], np.array([[label] for _, label in rows], np.int8)), 1, EPOCHS, most=MOST_TOKENS)
    table, labels, groups = _read(network, cross, pairs, trainer, outside)
    own = list(range(table.shape[1] - 4, table.shape[1]))
    often = list(range(FEATURES, FEATURES + len(LABELS)))
    for name, columns in (("the cross-encoder", own + often), ("what ships", KNOWING["all"]), ("both", KNOWING["all"] + own)):
        typer.echo(f"Knowing {name}:")
        report(held_out(table[:, columns], labels, np.ones(len(labels)), groups), labels)


def _read(network: Network, cross: Network, pairs: Pairs, trainer: Trainer, some: list[Interview]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (those that ship, frequencies, the cross-encoder's), labels and scenarios of the labels of some interviews."""
    rows, labels, groups = [], [], []
    for one in some:
        prior = trainer.prior_without(one.scenario)
        reading = Reading(network, one, trainer.rules, trainer.matcher)
        for label, across in zip(one.labels, read_across(cross, pairs, reading, trainer.criteria), strict=True):
            rows.append(np.concatenate([trainer.row(reading, label, prior), across]))
            labels.append(LABELS.index(label.verdict))
            groups.append(one.scenario)
    return np.array(rows), np.array(labels), np.array(groups)


if __name__ == "__main__":
    try:
        typer.run(main)
    except InterviewError as error:
        sys.exit(f"Error: {error}")
