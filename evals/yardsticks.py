"""Graders that any real one must beat: one that always says met, and one that counts shared words."""

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import product

import numpy as np

from agent.library import Library
from agent.schema import Criterion, SectionResult, Transcript, Verdict, VerdictStatus
from agent.scope import Assessment
from agent.scoring import section_result
from agent.text import content_words, sentences
from evals.dataset import LABELS, Dataset

ALWAYS_MET, WORD_OVERLAP = "always-met", "word-overlap"
YARDSTICKS = (ALWAYS_MET, WORD_OVERLAP)
Judge = Callable[[Criterion], tuple[VerdictStatus, int, str]]  # verdict, turn, quote


class AlwaysMet:
    """Finds everything met: what a lenient grader would look like."""

    name = ALWAYS_MET

    def __init__(self, library: Library) -> None:
        self._library = library

    async def grade(self, assessment: Assessment) -> SectionResult:
        """Every criterion met, quoting the candidate's first turn."""
        turn = next(turn for turn in assessment.transcript.turns if turn.speaker == "candidate")
        return _result(self._library, assessment, self.name, lambda criterion: ("met", turn.n, turn.text))


class WordOverlap:
    """Counts the words that a sentence of the candidate's shares with a criterion. Its two thresholds are those that agree best
    with the gold of the cases it is fitted on."""

    name = WORD_OVERLAP

    def __init__(self, library: Library, fitted_on: Dataset) -> None:
        self._library, self._fitted_on = library, fitted_on

    async def grade(self, assessment: Assessment) -> SectionResult:
        """Met or partial from the thresholds on; the quote is the sentence that shares most."""

        def judged(criterion: Criterion) -> tuple[VerdictStatus, int, str]:
            share, turn, sentence = self._best(criterion, assessment.transcript)
            partial, met = self._thresholds
            return "met" if share >= met else "partial" if share >= partial else "not_observed", turn, sentence

        return _result(self._library, assessment, self.name, judged)

    def _best(self, criterion: Criterion, transcript: Transcript) -> tuple[float, int, str]:
        wanted = self._vocabulary[criterion.id]
        return max(
            ((len(own & wanted) / max(len(own), 8), turn, sentence) for turn, sentence, own in self._sentences(transcript)), default=(0.0, 1, "")
        )

    def _sentences(self, transcript: Transcript) -> Sequence[tuple[int, str, set[str]]]:
        key = id(transcript)
        if key not in self._read:
            turns = [turn for turn in transcript.turns if turn.speaker == "candidate"]
            self._read[key] = [(turn.n, sentence, content_words(sentence)) for turn in turns for sentence in sentences(turn.text)]
        return self._read[key]

    @cached_property
    def _read(self) -> dict[int, list[tuple[int, str, set[str]]]]:
        return {}

    @cached_property
    def _vocabulary(self) -> dict[str, set[str]]:
        return {c.id: content_words(" ".join((c.statement, *c.counts, *c.examples))) for c in self._library.criteria.values()}

    @cached_property
    def _thresholds(self) -> tuple[float, float]:
        """The two thresholds (partial, met) with the highest accuracy on the cases to fit on."""
        pairs = [
            (self._best(self._library.criteria[verdict.criterion], case.transcript)[0], LABELS.index(verdict.verdict))
            for case in self._fitted_on
            for verdict in case.gold.verdicts
        ]
        shares, gold = np.array([share for share, _ in pairs]), np.array([label for _, label in pairs])
        steps = np.unique(np.quantile(shares, np.linspace(0, 1, 41)))

        def agreement(partial: float, met: float) -> float:
            return float(np.mean((shares >= partial).astype(int) + (shares >= met) == gold))

        return max(((low, high) for low, high in product(steps, steps) if low <= high), key=lambda pair: agreement(*pair))


def _result(library: Library, assessment: Assessment, name: str, judged: Judge) -> SectionResult:
    rubric = library.rubrics[assessment.section]
    verdicts = []
    for criterion in rubric.criteria:
        status, turn, quote = judged(criterion)
        evidence = {} if status == "not_observed" else {"turn": turn, "quote": quote}
        verdicts.append(Verdict.model_validate({"criterion": criterion.id, "status": status, "confidence": 0.5, "reason": f"by {name}", **evidence}))
    return section_result(library.section(assessment.section), rubric, verdicts, assessment.transcript.level, name)
