"""`python -m agent.calibrate_revision`: fit the reading of responses to constraint changes on what the changes themselves say.

What revises: each change's examples. What does not: its near misses, the examples of the scenario's other change, and what the scripted
candidates say in later sections. An example or near miss is read without itself in the bank. Figures are by leaving out one scenario at a
time; the scripted candidates' answers to the changes are fitted on by nobody and only read.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from agent.encoder import Encoder
from agent.evidence import Rules
from agent.library import Library, load_library
from agent.play import read_candidate
from agent.revision import FEATURES, HALF_WIDTH, LATER, WEIGHTS, Array, Revisions
from agent.schema import ConstraintChange, Gradable, Scenario

CANDIDATES = Path(__file__).resolve().parent.parent / "corpus" / "candidates"
QUALITIES = ("strong", "mid", "weak")
SEED = 7
ROUNDS = 6  # in which the piece that speaks most is chosen anew: an answer revises when one of its pieces does


@dataclass(frozen=True)
class Answer:
    """What could be said after a change."""

    scenario: str
    kind: str
    wanted: Gradable
    texts: tuple[str, ...]
    revises: bool | None = None  # None: not fitted on


def answers(library: Library) -> Iterator[Answer]:
    """All that is fitted on or read."""
    for scenario in library.scenarios.values():
        for change in scenario.changes:
            wanted = library.change_rubric.of(change)
            for text in change.examples:
                yield Answer(scenario.id, "example", _without(wanted, text), (text,), True)
            for text in change.near_misses:
                yield Answer(scenario.id, "near miss", _without(wanted, text), (text,), False)
            for other in scenario.changes:
                if other is not change:
                    yield from (Answer(scenario.id, "example of the other change", wanted, (text,), False) for text in other.examples[:2])
            yield from _scripted(scenario, change, wanted)


def _scripted(scenario: Scenario, change: ConstraintChange, wanted: Gradable) -> Iterator[Answer]:
    """The last answer of a scripted candidate in the section of the change: most respond to it. And what it says afterwards."""
    elsewhere = {other.section for other in scenario.changes if other is not change}
    for quality in QUALITIES:
        path = CANDIDATES / f"{scenario.id}-{quality}.yaml"
        said = read_candidate(path) if path.is_file() else {}
        if change.section in said:
            yield Answer(scenario.id, f"{quality} candidate", wanted, (said[change.section][-1],))
            later = [text for key, texts in said.items() if int(key) > int(change.section) for text in texts[: -1 if key in elsewhere else None]]
            yield Answer(scenario.id, f"{quality} candidate, later", wanted, tuple(later), False)


def _without(wanted: Gradable, text: str) -> Gradable:
    left = {name: tuple(one for one in getattr(wanted, name) if one != text) for name in ("examples", "near_misses")}
    return wanted.model_copy(update=left)


def rows(found: list[Answer], reader: Revisions, rules: Rules) -> list[Array]:
    """The features of every piece of every answer."""
    pieces = [[piece.text for text in one.texts for piece in rules.pieces(1, text, ())] or [" ".join(one.texts)] for one in found]
    return [reader.features(one.wanted, texts) for one, texts in zip(found, pieces, strict=True)]


def fitted(found: list[Answer], features: list[Array]) -> Pipeline:
    """The regression over the pieces that speak most."""
    kept = [(one.revises, row) for one, row in zip(found, features, strict=True) if one.revises is not None]
    labels, best = [revises for revises, _ in kept], [row[int(row[:, 0].argmax())] for _, row in kept]
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, random_state=SEED, max_iter=2000))
    for _ in range(ROUNDS):
        model.fit(np.array(best), labels)
        best = [row[int(model.decision_function(row).argmax())] for _, row in kept]
    return model


def left_out(found: list[Answer], features: list[Array]) -> Array:
    """The log-odds of every answer, from a fit that has not seen its scenario."""
    odds = np.zeros(len(found))
    for scenario in sorted({one.scenario for one in found}):
        seen = [place for place, one in enumerate(found) if one.scenario != scenario]
        model = fitted([found[place] for place in seen], [features[place] for place in seen])
        for place, one in enumerate(found):
            if one.scenario == scenario:
                odds[place] = model.decision_function(features[place]).max() - (LATER if one.kind.endswith("later") else 0.0)
    return odds


def told(found: list[Answer], odds: Array) -> Iterator[str]:
    """The figures, a line each."""
    labels = np.array([one.revises is True for one in found])
    pairs = np.array([one.kind in ("example", "near miss") for one in found])
    yield f"{len(found)} answers to {len({one.wanted.id for one in found})} changes"
    yield f"AUC of examples against near misses, a scenario left out: {roc_auc_score(labels[pairs], odds[pairs]):.3f}"
    met = 1 / (1 + np.exp(-odds))
    partial = 1 / (1 + np.exp(-odds - HALF_WIDTH)) - met
    likeliest = np.stack([1 - met - partial, partial, met], axis=1).argmax(axis=1)
    for kind in dict.fromkeys(one.kind for one in found):
        own = likeliest[[one.kind == kind for one in found]]
        yield f"{kind:28} {len(own):3}: met {np.mean(own == 2):.2f}, partial {np.mean(own == 1):.2f}, not observed {np.mean(own == 0):.2f}"


def main(arguments: list[str]) -> int:
    """Fit, print the figures, write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    out = parser.parse_args(arguments).out
    library = load_library()
    rules = Rules(library, on=False)  # the examples are in the corpus, which nobody may repeat
    found = list(answers(library))
    features = rows(found, Revisions(Encoder(), rules), rules)
    print("\n".join(told(found, left_out(found, features))))
    scaler, regression = fitted(found, features)
    kept = {
        "features": list(FEATURES),
        "mean": [round(float(value), 6) for value in scaler.mean_],
        "scale": [round(float(value), 6) for value in scaler.scale_],
        "weights": [round(float(value), 6) for value in regression.coef_[0]],
        "bias": round(float(regression.intercept_[0]), 6),
    }
    print({name: round(float(weight), 2) for name, weight in zip(FEATURES, regression.coef_[0], strict=True)})
    out.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
