"""A run: plan, fill, score. The product's own grader runs over the store of replies until nothing is missing.

Planning is running until a miss: a section whose replies are all on file is graded, one whose reply is missing is planned. So the
plan costs no call, knows of follow-up calls (a criterion that is asked again) as soon as they arise, and cannot differ from the run.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from agent.errors import InterviewError
from agent.grader import Grader
from agent.replies import MissingReply, ReplyStore, Request
from agent.schema import SectionResult
from agent.scope import Assessment
from evals.dataset import Case
from evals.executors import Executor, Outcome

ROUNDS = 8  # a grader that asks more often than this for one section does not end


@dataclass(frozen=True)
class Job:
    """One section of one case, graded once."""

    case: str
    section: str
    trial: int
    assessment: Assessment = field(compare=False, repr=False)


@dataclass
class Work:
    """How far a run is: graded jobs, and jobs that wait for a reply."""

    results: dict[Job, SectionResult] = field(default_factory=dict)
    waiting: dict[str, list[Job]] = field(default_factory=dict)  # digest of the missing reply -> jobs
    missing: dict[str, Request] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)  # digests of every request, answered or not
    failures: dict[str, InterviewError] = field(default_factory=dict)


Graders = Callable[[Work, int], Grader]  # a trial's grader over the store
Progress = Callable[[Work], None]


def jobs_of(cases: Iterable[Case], trials: int, sections: Sequence[str] = ()) -> list[Job]:
    """Every reached section of every case, as often as there are trials."""
    return [
        Job(case.id, section, trial, Assessment(case.transcript, section))
        for trial in range(trials)
        for case in cases
        for section in case.sections
        if not sections or section in sections
    ]


class Runner:
    """Grades jobs with one variant."""

    def __init__(self, graders: Graders, jobs: Sequence[Job]) -> None:
        self._jobs = jobs
        self.work = Work()
        trials = {job.trial for job in jobs}
        self._graders = {trial: graders(self.work, trial) for trial in trials}

    async def plan(self) -> Work:
        """Grade what the store can answer; what is missing is in `work.missing`."""
        for job in self._jobs:
            await self._try(job)
        return self.work

    async def fill(
        self,
        executor: Executor,
        store: ReplyStore,
        progress: Progress = lambda work: None,
        shard: tuple[int, int] = (1, 1),
        enough: Callable[[str], bool] = lambda digest: False,
    ) -> Work:
        """Get what is missing, and grade on, until nothing is missing, nobody answers, or `enough` says of a reply that it was the last."""
        for _ in range(ROUNDS):
            requests = [request for digest, request in self.work.missing.items() if any(in_shard(job, *shard) for job in self.work.waiting[digest])]
            if not requests:
                break
            heard = False
            async with aclosing(executor.fill(requests, store)) as outcomes:
                async for outcome in outcomes:
                    heard = True
                    await self._take(outcome)
                    progress(self.work)
                    if enough(outcome.digest):
                        return self.work
            if not heard:
                break
        return self.work

    async def _take(self, outcome: Outcome) -> None:
        if outcome.failure is not None:
            self.work.failures[outcome.digest] = outcome.failure
        self.work.missing.pop(outcome.digest, None)
        for job in self.work.waiting.pop(outcome.digest, []):
            await self._try(job)

    async def _try(self, job: Job) -> None:
        try:
            self.work.results[job] = await self._graders[job.trial].grade(job.assessment)
        except MissingReply as miss:
            self.work.missing[miss.request.digest] = miss.request
            self.work.waiting.setdefault(miss.request.digest, []).append(job)


def in_shard(job: Job, number: int, shards: int) -> bool:
    """Whether a job belongs to the shard with this number (1 to `shards`), with its follow-up calls: the same on every machine."""
    place = hashlib.sha256(f"{job.case}\0{job.section}".encode()).hexdigest()
    return int(place[:8], 16) % shards == number - 1
