"""What the rules for evidence cost honest candidates: whole interviews graded with the rules and without, by the embedded grader and by a
model that says what gold says."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from agent.classifier import Classifier
from agent.estimator import Estimator
from agent.evidence import Rules
from agent.grader import EmbeddedGrader, Grader, ModelGrader
from agent.library import Library
from agent.llm import Message, ScriptedChatModel
from agent.matcher import Matcher
from agent.prompts import Prompts
from agent.scope import Assessment
from agent.scoring import scorecard
from evals.dataset import Case, Dataset
from evals.loopback import criteria_in


@dataclass(frozen=True)
class Moved:
    """The overall score (0 to 100) of one interview with the rules and without."""

    case: str
    grader: str
    with_rules: float
    without: float

    @property
    def points(self) -> float:
        """By how much the rules move the score."""
        return self.with_rules - self.without


async def honest(dataset: Dataset, library: Library, classifier: Classifier, matcher: Matcher) -> list[Moved]:
    """Every case, graded four times."""
    readers = {on: Estimator(library, classifier, matcher, Rules(library, on=on)) for on in (True, False)}
    found = []
    for case in dataset:
        for name in ("embedded", "gold's verdicts"):
            scores: dict[bool, float | None] = {}
            for on, reader in readers.items():
                by_gold = ModelGrader(library, says_gold(case), Prompts(), reader)
                scores[on] = await _overall(case, EmbeddedGrader(library, reader) if name == "embedded" else by_gold, library)
            if (kept := scores[True]) is not None and (plain := scores[False]) is not None:
                found.append(Moved(case.id, name, kept, plain))
    return found


def says_gold(case: Case) -> ScriptedChatModel:
    """A model that gives gold's verdict and quote for every criterion that it is asked about."""

    def reply(messages: Sequence[Message]) -> str:
        golds = [case.by_criterion[name] for name in criteria_in(messages[0].content)]
        verdicts = [{"criterion": g.criterion, "quotes": [g.quote] if g.quote else [], "reason": "Gold.", "verdict": g.verdict} for g in golds]
        return json.dumps({"verdicts": verdicts})

    return ScriptedChatModel([reply], name="gold", repeat=True)


async def _overall(case: Case, grader: Grader, library: Library) -> float | None:
    results = {section: await grader.grade(Assessment(case.transcript, section)) for section in case.sections}
    return scorecard(case.transcript, results, library, grader.name).overall.score


def honest_table(moved: Sequence[Moved]) -> Table:
    """Mean and largest movement by grader."""
    table = Table(title="Honest interviews, with the rules for evidence against without", title_justify="left")
    for name in ("grader", "interviews", "mean of the absolute movement", "furthest down", "furthest up"):
        table.add_column(name, justify="left" if name == "grader" else "right")
    for grader in dict.fromkeys(one.grader for one in moved):
        points = [one.points for one in moved if one.grader == grader]
        table.add_row(grader, str(len(points)), f"{sum(map(abs, points)) / len(points):.2f}", f"{min(points):+.1f}", f"{max(points):+.1f}")
    return table
