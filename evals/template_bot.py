"""A bot that asks the bank's questions in their order, whatever is said: what the embedded interviewer must be better than.

It opens each section in the framework's order, asks the first follow-up of its criteria from the top while there is time for another answer,
and answers nothing.
"""

from agent.candidate import Candidate
from agent.clock import divide
from agent.errors import ModelUnavailable
from agent.events import Answered, Asked, SectionOpened, Started
from agent.library import Library
from agent.policy import choose
from agent.schema import Level, Move, MoveKind, Scenario, Transcript
from agent.state import Interview, begin, fold

FOLLOW_UPS = 3  # in a section, where it has the time


class TemplateBot:
    """Conducts one interview."""

    def __init__(self, library: Library, scenario: Scenario, level: Level, minutes: float, seed: int = 0) -> None:
        self._library = library
        started = Started(
            scenario=scenario,
            level=level,
            minutes=minutes,
            sections=tuple(section.id for section in library.sections),
            model="template",
            grader="none",
            seed=seed,
        )
        self._budget = divide(library.sections, 60 * minutes)
        self._interview: Interview = begin(started, self._budget)
        self._elapsed = 0.0

    async def interview(self, candidate: Candidate) -> Transcript:
        """The whole interview. ModelUnavailable when a model plays the candidate and fails."""
        for section in self._interview.started.sections:
            if self._elapsed >= self._budget.total:
                break
            await self._section(section, candidate)
        return self._interview.transcript("template")

    async def _section(self, section: str, candidate: Candidate) -> None:
        rubric, started = self._library.rubrics[section], self._interview.started
        seconds = self._budget.on_opening(section, self._elapsed)
        self._interview = fold(self._interview, [SectionOpened(elapsed=self._elapsed, section=section, seconds=seconds)])
        opening = choose(getattr(rubric.openings, started.level), started.seed, section).replace("{thing}", started.scenario.thing)
        first = section == started.sections[0]
        questions = [f"{started.scenario.brief.strip()} {opening}" if first else f"{self._library.section(section).title}. {opening}"]
        questions += [criterion.follow_ups[0] for criterion in rubric.criteria[:FOLLOW_UPS]]
        opened = self._elapsed
        for number, question in enumerate(questions):
            if number and self._elapsed >= opened + seconds:
                return
            self._ask(section, question, "follow_up" if number else "next_section")
            await self._hear(section, candidate)

    def _ask(self, section: str, text: str, kind: MoveKind) -> None:
        asked = Asked(elapsed=self._elapsed, section=section, text=text, move=Move(kind=kind), brain="template")
        self._interview = fold(self._interview, [asked])

    async def _hear(self, section: str, candidate: Candidate) -> None:
        said = await candidate.answer(self._interview)
        if not said.text.strip():
            raise ModelUnavailable(f"The candidate {candidate.name} said nothing.")
        self._elapsed += said.seconds
        answered = Answered(elapsed=self._elapsed, section=section, text=said.text, message=str(len(self._interview.turns)))
        self._interview = fold(self._interview, [answered])
