"""`python -m agent.calibrate`: fit the matcher's weights on the rubrics' own example statements and near misses.

Each example is judged against the criterion's *other* examples (leave one out), so that the fit sees what it will meet: new
words for a known criterion. Negatives are near misses, examples of the section's other criteria, and bare lists and refusals
made from them. Figures are printed by five-fold cross-validation over criteria: no criterion is in both halves.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, f1_score, roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from agent.encoder import Encoder
from agent.evidence import Rules
from agent.library import Library, load_library
from agent.matcher import FEATURES, WEIGHTS, Bank, Matcher
from agent.text import content_words

SEED = 7


def dataset(library: Library, encoder: Encoder) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (rows, features), labels (1 = meets it) and the criterion each row belongs to."""
    matcher = Matcher(library, encoder, Rules(library))
    rows: list[np.ndarray] = []
    labels: list[int] = []
    groups: list[int] = []
    number = 0
    for section in library.rubrics:
        bank = matcher.bank(section)
        for index, criterion in enumerate(bank.criteria):
            for left_out, example in enumerate(criterion.examples):
                rows.append(_row(matcher, _without(bank, index, example=left_out), index, example, encoder))
                labels.append(1)
                groups.append(number)
            for left_out, miss in enumerate(criterion.near_misses):
                rows.append(_row(matcher, _without(bank, index, miss=left_out), index, miss, encoder))
                labels.append(0)
                groups.append(number)
            for place, other in enumerate(bank.criteria):
                if place != index:  # left out of its own criterion too, or `other` would give it away
                    picked = number % len(other.examples)
                    rows.append(_row(matcher, _without(bank, place, example=picked), index, other.examples[picked], encoder))
                    labels.append(0)
                    groups.append(number)
            number += 1
    return np.array(rows), np.array(labels), np.array(groups)


def _row(matcher: Matcher, bank: Bank, index: int, text: str, encoder: Encoder) -> np.ndarray:
    row: np.ndarray = matcher.features(bank, [text], encoder.encode([text]))[0, index]
    return row


def _without(bank: Bank, index: int, example: int | None = None, miss: int | None = None) -> Bank:
    """The bank without one example or near miss of one criterion."""
    examples, misses = list(bank.examples), list(bank.near_misses)
    vocabulary = list(bank.vocabulary)
    if example is not None:
        examples[index] = np.delete(examples[index], example, axis=0)
        c = bank.criteria[index]
        kept = [text for position, text in enumerate(c.examples) if position != example]
        vocabulary[index] = frozenset(content_words(" ".join((c.statement, *c.counts, *kept))))
    if miss is not None:
        misses[index] = np.delete(misses[index], miss, axis=0)
    return Bank(bank.criteria, tuple(examples), tuple(misses), bank.statements, tuple(vocabulary))


def main(arguments: list[str]) -> int:
    """Fit, print the cross-validated figures, write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    out = parser.parse_args(arguments).out
    rows, labels, groups = dataset(load_library(), Encoder())
    model = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, class_weight=None, random_state=SEED, max_iter=1000))
    chances = cross_val_predict(model, rows, labels, groups=groups, cv=GroupKFold(5), method="predict_proba")[:, 1]
    print(f"{len(rows)} rows, {labels.sum()} positive, {len(set(groups))} criteria")
    print(
        f"AUC {roc_auc_score(labels, chances):.3f}  AP {average_precision_score(labels, chances):.3f}  Brier {brier_score_loss(labels, chances):.3f}"
    )
    for threshold in (0.3, 0.4, 0.5, 0.6):
        predicted = chances >= threshold
        hit, false = predicted[labels == 1].mean(), predicted[labels == 0].mean()
        print(f"p >= {threshold}: found {hit:.2f} of what meets it, {false:.3f} of what does not, F1 {f1_score(labels, predicted):.2f}")
    model.fit(rows, labels)
    scaler, fitted = model[0], model[1]
    kept = {
        "features": list(FEATURES),
        "mean": [round(float(v), 6) for v in scaler.mean_],
        "scale": [round(float(v), 6) for v in scaler.scale_],
        "weights": [round(float(v), 6) for v in fitted.coef_[0]],
        "bias": round(float(fitted.intercept_[0]), 6),
    }
    print({name: round(weight, 2) for name, weight in zip(FEATURES, kept["weights"], strict=True)})  # type: ignore[call-overload]
    out.write_text(json.dumps(kept, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
