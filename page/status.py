"""Where an interview stands at this moment: what the rail shows and what a sign of life is answered with."""

from pydantic import BaseModel, ConfigDict

from agent.session import InterviewSession


class Status(BaseModel):
    """The clock and the results of an interview. Times are seconds; the server's clock decides."""

    model_config = ConfigDict(frozen=True)

    elapsed: float
    section: str | None
    section_left: float
    section_seconds: float
    total_left: float
    paused: bool
    finished: bool
    turns: int
    results: dict[str, float | None]  # graded sections; None: the grader failed
    server: str  # changes when the server was restarted
    ready: bool = True  # whether the encoder is loaded: the first answer waits for it


def status_of(session: InterviewSession, elapsed: float, ready: bool = True) -> Status:
    """The status of an interview after `elapsed` active seconds."""
    interview = session.interview
    open_section = interview.section
    return Status(
        elapsed=elapsed,
        section=open_section.id if open_section else None,
        section_left=open_section.left(elapsed) if open_section else 0.0,
        section_seconds=open_section.seconds if open_section else 0.0,
        total_left=max(0.0, interview.budget.total - elapsed),
        paused=interview.paused,
        finished=interview.finished is not None,
        turns=len(interview.turns),
        results={name: result.score for name, result in interview.results.items()},
        server=session.desk.server,
        ready=ready,
    )
