"""A run on file: every verdict of one variant over one dataset, beside gold. A pure function of dataset, prompts and store."""

import hashlib
import json
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from agent.errors import ConfigurationError
from agent.library import Library
from agent.replies import ReplyStore, Usage
from agent.schema import Level, LevelSignal, SectionResult, Value, Verdict, VerdictStatus
from agent.scoring import scorecard, section_score
from agent.settings import ELSEWHERE
from evals.dataset import Case, Dataset, Label, Quality, Split
from evals.prices import price_of
from evals.runner import Work
from evals.variant import Variant

RUNS = Path("data/evals/runs")


class Row(Value):
    """One verdict beside its gold."""

    case: str
    section: str
    criterion: str
    tier: Level
    trial: int
    status: VerdictStatus
    gold: tuple[Label, ...]
    confidence: float
    reason: str
    quote: str | None = None
    turn: int | None = None
    attempts: int = 1

    @property
    def item(self) -> str:
        """What a row of another run must share to be paired with this one."""
        return f"{self.criterion}#{self.trial}"


class SectionScore(Value):
    """A section's score as graded and by gold (0 to 100); None: unscored."""

    case: str
    section: str
    trial: int
    score: float | None
    gold: float | None
    note: str | None = None  # why it is unscored


class CaseScore(Value):
    """An interview's overall score and level signal, as graded and by gold."""

    case: str
    scenario: str
    quality: Quality
    trial: int
    score: float | None
    gold: float | None
    signal: LevelSignal
    gold_signal: LevelSignal
    words: int  # that the candidate says


class Calls(Value):
    """What the model was asked for: requests, those that failed, first answers that did not fit the form, tokens, seconds as recorded."""

    asked: int
    failed: int
    invalid_first: int
    tokens_in: int
    tokens_out: int
    cost: float | None  # US dollars; None: the model's price is not known
    seconds_median: float | None
    seconds_p95: float | None


class Run(Value):
    """One execution on file."""

    id: str
    variant: str
    model: str
    grader: str
    cases: str  # tune, report, all or a folder
    only: tuple[str, ...] = ()  # of these cases; empty: all
    splits: tuple[Split, ...]
    figures_only: tuple[str, ...]  # cases of the report split: they are counted, and nobody reads in them
    trials: int
    sections: tuple[str, ...]  # empty: all
    elsewhere: int = ELSEWHERE
    dataset: str  # digest
    corpus: str  # digest
    prompts: dict[str, str]  # name -> template
    thresholds: dict[str, float]
    rows: tuple[Row, ...]
    section_scores: tuple[SectionScore, ...]
    case_scores: tuple[CaseScore, ...]
    calls: Calls

    @property
    def title(self) -> str:
        """Variant and model, for people."""
        return f"{self.variant} ({self.model})"


class Setup(Value):
    """What a run was asked to do."""

    cases: str
    only: tuple[str, ...] = ()
    model: str
    trials: int = 1
    sections: tuple[str, ...] = ()
    elsewhere: int = ELSEWHERE  # words of other sections that a model reads
    kind: Literal["grade"] = "grade"


def score_run(setup: Setup, variant: Variant, dataset: Dataset, library: Library, work: Work, store: ReplyStore, grader: str) -> Run:
    """Everything that was graded, beside gold."""
    results = {(job.case, job.section, job.trial): result for job, result in work.results.items()}
    rows = [row for case in dataset for trial in range(setup.trials) for row in _rows(case, trial, results, library)]
    trials = range(setup.trials)
    return Run(
        id=_id(setup, variant, dataset, library, grader),
        variant=variant.name,
        model=setup.model,
        grader=grader,
        cases=setup.cases,
        only=setup.only,
        splits=tuple(dict.fromkeys(case.entry.split for case in dataset)),
        figures_only=tuple(case.id for case in dataset if case.entry.split == "report"),
        trials=setup.trials,
        sections=setup.sections,
        elsewhere=setup.elsewhere,
        dataset=dataset.digest,
        corpus=library.digest,
        prompts=variant.prompts.texts,
        thresholds=variant.thresholds.model_dump(exclude_none=True),
        rows=tuple(rows),
        section_scores=tuple(score for case in dataset for trial in trials for score in _section_scores(case, trial, results, library)),
        case_scores=tuple(_case_score(case, trial, results, library, setup.sections) for case in dataset for trial in trials),
        calls=_calls(setup.model, work, store),
    )


Results = dict[tuple[str, str, int], SectionResult]


def _rows(case: Case, trial: int, results: Results, library: Library) -> Iterable[Row]:
    for section in case.sections:
        result = results.get((case.id, section, trial))
        if result is None:
            continue
        given = {verdict.criterion: verdict for verdict in result.verdicts}
        for criterion in library.rubrics[section].criteria:
            verdict = given.get(criterion.id)
            yield Row(
                case=case.id,
                section=section,
                criterion=criterion.id,
                tier=criterion.tier,
                trial=trial,
                status=verdict.status if verdict else "unscored",
                gold=(case.by_criterion[criterion.id].verdict,),
                confidence=verdict.confidence if verdict else 0.0,
                reason=verdict.reason if verdict else result.note or "",
                quote=verdict.quote if verdict else None,
                turn=verdict.turn if verdict else None,
                attempts=verdict.attempts if verdict else 1,
            )


def gold_result(case: Case, section: str, library: Library) -> SectionResult:
    """A section's result as gold has it, with the hints that were given."""
    rubric = library.rubrics[section]
    verdicts = [
        Verdict(
            criterion=c.id,
            status=case.by_criterion[c.id].verdict,
            confidence=1.0,
            reason="gold",
            hints=case.transcript.hints_given(c.id, case.by_criterion[c.id].turn),
        )
        for c in rubric.criteria
    ]
    score = section_score(verdicts, rubric, case.transcript.level)
    title = library.section(section).title
    return SectionResult(id=section, title=title, status="graded", score=score, verdicts=tuple(verdicts), grader="gold")


def _section_scores(case: Case, trial: int, results: Results, library: Library) -> Iterable[SectionScore]:
    for section in case.sections:
        result = results.get((case.id, section, trial))
        if result is not None:
            gold = gold_result(case, section, library).score
            yield SectionScore(case=case.id, section=section, trial=trial, score=result.score, gold=gold, note=result.note)


def _case_score(case: Case, trial: int, results: Results, library: Library, sections: Sequence[str]) -> CaseScore:
    graded = {name: result for name in case.sections if (result := results.get((case.id, name, trial))) is not None}
    gold = {name: gold_result(case, name, library) for name in graded}
    card = scorecard(case.transcript, graded, library, "run", sections)
    wanted = scorecard(case.transcript, gold, library, "gold", sections)
    return CaseScore(
        case=case.id,
        scenario=case.entry.scenario,
        quality=case.entry.quality,
        trial=trial,
        score=card.overall.score,
        gold=wanted.overall.score,
        signal=card.level_signal,
        gold_signal=wanted.level_signal,
        words=case.words,
    )


def _calls(model: str, work: Work, store: ReplyStore) -> Calls:
    kept = [reply for digest in sorted(work.asked) if (reply := store.find(digest)) is not None]
    usage = sum((reply.usage for reply in kept), Usage())
    seconds = [reply.seconds for reply in kept]
    price = price_of(model)
    return Calls(
        asked=len(work.asked),
        failed=len(work.failures),
        invalid_first=sum(store.rejections(digest) > 0 for digest in work.asked),
        tokens_in=usage.tokens_in,
        tokens_out=usage.tokens_out,
        cost=round(price.cost(usage), 4) if price else None,
        seconds_median=round(statistics.median(seconds), 3) if seconds else None,
        seconds_p95=round(statistics.quantiles(seconds, n=20, method="inclusive")[18], 3) if len(seconds) > 1 else None,
    )


def _id(setup: Setup, variant: Variant, dataset: Dataset, library: Library, grader: str) -> str:
    """Readable, and different as soon as anything that the verdicts depend on is."""
    basis = [setup.model_dump_json(), json.dumps(variant.prompts.texts), variant.thresholds.model_dump_json(), dataset.digest, library.digest, grader]
    digest = hashlib.sha256("\0".join(basis).encode()).hexdigest()[:6]
    return f"{plain(f'{variant.name}-{setup.model}-{Path(setup.cases).name}')}-{digest}"


def plain(name: str) -> str:
    """A name as part of a file's name."""
    return "".join(char if char.isalnum() or char in "-._" else "-" for char in name)


# --- on file ----------------------------------------------------------------------------------------------------


def save_run(run: Run, folder: Path = RUNS) -> Path:
    """Write a run; the file's name is its id."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{run.id}.json"
    path.write_text(run.model_dump_json(indent=1), encoding="utf-8")
    return path


def load_run(named: str, folder: Path = RUNS) -> Run:
    """A run by id, by a unique beginning of it, or by file. ConfigurationError when it cannot be found or read."""
    path = Path(named)
    if not path.is_file():
        held_runs = sorted(folder.glob("*.json"))
        found = [p for p in held_runs if p.stem == named] or [p for p in held_runs if named and p.stem.startswith(named)]
        if len(found) != 1:
            held = ", ".join(p.stem for p in (found or held_runs)) or "none yet"
            what = "fits several runs" if found else "is no run"
            raise ConfigurationError(f"{named!r} {what}. On file: {held}. `python -m evals run` makes one.")
        path = found[0]
    try:
        return Run.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise ConfigurationError(f"{path} cannot be read as a run ({type(error).__name__}): make it again with `python -m evals run`.") from None
