"""`python -m evals.train`: trains the embedded grader and prints what it is worth on scenarios that it has not seen.

Two networks are trained on one half of the scenarios each and read the other half; the estimator is fitted on these readings, so that
its chances are those of words that the network has not seen. Then one network is trained on everything, and shipped.
"""

import json
import math
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import torch
import typer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score, f1_score
from torch import nn

from agent.classifier import CRITERIA, NETWORK, Logits, wording
from agent.classifier import WEIGHTS as SHIPPED
from agent.encoder import Encoder, base_model
from agent.errors import InterviewError
from agent.estimator import FEATURES, NOTHING_SAID, WEIGHTS, readings
from agent.evidence import Rules
from agent.library import Library, load_library
from agent.matcher import Matcher
from agent.network import FROZEN, MOST_TOKENS, Network
from agent.schema import Criterion
from agent.text import around, overlap
from evals.dataset import LABELS
from evals.metrics import calibration
from evals.training import UNKNOWN, Interview, Labelled, Statement, Texts, chatter, interviews, statements, texts_of

SEED = 7
EPOCHS, BATCH = 3, 32
LAYERS = 6  # of MiniLM
RATE, HEAD_RATE = 1e-4, 3e-3
HALF = bool(torch.cpu.get_capabilities().get("avx512_bf16"))  # half precision halves the time, on processors that have it
POSITIVE = 3.0  # weight of a label that gives credit: most labels give none
SMOOTHING = 4.0  # interviews' worth of the mean that a criterion's own frequencies are mixed with
COVERAGE = 0.7  # share of verdicts that are given, on the halves; the others are unclear
PIECE_FLOOR, QUOTE_FLOOR = 0.005, 0.01  # share of deciding quotes that each floor may cost under which words show nothing
FEWEST = 10  # texts with a label, one of them with credit, that a criterion needs to be known afterwards
NEGATIVE = 0.15  # weight of a statement that earns nothing, as an answer of its own, beside an interview's criterion
ATTACKS = ("refusal", "name_drop", "question", "off_topic")  # kinds of statements of which at most 5 % may count as met

# What the estimator could know: the columns of its features. The last is what ships; the others say what each part is worth.
_LIKENESS, _OFTEN = list(range(6, FEATURES)), list(range(FEATURES, FEATURES + len(LABELS)))
KNOWING = {
    "only how often interviews show a criterion": _OFTEN,
    "that, and likeness to its words, examples and near misses": _LIKENESS + _OFTEN,
    "that, and the network's readings": list(range(6)) + _OFTEN,
    "all": list(range(6)) + _LIKENESS + _OFTEN,
}

Array = npt.NDArray[np.float64]


def train(data: Texts, criteria: int, epochs: int = EPOCHS, frozen: int = FROZEN, most: int = MOST_TOKENS) -> Network:
    """A network fitted to the labels that are known. The same data gives the same network on the same machine. `frozen`: lower layers that are
    left as they are; `most`: tokens of a text."""
    torch.manual_seed(SEED)
    order = random.Random(SEED)
    network, labels = Network(base_model(), criteria, frozen, most), torch.tensor(data.labels)
    upper = [value for value in network.encoder.parameters() if value.requires_grad]
    groups: list[dict[str, Any]] = [{"params": upper, "lr": RATE}, {"params": network.head.parameters(), "lr": HEAD_RATE}]
    steps = epochs * math.ceil(len(data.texts) / BATCH)
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min((step + 1) / 100, max(0.0, (steps - step) / steps)))
    for epoch in range(epochs):
        started, total = time.monotonic(), 0.0
        batches = list(network.batches(data.texts, order.sample(range(len(data.texts)), len(data.texts)), BATCH))
        order.shuffle(batches)
        network.train()
        for places, tokens in batches:
            with torch.autocast("cpu", torch.bfloat16, enabled=HALF):
                logits = network(tokens)
            loss = _loss(logits.float(), labels[places])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            total += loss.item()
        typer.echo(f"  epoch {epoch + 1} of {epochs}: loss {total / len(batches):.3f}, {time.monotonic() - started:.0f} s")
    return network


def _loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    known = (labels != UNKNOWN).float()[..., None]
    wanted = torch.stack([labels >= 1, labels >= 2], dim=-1).float()
    losses = nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none", pos_weight=torch.tensor(POSITIVE))
    return (losses * known).sum() / len(labels) / 2


class Reading:
    """What a network that has not seen an interview's scenario reads in it."""

    def __init__(self, network: Network, one: Interview, rules: Rules, matcher: Matcher) -> None:
        self.interview, self.pieces = one, one.pieces(rules)
        texts = [piece.text for piece in self.pieces]
        self.logits = network.score(texts).numpy()
        self._rules = rules
        self._likeness = {section: matcher.likeness(section, texts) for section in {label.section for label in one.labels}}
        sections = {said.turn: said.section for said in one.said}
        self._sections = np.array([sections[piece.turn] for piece in self.pieces])

    def features(self, place: int, number: int, criterion: Criterion, section: str) -> Array:
        """The features of a criterion: `place` among all of them, `number` in its section."""
        allowed = [i for i, piece in enumerate(self.pieces) if self._rules.about(piece.text, criterion)]
        return readings(self._sections == section, self.logits[:, place], self._likeness[section], number, allowed).features

    def strongest(self) -> Iterator[float]:
        """Of every deciding quote the strongest reading, of any criterion, among the pieces that hold it."""
        for _, quote, turn, text in self._quoted:
            held = [i for i, piece in enumerate(self.pieces) if piece.turn == turn and overlap(quote, piece.text, text) > 0]
            if held:
                yield float(self.logits[held].mean(axis=2).max())

    def quotes(self, network: Network, criteria: Sequence[str]) -> Iterator[float]:
        """Of every deciding quote the reading of its criterion, as a quote of a model's is read: by itself and in its sentences."""
        read = network.score([text for _, quote, _, whole in self._quoted for text in (quote, around(quote, whole))]).numpy().mean(axis=2)
        for (criterion, *_), both in zip(self._quoted, read.reshape(-1, 2, read.shape[1]), strict=True):
            yield float(both[:, criteria.index(criterion)].max())

    @property
    def _quoted(self) -> list[tuple[str, str, int, str]]:
        """The deciding quotes: criterion, quote, turn and its text."""
        turns = {said.turn: said.text for said in self.interview.said}
        found = [(label.criterion, label.quote or "", label.turn or 0) for label in self.interview.labels]
        return [(*one, turns[one[2]]) for one in found if one[1] and one[1] in turns.get(one[2], "")]


def frequencies(spoken: Sequence[Interview], criteria: Sequence[str]) -> Array:
    """How often interviews show a criterion not, half or wholly: (criteria, 3), smoothed towards the mean of all criteria."""
    place = {criterion: number for number, criterion in enumerate(criteria)}
    counts = np.zeros((len(criteria), len(LABELS)))
    for one in spoken:
        for label in one.labels:
            counts[place[label.criterion], LABELS.index(label.verdict)] += 1
    mean = counts.sum(axis=0) / counts.sum()
    found: Array = (counts + SMOOTHING * mean) / (counts.sum(axis=1, keepdims=True) + SMOOTHING)
    return found


def halves(scenarios: Sequence[str]) -> list[set[str]]:
    """The scenarios in two halves."""
    ordered = sorted(set(scenarios))
    return [set(ordered[::2]), set(ordered[1::2])]


class Trainer:
    """Trains and fits; holds what both need."""

    def __init__(self, library: Library) -> None:
        self.library, self.rules = library, Rules(library)
        self.matcher = Matcher(library, Encoder(), self.rules)
        self.criteria = list(library.criteria)
        self.section_of = {c.id: section for section, rubric in library.rubrics.items() for c in rubric.criteria}
        self.spoken, self.written, self.empty = interviews(library), statements(library), chatter()
        self.rows: list[tuple[Array, int, float, str]] = []  # features with log frequencies, label, weight, scenario
        self.pieces: list[float] = []  # strongest readings of the pieces that hold deciding quotes
        self.quotes: list[float] = []  # readings of deciding quotes by themselves, of their criterion
        self.chatter: list[Array] = []  # readings of what shows nothing, of every criterion
        self.kinds: list[tuple[str, int | None]] = []  # kind of a statement that earns nothing, and its row; None: it is no evidence at all

    def cross_read(self, frozen: int = FROZEN) -> None:
        """Train a network on each half of the scenarios and read the other half with it."""
        for half, held in enumerate(halves([one.scenario for one in self.spoken] + [s.scenario for _, s in self.written])):
            inside = [one for one in self.spoken if one.scenario not in held]
            data = self.texts(inside, [(c, s) for c, s in self.written if s.scenario not in held], self.empty[1 - half :: 2])
            typer.echo(f"Reading {', '.join(sorted(held))} with a network that has seen {len(data.texts)} texts of the others:")
            network = train(data, len(self.criteria), frozen=frozen)
            for one in self.spoken:
                if one.scenario in held:
                    self._read(network, Reading(network, one, self.rules, self.matcher))
            self._read_statements(network, [(c, s) for c, s in self.written if s.scenario in held], inside)
            self.chatter += list(network.score(self.empty[half::2]).numpy().mean(axis=2))

    def texts(self, spoken: Sequence[Interview], written: Sequence[tuple[str, Statement]], empty: Sequence[str]) -> Texts:
        """The training rows."""
        return texts_of(self.rules, spoken, written, empty, self.criteria)

    def _read(self, network: Network, reading: Reading) -> None:
        one = reading.interview
        prior = self.prior_without(one.scenario)
        self.rows += [(self.row(reading, label, prior), LABELS.index(label.verdict), 1.0, one.scenario) for label in one.labels]
        self.pieces += reading.strongest()
        self.quotes += reading.quotes(network, self.criteria)

    def prior_without(self, scenario: str) -> Array:
        """The logarithms of the frequencies in the interviews of the other scenarios."""
        return np.log(frequencies([other for other in self.spoken if other.scenario != scenario], self.criteria))

    def row(self, reading: Reading, label: Labelled, prior: Array) -> Array:
        """What the regression knows of one criterion in one interview."""
        place, criterion = self.criteria.index(label.criterion), self.library.criteria[label.criterion]
        return np.concatenate([reading.features(place, self.number(criterion), criterion, label.section), prior[place]])

    def _read_statements(self, network: Network, written: Sequence[tuple[str, Statement]], others: Sequence[Interview]) -> None:
        """A statement that earns nothing, said as the only answer of its section, is not observed."""
        prior = np.log(frequencies(others, self.criteria))
        worthless = [(c, s) for c, s in written if s.labels[0] == "not_observed"]
        logits = network.score([s.text for _, s in worthless]).numpy()
        for (criterion, statement), row in zip(worthless, logits, strict=True):
            place = self.criteria.index(criterion)
            seen = bool(self.rules.pieces(1, statement.text, [])) and self.rules.about(statement.text, self.library.criteria[criterion])
            full = np.concatenate([self._alone(criterion, statement.text, row[place]) if seen else NOTHING_SAID, prior[place]])
            self.rows.append((full, 0, NEGATIVE, statement.scenario))
            if statement.kind in ATTACKS:
                self.kinds.append((statement.kind, len(self.rows) - 1 if seen else None))

    def _alone(self, criterion: str, text: str, logits: Logits) -> Array:
        """The features of a criterion in a text that is all that was said, in its own section."""
        likeness = self.matcher.likeness(self.section_of[criterion], [text])
        return readings(np.array([True]), logits[None], likeness, self.number(self.library.criteria[criterion]), [0]).features

    def number(self, criterion: Criterion) -> int:
        """A criterion's place in its section."""
        return self.library.rubrics[self.section_of[criterion.id]].criteria.index(criterion)

    def fit(self) -> dict[str, Any]:
        """The estimator's weights, with the figures on scenarios that neither network nor regression has seen."""
        rows, labels = np.array([row for row, *_ in self.rows]), np.array([label for _, label, *_ in self.rows])
        weights, groups = np.array([weight for *_, weight, _ in self.rows]), np.array([scenario for *_, scenario in self.rows])
        spoken = weights == 1.0
        for name, columns in KNOWING.items():
            chances = held_out(rows[:, columns], labels, weights, groups)
            typer.echo(f"Knowing {name}:")
            sure = report(chances[spoken], labels[spoken])
        mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-6
        final = _regression(rows, labels, weights, mean, scale)
        for kind in ATTACKS:
            found = [number for name, number in self.kinds if name == kind]
            given = chances[[number for number in found if number is not None]]
            met = int(((given.argmax(axis=1) == 2) & (given.max(axis=1) >= sure)).sum())
            typer.echo(f"  {kind}: {met} of {len(found)} alone counted as met")
        prior = frequencies(self.spoken, self.criteria)
        return {
            "weights": final.coef_.round(5).tolist(),
            "bias": final.intercept_.round(5).tolist(),
            "mean": mean.round(5).tolist(),
            "scale": scale.round(5).tolist(),
            "prior": {criterion: prior[number].round(5).tolist() for number, criterion in enumerate(self.criteria)},
            "sure": round(sure, 4),
            "floor": self._floors(),
        }

    def _floors(self) -> dict[str, Any]:
        """The readings below which words show nothing: `piece` of any criterion, `quote` of the criterion that a model quotes them for."""
        piece, quote = float(np.quantile(self.pieces, PIECE_FLOOR)), float(np.quantile(self.quotes, QUOTE_FLOOR))
        design = np.array(self.chatter).max(axis=1) >= piece
        passed = design[:, None] & (np.array(self.chatter) >= quote)
        typer.echo(f"Floors: of {len(self.chatter)} texts that show nothing {design.mean():.3f} lie above that of a piece,")
        typer.echo(f"  and {passed.mean():.3f} of the times that a model quotes one for a criterion above both")
        return {"piece": round(piece, 4), "quote": round(quote, 4)}


def held_out(rows: Array, labels: npt.NDArray[Any], weights: Array, groups: npt.NDArray[Any]) -> Array:
    """The chances of every row, from a regression that has not seen its scenario."""
    mean, scale = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    chances = np.zeros((len(rows), len(LABELS)))
    for scenario in sorted(set(groups)):
        held = groups == scenario
        chances[held] = _regression(rows[~held], labels[~held], weights[~held], mean, scale).predict_proba((rows[held] - mean) / scale)
    return chances


def _regression(rows: Array, labels: npt.NDArray[Any], weights: Array, mean: Array, scale: Array) -> LogisticRegression:
    return LogisticRegression(C=0.3, max_iter=3000).fit((rows - mean) / scale, labels, sample_weight=weights)


def report(chances: Array, labels: npt.NDArray[Any]) -> float:
    """Agreement with the labels of interviews of unseen scenarios: with every verdict given, and with the sure ones only. Returns the chance
    from which on a verdict is sure."""
    best, confidence = chances.argmax(axis=1), chances.max(axis=1)
    sure = float(np.quantile(confidence, 1 - COVERAGE))
    for name, chosen in (("all", confidence >= 0), ("sure", confidence >= sure)):
        kappa = cohen_kappa_score(labels[chosen], best[chosen])
        f1 = f1_score(labels[chosen], best[chosen], average="macro")
        typer.echo(f"  {name}: {chosen.mean():.2f} of {len(labels)} verdicts, kappa {kappa:.3f}, macro F1 {f1:.3f}")
    error = calibration(confidence, (best == labels).astype(float)).expected_error
    typer.echo(f"  calibration error {error:.3f}; sure from {sure:.2f} on")
    return sure


def main(
    out: Annotated[Path, typer.Option(help="Where the weights are written.")] = SHIPPED,
    heads: Annotated[bool, typer.Option(help="Measure the alternative of heads on an embedding that is left as it is; writes nothing.")] = False,
) -> None:
    """Train, print the figures, write the weights."""
    started = time.monotonic()
    torch.set_num_threads(os.cpu_count() or 1)
    library = load_library()
    trainer = Trainer(library)
    typer.echo(f"{len(trainer.spoken)} interviews, {len(trainer.written)} statements, {len(trainer.criteria)} criteria")
    trainer.cross_read(frozen=LAYERS if heads else FROZEN)
    estimator = trainer.fit()
    if heads:
        return
    data = trainer.texts(trainer.spoken, trainer.written, trainer.empty)
    typer.echo(f"Training on all {len(data.texts)} texts:")
    network = train(data, len(trainer.criteria))
    known = ((data.labels != UNKNOWN).sum(axis=0) >= FEWEST) & ((data.labels > 0).sum(axis=0) >= 1)
    trained = {c.id: wording(c) if yes else None for c, yes in zip(library.criteria.values(), known, strict=True)}
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:  # all three or none: they belong together
        made = Path(folder)
        network.save(made / NETWORK)
        (made / CRITERIA).write_text(json.dumps(trained, indent=1) + "\n", encoding="utf-8")
        (made / WEIGHTS).write_text(json.dumps(estimator) + "\n", encoding="utf-8")
        out.mkdir(parents=True, exist_ok=True)
        for name in (NETWORK, CRITERIA, WEIGHTS):
            (made / name).replace(out / name)
    typer.echo(f"{(out / NETWORK).stat().st_size / 1e6:.1f} MB written in {(time.monotonic() - started) / 60:.1f} minutes")


if __name__ == "__main__":
    try:
        typer.run(main)
    except InterviewError as error:
        sys.exit(f"Error: {error}")
