"""`python -m evals.showcase`: the interviews of docs/transcripts, played again.

In one of them a model speaks whose words are written down beforehand (evals/examples/scripted-model.yaml), one line for each time that it is asked.
"""

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from pydantic import Field, RootModel

from agent.assembly import assemble
from agent.errors import InterviewError
from agent.llm import ScriptedChatModel
from agent.personas import Cast
from agent.play import play
from agent.rendering import report_markdown
from agent.schema import Level, Text
from agent.settings import load_settings
from evals.files import read_value

FOLDER = Path("docs/transcripts")
LINES = Path(__file__).with_name("examples") / "scripted-model.yaml"


class Lines(RootModel[Annotated[tuple[Text, ...], Field(min_length=1)]]):
    """What the scripted model says, in the order in which it is asked."""


@dataclass(frozen=True)
class Shown:
    """An interview that is shown: who is interviewed about what, at which level, for how long, and whether a model speaks."""

    name: str
    scenario: str
    persona: str
    level: Level
    minutes: float = 45.0
    model: bool = False
    seed: int = 1


SHOWN = (
    Shown("embedded", "team-chat", "strong", "senior"),
    Shown("scripted-model", "payments", "mid", "senior", minutes=15.0, model=True),
    Shown("mid-weak", "url-shortener", "weak", "mid", minutes=30.0),
    Shown("senior-arguing", "video-streaming", "arguing", "senior", minutes=30.0),
    Shown("staff-strong", "web-crawler", "strong", "staff", minutes=30.0),
)


def main(only: str | None = None, folder: Path = FOLDER) -> None:
    """Play them all, or one, and write what was said and the scorecard."""
    settings = load_settings().speaking(None)
    for shown in SHOWN:
        if only not in (None, shown.name):
            continue
        model = ScriptedChatModel(read_value(LINES, Lines).root) if shown.model else None
        parts = assemble(settings, interviewer=model)
        scenario = parts.library.scenario(shown.scenario)
        candidate = Cast(settings.corpus).candidate(shown.persona, scenario, shown.seed)
        played = asyncio.run(play(parts, scenario, shown.level, shown.minutes, candidate, shown.seed))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{shown.name}.md").write_text(abridged(report_markdown(played.card, played.transcript, parts.library)), encoding="utf-8")


def abridged(report: str) -> str:
    """A report without what is said of every criterion, which is longer than the interview."""
    before, rest = report.split("## Every criterion", 1)
    return f"{before}## Transcript{rest.split('## Transcript', 1)[1]}"


if __name__ == "__main__":
    try:
        typer.run(main)
    except InterviewError as error:
        sys.exit(str(error))
