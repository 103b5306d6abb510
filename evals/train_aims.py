"""`python -m evals.train_aims`: how gladly each criterion is asked about, fitted on blind rankings of next questions, into the rubrics.

Printed is what that is worth on problems that it was not fitted on.
"""

import math
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Annotated

import numpy as np
import typer
from pydantic import AfterValidator, Field, RootModel
from scipy.optimize import minimize  # type: ignore[import-untyped]

from agent.aims import appeal
from agent.assembly import Parts, assemble
from agent.clock import ManualClock
from agent.errors import ConfigurationError, InterviewError
from agent.library import SHIPPED
from agent.schema import Criterion, Text
from agent.settings import load_settings
from evals.conduct import Conductor, Moment
from evals.files import read_value
from evals.training import transcripts

RANKINGS = Path(__file__).with_name("rankings")
STRENGTH = 0.1  # of the pull towards an interest of 1, beside pairs that weigh 1 a ranking
MOST = 5.0  # times that an interest may raise or lower what a criterion is worth
Interests = dict[str, float]


def once(order: tuple[Text, ...]) -> tuple[Text, ...]:
    """Nothing stands twice in a ranking."""
    if len(set(order)) < len(order):
        raise ValueError("a criterion stands twice")
    return order


class Rankings(RootModel[dict[str, Annotated[tuple[Text, ...], Field(min_length=2), AfterValidator(once)]]]):
    """INTERVIEW-TURN -> criteria that could be asked about next, the best first."""


@dataclass(frozen=True)
class Ranking:
    """What could be asked next, the best first, each with the logarithm of what it is worth but for its interest."""

    scenario: str
    criteria: tuple[str, ...]
    worth: tuple[float, ...]

    def won(self, interests: Mapping[str, float]) -> float:
        """Share of the others that rank below the one that is worth most with these interests."""
        scores = [(worth + math.log(interests.get(name, 1.0)), name) for name, worth in zip(self.criteria, self.worth, strict=True)]
        return 1 - max(range(len(scores)), key=scores.__getitem__) / (len(scores) - 1)


def read_rankings(parts: Parts, folder: Path = RANKINGS) -> list[Ranking]:
    """The rankings, joined with what the interviewer had seen by then. ConfigurationError for a turn or a criterion that there is not."""
    ranked = [(path, name, order) for path in sorted(folder.glob("*.yaml")) for name, order in read_value(path, Rankings).root.items()]
    if not ranked:
        raise ConfigurationError(f"{folder} holds no rankings: a YAML file there maps INTERVIEW-TURN to criteria, the best first.")
    told = {interview: (about, transcript) for interview, about, transcript in transcripts(parts.library)}
    for path, name, order in ranked:
        interview, _, number = name.rpartition("-")
        turns = told[interview][1].turns if interview in told else ()
        turn = next((turn for turn in turns if str(turn.n) == number and turn.speaker == "candidate"), None)
        if turn is None:
            raise ConfigurationError(f"{path} ranks questions after {name}, a turn that no candidate of the tune split or of evals/training has.")
        if unknown := set(order) - {criterion.id for criterion in parts.library.rubrics[turn.section].criteria}:
            raise ConfigurationError(f"{path}: {name} ranks {', '.join(sorted(unknown))}, not of section {turn.section}.")
    conductor = Conductor(parts.library, parts.context(ManualClock()))
    seen: dict[str, Moment] = {}
    for interview in {name.rpartition("-")[0] for _, name, _ in ranked}:
        about, transcript = told[interview]
        scenario = parts.library.scenarios.get(about) or parts.library.typed_scenario(transcript.title or about)
        seen |= {f"{interview}-{moment.turn}": moment for moment in conductor.moments(transcript, scenario)}
    return [
        Ranking(told[name.rpartition("-")[0]][0], order, tuple(_worth(parts.library.criteria[criterion], seen[name]) for criterion in order))
        for _, name, order in ranked
    ]


def _worth(criterion: Criterion, moment: Moment) -> float:
    """The logarithm of what asking about a criterion is worth, but for its interest."""
    state, seen = moment.interview.section, moment.interview.last
    assert state is not None and seen is not None
    whole = appeal(criterion, moment.interview.started.level, state, seen.relevance)
    return math.log(whole / criterion.interest)


def fitted(rankings: Sequence[Ranking], strength: float = STRENGTH) -> Interests:
    """Criterion -> interest, by logistic regression on all pairs of each ranking with the rest of its worth held fixed."""
    names = sorted({name for one in rankings for name in one.criteria})
    place = {name: i for i, name in enumerate(names)}
    pairs = [(one, i, j) for one in rankings for i in range(len(one.criteria)) for j in range(i + 1, len(one.criteria))]
    above = np.array([place[one.criteria[i]] for one, i, j in pairs])
    below = np.array([place[one.criteria[j]] for one, i, j in pairs])
    ahead = np.array([one.worth[i] - one.worth[j] for one, i, j in pairs])
    weight = np.array([1 / math.comb(len(one.criteria), 2) for one, i, j in pairs])

    def loss(logs: np.ndarray) -> tuple[float, np.ndarray]:
        margin = ahead + logs[above] - logs[below]
        gradient = 2 * strength * logs
        pull = weight / (1 + np.exp(margin))
        np.add.at(gradient, above, -pull)
        np.add.at(gradient, below, pull)
        return float(weight @ np.logaddexp(0, -margin) + strength * logs @ logs), gradient

    logs = minimize(loss, np.zeros(len(names)), jac=True, method="L-BFGS-B").x
    most = math.log(MOST)
    return {name: round(math.exp(float(np.clip(value, -most, most))), 2) for name, value in zip(names, logs, strict=True)}


def held_out(rankings: Sequence[Ranking]) -> float:
    """Share of the other questions that the one worth most ranks above, in scenarios that the interests were not fitted on."""
    scenarios = {one.scenario for one in rankings}
    if len(scenarios) < 2:
        raise ConfigurationError("These rankings are of one problem only: what they are worth elsewhere takes a second one.")
    shares: list[float] = []
    for away in scenarios:
        interests = fitted([one for one in rankings if one.scenario != away])
        shares += [one.won(interests) for one in rankings if one.scenario == away]
    return fmean(shares)


def write_interests(interests: Mapping[str, float], folder: Path) -> None:
    """Set the interests in the rubrics' files and leave all else in them as it is."""
    for path in sorted((folder / "rubrics").glob("*.yaml")):
        lines, name = [], ""
        for line in path.read_text(encoding="utf-8").splitlines():
            if found := re.match(r"  - id: (\S+)", line):
                name = found[1]
            if re.match(r"    interest: ", line):
                continue
            lines.append(line)
            if re.match(r"    weight: ", line):
                lines.append(f"    interest: {interests.get(name, 1.0):g}")
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main() -> None:
    """Fit, say what it is worth, and write."""
    settings = load_settings().speaking(None)
    parts = assemble(settings)
    rankings = read_rankings(parts)
    typer.echo(f"{len(rankings)} rankings in {len({one.scenario for one in rankings})} scenarios. Of the others rank below what is worth most:")
    typer.echo(f"  by weight, tier, what was begun and what was just said: {fmean(one.won({}) for one in rankings):.1%}")
    typer.echo(f"  and by interest, in scenarios not fitted on: {held_out(rankings):.1%}")
    interests = fitted(rankings)
    typer.echo(f"  and by interest, in those fitted on: {fmean(one.won(interests) for one in rankings):.1%}")
    write_interests(interests, settings.corpus or SHIPPED)


if __name__ == "__main__":
    try:
        main()
    except InterviewError as error:
        sys.exit(str(error))
