"""A small gold set in a folder of its own, and a judge over HTTP that knows it.

Six things can be said, three in section 0 and three in section 2. A weak case says the first of each, a mid one two, a strong one all.
A place that is named in every sentence tells the cases apart.
"""

import json
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import yaml

from agent.library import Library
from agent.replies import ReplyStore
from agent.schema import SectionResult, Verdict
from agent.scope import Assessment
from agent.scoring import section_result
from evals.dataset import Case, Dataset, load_dataset
from evals.run import Run, Setup, score_run
from evals.runner import Work, jobs_of
from evals.variant import Variant, load_variant
from tests.openai_server import Behaviour, Kept

SECTIONS = ("0", "2")
SAID = {
    "framing-what-is-measured": (
        "0",
        "This hour tests how I think aloud, while at work in {place} I would first measure the old code for a fortnight.",
    ),
    "framing-team-familiarity": (
        "0",
        "The team in {place} ships Java and MySQL every week, so we stay with that stack; a store that is new to them would cost us two months.",
    ),
    "framing-time-plan": ("0", "Five minutes go to the scope, as in {place}, and ten are left for the services."),
    "main-request-walked": ("2", "A tap in {place} reaches the gateway, then the link program, and that reads one row of MySQL."),
    "tier-jobs-kept-apart": ("2", "The door in {place} only checks who somebody is, and the rules live behind it in one program."),
    "wait-or-hand-off": ("2", "The caller in {place} waits for the row, but the mail leaves later out of a queue."),
}
QUALITIES = ("weak", "mid", "strong")
CASES = (  # name, place; a scenario has three cases
    ("url-shortener-a", "Bergen"),
    ("url-shortener-b", "Porto"),
    ("url-shortener-c", "Lodz"),
    ("team-chat-a", "Turku"),
    ("team-chat-b", "Graz"),
    ("team-chat-c", "Cork"),
)
REPORTED = (("ticket-sales-a", "Split"), ("ticket-sales-b", "Gent"), ("ticket-sales-c", "Tartu"))


def write_cases(folder: Path, library: Library, tune: int = 3, report: int = 0) -> Path:
    """Write so many cases of each split (most: six and three) with index, transcripts and gold; returns the folder."""
    index: dict[str, Any] = {}
    for split, cases in (("tune", CASES[:tune]), ("report", REPORTED[:report])):
        for number, (name, place) in enumerate(cases):
            quality = QUALITIES[number % 3]
            scenario = name.rsplit("-", 1)[0]
            index[name] = {"scenario": scenario, "split": split, "quality": quality, "about": f"somebody from {place}"}
            said = sentences(quality, place)
            _write(folder / "transcripts" / f"{name}.yaml", transcript(name, scenario, said))
            _write(folder / "gold" / f"{name}.yaml", gold(name, quality, said, library))
    _write(folder / "index.yaml", index)
    return folder


def small_dataset(folder: Path, library: Library, tune: int = 3, report: int = 0) -> Dataset:
    """The cases, written and read."""
    return load_dataset(library, str(write_cases(folder, library, tune, report)))


def sentences(quality: str, place: str) -> dict[str, str]:
    """Criterion -> what somebody of this quality says to it."""
    most = QUALITIES.index(quality) + 1
    chosen = [name for section in SECTIONS for name in [name for name in SAID if SAID[name][0] == section][:most]]
    return {name: SAID[name][1].format(place=place) for name in chosen}


def transcript(name: str, scenario: str, said: dict[str, str]) -> dict[str, Any]:
    """A question and an answer a section."""
    turns: list[dict[str, Any]] = []
    for section in SECTIONS:
        answer = " ".join(text for criterion, text in said.items() if SAID[criterion][0] == section)
        for speaker, text in (("interviewer", f"Please begin with part {section}."), ("candidate", answer)):
            turns.append({"n": len(turns) + 1, "section": section, "speaker": speaker, "text": text, "at": 30.0 * len(turns)})
    return {"id": name, "scenario": scenario, "level": "senior", "minutes": 45, "turns": turns}


def gold(name: str, quality: str, said: dict[str, str], library: Library) -> dict[str, Any]:
    """What was said is met (partial in a weak case), all else not observed; in half of it the passes disagreed."""
    verdicts: list[dict[str, Any]] = []
    for section in SECTIONS:
        for criterion in library.rubrics[section].criteria:
            label = ("partial" if quality == "weak" else "met") if criterion.id in said else "not_observed"
            other = "not_observed" if label == "partial" else label
            verdict: dict[str, Any] = {"criterion": criterion.id, "section": section, "verdict": label, "passes": [label, other]}
            if criterion.id in said:
                verdict |= {"quote": said[criterion.id], "turn": 2 if section == "0" else 4}
            verdicts.append(verdict)
    return {"case": name, "rubrics": {section: library.rubrics[section].version for section in SECTIONS}, "verdicts": verdicts}


def edit(path: Path, change: Callable[[Any], object]) -> None:
    """Change a YAML file of a case in place."""
    found = yaml.safe_load(path.read_text(encoding="utf-8"))
    change(found)
    _write(path, found)


def _write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(value, sort_keys=False, allow_unicode=True), encoding="utf-8")


# --- runs -------------------------------------------------------------------------------------------------------

Wrong = Callable[[str, str, int], bool]  # case, criterion, trial


def graded_run(dataset: Dataset, library: Library, wrong: Wrong = lambda *_: False, variant: str = "shipped", trials: int = 1) -> Run:
    """A run whose verdicts are gold's, but for those that are wrong: credit that is not given, or given for nothing."""
    work = Work()
    for job in jobs_of(dataset, trials):
        case = dataset.case(job.case)
        missed = {name for name in case.by_criterion if wrong(case.id, name, job.trial)}
        work.results[job] = graded(job.assessment, case, library, missed)
    chosen, store = load_variant("shipped"), ReplyStore()
    setup = Setup(cases="small", model="test-model", trials=trials)
    run = score_run(setup, Variant(variant, chosen.prompts, chosen.thresholds), dataset, library, work, store, "test-model")
    store.close()
    return run


def graded(assessment: Assessment, case: Case, library: Library, wrong: Collection[str] = ()) -> SectionResult:
    """A section's result as gold has it, but for what is wrong."""
    rubric, verdicts = library.rubrics[assessment.section], []
    turn, words = assessment.answers[0]
    for criterion in rubric.criteria:
        right = case.by_criterion[criterion.id]
        status = right.verdict if criterion.id not in wrong else "met" if right.verdict == "not_observed" else "not_observed"
        evidence = {} if status == "not_observed" else {"quote": right.quote or words, "turn": right.turn or turn}
        reason = f"Reason of {criterion.id}."
        verdicts.append(Verdict.model_validate({"criterion": criterion.id, "status": status, "confidence": 0.8, "reason": reason, **evidence}))
    return section_result(library.section(assessment.section), rubric, verdicts, assessment.transcript.level, "test-model")


# --- a judge ----------------------------------------------------------------------------------------------------

AGAIN = "Your last quotes could not be used"  # how the product begins its second question


def judge(dataset: Dataset, wrong: Collection[str] = (), misquoted: Collection[str] = (), late: bool = True) -> Callable[[Kept], Behaviour]:
    """A model that gives gold's verdicts. `wrong`: criteria that it never finds. `misquoted`: criteria that it gives credit for with
    words that nobody said; asked again, it quotes rightly if `late`."""

    def reply(asked: Kept) -> Behaviour:
        case = next(case for case in dataset if any(turn.text in asked.text for turn in case.transcript.turns if turn.speaker == "candidate"))
        verdicts = []
        for name in re.findall(r"^### (\S+)$", asked.text, re.MULTILINE):
            right = case.by_criterion[name]
            given = {"criterion": name, "quotes": [right.quote or ""], "reason": f"Reason of {name}.", "verdict": right.verdict}
            if name in wrong:
                given |= {"quotes": [], "verdict": "not_observed"}
            if name in misquoted and not (late and AGAIN in asked.text):
                given |= {"quotes": ["nobody has ever said these very words"], "verdict": "met"}
            verdicts.append(given)
        return Behaviour(json.dumps({"verdicts": verdicts}))

    return reply
