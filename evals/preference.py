"""Blind comparisons of what our interviewer says with what another one would: `python -m evals.preference`.

A pair is shown without saying which is ours, once in each order, to judges who work independently. `follow-ups` and `interviews` make the
pairs, `sheet` prints what a judge gets, `figures` counts the judgements that were kept beside the pairs.
"""

import asyncio
import random
import sys
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Annotated, Literal

import numpy as np
import typer
import yaml
from pydantic import RootModel

from agent.assembly import Parts, assemble
from agent.clock import ManualClock
from agent.errors import ConfigurationError, InterviewError
from agent.library import load_library
from agent.personas import Cast
from agent.play import play
from agent.schema import Move, Text, Turn, Value
from agent.settings import load_settings
from evals.conduct import Conductor, Position
from evals.dataset import load_dataset
from evals.files import read_value
from evals.looks import looked
from evals.statistics import DRAWS, SEED
from evals.template_bot import TemplateBot

FOLDER = Path(__file__).with_name("preferences")
PAIRS = "pairs.yaml"
CONTEXT = 3  # candidate's turns of the section that a judge of a follow-up is shown
MINUTES = 30.0
INTERVIEWS = (  # scenario and persona
    ("url-shortener", "strong"),
    ("team-chat", "weak"),
    ("ride-hailing", "mid"),
    ("ticket-sales", "strong"),
    ("news-feed", "mid"),
    ("payments", "weak"),
    ("web-crawler", "strong"),
    ("video-streaming", "arguing"),
    ("news-feed", "clarifying-everything"),
    ("payments", "strong"),
)
Choice = Literal["A", "B", "tie"]


class Pair(Value):
    """What our interviewer said, and what the other one would have; `context`: what was said before."""

    id: Text
    context: str
    ours: Text
    other: Text


class Pairs(RootModel[tuple[Pair, ...]]):
    """The pairs of one question."""


class Judgements(RootModel[dict[Text, Choice]]):
    """One judge's choices: item -> which of the two is better. An item is a pair in one order: `ID/1` shows ours as A, `ID/2` as B."""


def won(judged: Mapping[str, Choice]) -> dict[str, list[float]]:
    """Pair -> how often ours was preferred in each order: 1, 0, or a half for a tie."""
    found: dict[str, list[float]] = {}
    for item, choice in judged.items():
        pair, order = item.rsplit("/", 1)
        ours = "A" if order == "1" else "B"
        found.setdefault(pair, []).append(0.5 if choice == "tie" else float(choice == ours))
    return found


def items(pairs: Sequence[Pair], seed: int = SEED) -> list[tuple[str, Pair]]:
    """Every pair in both orders, shuffled so that the two do not follow each other."""
    order = random.Random(seed)
    firsts = [(f"{pair.id}/{order.choice('12')}", pair) for pair in order.sample(pairs, len(pairs))]
    seconds = [(f"{pair.id}/{'2' if item.endswith('/1') else '1'}", pair) for item, pair in firsts]
    return firsts + order.sample(seconds, len(seconds))


# --- making the pairs -------------------------------------------------------------------------------------------


async def follow_up_pairs(parts: Parts, cases: str, count: int, seed: int = SEED) -> list[Pair]:
    """So many of our follow-ups after turns of recorded interviews, each beside the follow-up on a random criterion that is still open."""
    context, dataset = parts.context(ManualClock()), load_dataset(parts.library, cases)
    conductor, chance = Conductor(parts.library, context), random.Random(seed)
    found = []
    for case in dataset.cases:
        for position in conductor.positions(case):
            asked = await conductor.asked(position)
            if asked is None or asked.move.kind != "follow_up":
                continue
            others = conductor.open_criteria(position) - {asked.move.criterion}
            if not others:
                continue
            moves = (
                Move(kind="follow_up", criterion=asked.move.criterion, wrong_turn=asked.move.wrong_turn),
                Move(kind="follow_up", criterion=chance.choice(sorted(others))),
            )
            ours, other = [await context.interviewer.speak(position.interview, move, position.elapsed, lambda _: None) for move in moves]
            found.append(Pair(id=f"{case.id}-{position.turn}", context=_said_before(position), ours=ours.text, other=other.text))
    return sorted(chance.sample(found, min(count, len(found))), key=lambda pair: pair.id)


def _said_before(position: Position) -> str:
    turns = [turn for turn in position.interview.turns if turn.section == position.section]
    candidate = [number for number, turn in enumerate(turns) if turn.speaker == "candidate"]
    kept = turns[max(0, candidate[-min(CONTEXT, len(candidate))] - 1) :]
    return _spoken(kept)


async def interview_pairs(parts: Parts, people: Cast, seed: int = SEED) -> list[Pair]:
    """The same simulated candidate, interviewed by ours and by the template bot."""
    found = []
    for number, (name, persona) in enumerate(INTERVIEWS):
        scenario = parts.library.scenario(name)
        ours = await play(parts, scenario, "senior", MINUTES, people.candidate(persona, scenario, seed + number), seed + number)
        bot = TemplateBot(parts.library, scenario, "senior", MINUTES, seed + number)
        other = await bot.interview(people.candidate(persona, scenario, seed + number))
        found.append(Pair(id=f"{name}-{persona}", context="", ours=_spoken(ours.transcript.turns), other=_spoken(other.turns)))
    return found


def _spoken(turns: Sequence[Turn]) -> str:
    return "\n\n".join(f"{'Interviewer' if turn.speaker == 'interviewer' else 'Candidate'}: {turn.text}" for turn in turns)


# --- the commands -----------------------------------------------------------------------------------------------

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
Name = Annotated[str, typer.Argument(help="follow-ups or interviews: a folder of evals/preferences, or one of your own.")]


@app.command("follow-ups")
def make_follow_ups(
    out: Annotated[Path, typer.Option(help="The folder.")] = FOLDER / "follow-ups",
    cases: Annotated[str, typer.Option(help="tune, report, or a folder of cases.")] = "report",
    count: Annotated[int, typer.Option(help="How many pairs.", min=1)] = 80,
) -> None:
    """Make pairs of follow-ups: ours, and one on a random open criterion."""
    parts = assemble(load_settings().speaking(None))
    _write(out, asyncio.run(follow_up_pairs(parts, cases, count)))


@app.command("interviews")
def make_interviews(out: Annotated[Path, typer.Option(help="The folder.")] = FOLDER / "interviews") -> None:
    """Make pairs of interviews: ours, and the template bot's."""
    settings = load_settings().speaking(None)
    _write(out, asyncio.run(interview_pairs(assemble(settings), Cast(settings.corpus))))


@app.command()
def sheet(name: Name, seed: Annotated[int, typer.Option(help="Another order for another judge.")] = SEED) -> None:
    """Print what a judge reads: every pair in both orders, without saying which is ours."""
    for item, pair in items(read_pairs(_folder(name)), seed):
        first, second = (pair.ours, pair.other) if item.endswith("/1") else (pair.other, pair.ours)
        before = f"--- what was said before\n{pair.context}\n\n" if pair.context else ""
        typer.echo(f"=== {item}\n{before}--- A\n{first}\n\n--- B\n{second}\n")


@app.command()
def figures(name: Name) -> None:
    """How often ours was preferred, by pass and together, with a 95 % interval over pairs, and how far the judges agree."""
    folder = _folder(name)
    known = {f"{pair.id}/{order}" for pair in read_pairs(folder) for order in "12"}
    passes = {path.stem: read_value(path, Judgements).root for path in sorted(folder.glob("pass-*.yaml"))}
    if not passes:
        raise ConfigurationError(f"{folder} has no judgements: keep a judge's choices as pass-1.yaml there, ITEM: A, B or tie.")
    for label, judged in passes.items():
        if set(judged) != known:
            raise ConfigurationError(f"{folder / label}.yaml must judge each pair in both orders; it differs in {sorted(set(judged) ^ known)[:3]}.")
        typer.echo(f"{label}: ours preferred in {_share(list(won(judged).values()))}; the same in both orders {_steady(judged):.0%}")
    hidden = [case.id for case in load_dataset(load_library(), "report").cases]
    if any(item.startswith(f"{case}-") for item in known for case in hidden):
        looked("preference", [f"preference-{name}-{zlib.crc32((folder / PAIRS).read_bytes()):08x}"])
    every = [won(judged) for judged in passes.values()]
    together = [[value for one in every for value in one[pair]] for pair in every[0]]
    typer.echo(f"together: ours preferred in {_share(together)}; {len(together)} pairs, {len(passes)} passes, both orders")
    if len(passes) > 1:
        first, second, *_ = passes.values()
        typer.echo(f"the first two passes agree on {fmean(first[item] == second[item] for item in known):.0%} of the items")


def _share(values: Sequence[Sequence[float]]) -> str:
    means = np.array([fmean(one) for one in values])
    drawn = np.random.default_rng(SEED).choice(means, (DRAWS, len(means))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{means.mean():.1%} [{low:.1%}, {high:.1%}]"


def _steady(judged: Mapping[str, Choice]) -> float:
    return fmean(one[0] == one[1] for one in won(judged).values())


def read_pairs(folder: Path) -> tuple[Pair, ...]:
    """The pairs of a folder. ConfigurationError when they cannot be read."""
    return read_value(folder / PAIRS, Pairs).root


def _folder(name: str) -> Path:
    shipped = FOLDER / name
    return shipped if shipped.is_dir() else Path(name)


def _write(folder: Path, pairs: Sequence[Pair]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rows = [pair.model_dump() for pair in pairs]
    (folder / PAIRS).write_text(yaml.safe_dump(rows, sort_keys=False, allow_unicode=True, width=140), encoding="utf-8")
    typer.echo(f"{len(pairs)} pairs in {folder / PAIRS}")


if __name__ == "__main__":
    try:
        app()
    except InterviewError as error:
        sys.exit(f"Error: {error}")
