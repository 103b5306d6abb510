"""The command line: serve, play, grade, retrieve, export, list, erase, schema. Heavy imports wait until a command needs them."""

import asyncio
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer

from agent.errors import ConfigurationError, InterviewError

if TYPE_CHECKING:
    from agent.assembly import Parts
    from agent.desk import Desk
    from agent.play import Played
    from agent.schema import Level, Scenario, Scorecard, SectionResult, Transcript
    from agent.settings import Settings

app = typer.Typer(
    help="An interviewer for system design: conducts, follows up and grades.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Corpus = Annotated[Path | None, typer.Option("--corpus", help="Another framework (see corpus/README.md).")]
LevelName = Annotated[str | None, typer.Option("--level", help="mid, senior or staff.")]
Model = Annotated[str | None, typer.Option("--model", help='"embedded", or a model at the configured endpoint.')]


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 7860,
    corpus: Corpus = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Serve the page."""
    from app import main as serve_page

    serve_page(host=host, port=port, settings=_settings(corpus), open_page=open_page)


@app.command()
def play(
    candidate: Annotated[str, typer.Option(help="persona:NAME, model:NAME, or a file of answers: YAML or JSON, section -> list of answers.")],
    problem: Annotated[str | None, typer.Argument(metavar="SCENARIO", help='A scenario\'s id, or a title such as "Build a parking app".')] = None,
    scenario: Annotated[str | None, typer.Option(help="The same, as an option.")] = None,
    level: LevelName = "senior",
    minutes: Annotated[float, typer.Option(help="Length of the interview, 15 to 90.")] = 45.0,
    model: Model = None,
    seed: Annotated[int, typer.Option(help="Chooses among the interviewer's phrasings, and a persona's words.")] = 0,
    corpus: Corpus = None,
    as_json: Json = False,
) -> None:
    """Conduct a whole interview against a simulated candidate, on a clock that runs as fast as is spoken.

    The personas are strong, mid, weak, silent, rambling, keyword-dropper, arguing, clarifying-everything and clock-runner. As model:NAME the
    configured model plays one; with --model embedded it is interviewed and graded without a model.
    """
    from agent.play import BrokenOff
    from agent.rendering import report_markdown

    named = problem or scenario
    if named is None or (problem and scenario):
        raise InterviewError("Give one problem to play: a scenario's id, or a title such as 'Build a parking app'.")
    settings = _settings(corpus, model)
    parts = _parts(settings)
    try:
        played = asyncio.run(_played(parts, named, candidate, _level(level) or "senior", minutes, seed))
    except BrokenOff as error:
        raise InterviewError(f"{error} {_kept(error.transcript, settings)}") from error
    if as_json:
        _print_json({"transcript": played.transcript.model_dump(mode="json"), "scorecard": _plain(played.card)})
    else:
        typer.echo(report_markdown(played.card, played.transcript, parts.library))


async def _played(parts: "Parts", named: str, candidate: str, level: "Level", minutes: float, seed: int) -> "Played":
    from agent.casting import candidate_model, cast
    from agent.play import play as conduct
    from agent.settings import load_settings

    scenario = await _scenario(parts, named)
    model = candidate_model(parts.settings, load_settings()) if candidate.startswith("model:") else None
    return await conduct(parts, scenario, level, minutes, cast(candidate, scenario, seed, parts, model), seed)


def _kept(transcript: "Transcript", settings: "Settings") -> str:
    """Write down what was said before an interview broke off; returns where that is."""
    path = settings.data / "unfinished" / f"{transcript.id}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(transcript.model_dump_json(indent=2), encoding="utf-8")
    return f"What was said until then is in {path}; `python -m agent grade {path}` grades it."


@app.command()
def grade(
    files: Annotated[list[Path] | None, typer.Argument(help="Transcripts: our JSON, or a real interview as text or Markdown.")] = None,
    again: Annotated[str | None, typer.Option(metavar="INTERVIEW", help="Instead of files: a kept interview whose grader failed.")] = None,
    scenario: Annotated[str | None, typer.Option(help="The problem, if the file does not say.")] = None,
    level: LevelName = None,
    model: Model = None,
    corpus: Corpus = None,
    as_json: Json = False,
) -> None:
    """Grade transcripts: one scorecard a file. A file that cannot be read is an error; the others are still graded.

    With --again, the sections of a kept interview whose grader failed are graded again.
    """
    chosen = _level(level)
    if again is not None:
        if files or scenario or level:
            raise InterviewError("--again takes a kept interview as it is: leave out files, --scenario and --level.")
        asyncio.run(_graded_again(_desk(_settings(corpus, model)), again, as_json))
        return
    if not files:
        raise InterviewError("Give transcripts to grade, or --again with the id of a kept interview (see `list`).")
    parts = _parts(_settings(corpus, model))
    if asyncio.run(_graded(parts, files, scenario, chosen, as_json)):
        raise typer.Exit(1)


async def _graded(parts: "Parts", files: list[Path], scenario: str | None, level: "Level | None", as_json: bool) -> int:
    """Print a scorecard, or what is wrong, for each file in turn; returns how many failed."""
    from agent.importing import Sectioner, read_transcript
    from agent.rendering import report_markdown

    title = parts.library.problem(scenario).title if scenario else None
    parts.warm()
    sectioner = Sectioner(parts.library, parts.retriever)
    failed = 0
    for path in files:
        try:
            transcript = read_transcript(path, parts.library, sectioner, scenario=scenario, level=level)
            if title and transcript.scenario == scenario:
                transcript = transcript.model_copy(update={"title": title})
            card = await grade_transcript(parts, transcript)
        except InterviewError as error:
            failed += 1
            if as_json:
                _print_json({"file": str(path), "error": str(error)})
            else:
                typer.echo(f"Error: {error}", err=True)
            continue
        if as_json:
            _print_json({"file": str(path), **_plain(card)})
        else:
            typer.echo(report_markdown(card, transcript, parts.library))
    return failed


async def _graded_again(desk: "Desk", interview: str, as_json: bool) -> None:
    """Grade what has no score yet, tell on stderr in one line what that was, and print the scorecard."""
    from agent.rendering import report_markdown
    from agent.updates import Graded

    session = await desk.open(interview)
    if not session.interview.finished:
        raise InterviewError(f"Interview {interview} is not over. Go on with it, or end it, on the page.")
    failed = [name for name, result in session.interview.results.items() if result.failed]
    graded = [update.result async for update in session.grade(again=failed) if isinstance(update, Graded)]
    typer.echo(_told_again(graded), err=True)
    card = session.scorecard()
    assert card is not None  # the interview is over, and what failed again has a result too
    if as_json:
        _print_json({"interview": interview, **_plain(card)})
    else:
        typer.echo(report_markdown(card, session.transcript(), desk.context.library, session.interview.disagreements))


def _told_again(graded: "list[SectionResult]") -> str:
    """What was graded again, in a line."""
    done = sorted((row for row in graded if not row.failed), key=lambda row: int(row.id))
    failed = sorted((row for row in graded if row.failed), key=lambda row: int(row.id))
    parts = [f"Graded again: {', '.join(row.id for row in done)}."] if done else []
    parts += [f"Failed again: {', '.join(row.id for row in failed)} ({failed[0].failure})"] if failed else []
    return " ".join(parts) or "No section's grader failed, so nothing was graded again."


@app.command()
def retrieve(
    text: Annotated[str | None, typer.Argument(help="A statement.")] = None,
    section: Annotated[str | None, typer.Option(help="Only in this section.")] = None,
    k: Annotated[int, typer.Option("-k", help="How many subsections.", min=1)] = 5,
    file: Annotated[Path | None, typer.Option(help="One statement a line; prints one JSON list a line.")] = None,
    corpus: Corpus = None,
    as_json: Json = False,
) -> None:
    """Find the subsections of the framework that a statement is about."""
    if (text is None) == (file is None):
        raise InterviewError("Give either a statement or --file with one statement a line.")
    if text is not None and not text.strip():
        raise InterviewError("The statement is empty.")
    retriever = _parts(_settings(corpus)).retriever
    if file is not None:
        for line in _lines(file):
            _print_json([hit.model_dump() for hit in retriever.search(line, k, section)])
        return
    found = retriever.search(text or "", k, section)
    if as_json:
        _print_json([hit.model_dump() for hit in found])
    else:
        for hit in found:
            typer.echo(f"{hit.subsection:>5}  {hit.score:.2f}  {hit.text}")


@app.command()
def export(
    interview: Annotated[str, typer.Argument(help="The interview's id (see `list`).")],
    form: Annotated[str, typer.Option("--format", help="json (the transcript), md or html (the report), gold (the disagreements).")] = "json",
    as_json: Json = False,
) -> None:
    """Print a kept interview."""
    from agent.candidate_gold import candidate_gold
    from agent.rendering import report_html, report_markdown, transcript_markdown

    if form not in ("json", "md", "html", "gold"):
        raise InterviewError(f"--format is json, md, html or gold, not {form!r}.")
    desk = _desk(_settings(None))
    session = asyncio.run(desk.open(interview))
    transcript, card, library, disagreed = session.transcript(), session.scorecard(), desk.context.library, session.interview.disagreements
    if form == "gold" and not as_json:
        typer.echo(candidate_gold(session), nl=False)
    elif form == "json" or as_json:
        typer.echo(transcript.model_dump_json(indent=None if as_json else 2))
    elif card is None:
        if form == "html":
            raise InterviewError("This interview is not over, so there is no report yet; --format md prints what was said.")
        typer.echo(transcript_markdown(transcript, library))
    else:
        write = report_html if form == "html" else report_markdown
        typer.echo(write(card, transcript, library, disagreed))


@app.command("list")
def list_interviews(as_json: Json = False) -> None:
    """List the kept interviews, newest first."""
    desk = _desk(_settings(None))
    rows = []
    for session in asyncio.run(desk.mine()):
        interview = session.interview
        card = session.scorecard()
        rows.append(
            {
                "id": session.id,
                "scenario": interview.started.scenario.id,
                "title": interview.started.scenario.title,
                "level": interview.started.level,
                "started": interview.started.at,
                "section": interview.section.id if interview.section else None,
                "finished": interview.finished is not None,
                "score": card.overall.score if card else None,
            }
        )
    if as_json:
        _print_json(rows)
    for row in [] if as_json else rows:
        where = "finished" if row["finished"] else f"in section {row['section']}"
        typer.echo(f"{row['id']}  {row['title']}  {row['level']}  {where}  {row['score'] if row['score'] is not None else ''}")


@app.command()
def erase(interview: Annotated[str, typer.Argument(help="The interview's id.")], as_json: Json = False) -> None:
    """Remove a kept interview and everything that was said in it."""
    desk = _desk(_settings(None))
    asyncio.run(desk.erase(interview))
    if as_json:
        _print_json({"erased": interview})
    else:
        typer.echo(f"Erased {interview}.")


@app.command()
def schema(what: Annotated[str, typer.Argument(help="transcript or scorecard.")] = "transcript", as_json: Json = False) -> None:
    """Print the JSON Schema of a transcript or a scorecard."""
    from agent.schema import Scorecard, Transcript

    known: dict[str, Any] = {"transcript": Transcript, "scorecard": Scorecard}
    if what not in known:
        raise InterviewError(f"There is a schema of transcript and of scorecard, not of {what!r}.")
    typer.echo(json.dumps(known[what].model_json_schema(mode="validation"), indent=None if as_json else 2))


async def grade_transcript(parts: "Parts", transcript: "Transcript") -> "Scorecard":
    """Grade every section that the candidate spoke in; the others were not reached."""
    from agent.clock import SystemClock
    from agent.graph import build_assess
    from agent.scoring import scorecard
    from agent.state import AssessState

    graph, context = build_assess(), parts.context(SystemClock())
    results = {}
    for section in parts.library.sections:
        reached = any(turn.section == section.id and turn.speaker == "candidate" for turn in transcript.turns)
        if reached or section.id in transcript.sections_reached:
            state: AssessState = {"transcript": transcript, "section": section.id}
            results[section.id] = (await graph.ainvoke(state, context=context))["result"]
    return scorecard(transcript, results, parts.library, parts.grader.name)


# --- what the commands share ------------------------------------------------------------------------------------


def _settings(corpus: Path | None, model: str | None = None) -> "Settings":
    from agent.settings import load_settings

    settings = load_settings()
    if corpus is not None:
        settings = settings.model_copy(update={"corpus": corpus})
    return settings if model is None else settings.speaking(model)


def _parts(settings: "Settings") -> "Parts":
    from agent.assembly import assemble

    return assemble(settings)


def _desk(settings: "Settings") -> "Desk":
    from agent.assembly import assemble
    from agent.store import EventStore

    return assemble(settings).desk(EventStore(settings.database))


async def _scenario(parts: "Parts", named: str) -> "Scenario":
    """A scenario by id, or a problem of the user's own, whose facts a model drafts if there is one."""
    from agent.drafting import draft_scenario
    from agent.library import TYPED

    if parts.library.problem(named).id != TYPED:
        return parts.library.scenario(named)
    return await draft_scenario(parts.drafter, parts.prompts, parts.library, named)


def _level(named: str | None) -> "Level | None":
    if named is not None and named not in ("mid", "senior", "staff"):
        raise InterviewError(f"The level is mid, senior or staff, not {named!r}.")
    return cast('Literal["mid", "senior", "staff"] | None', named)


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InterviewError(f"{path} cannot be read: {error}") from None


def _plain(card: "Scorecard") -> dict[str, Any]:
    """A scorecard for other programs, which know three verdicts and none: what is unclear is unscored for them, with its chances."""
    found: dict[str, Any] = card.model_dump(mode="json")
    for section in found["sections"]:
        for verdict in (*section["verdicts"], *([section["change"]] if section["change"] else [])):
            if verdict["status"] == "unclear":
                verdict["status"] = "unscored"
    return found


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False))


def _told(run: Callable[[], Any]) -> int:
    """Run a command; failures of ours are one line on stderr, exit 2 for a wrong configuration and 1 for the rest."""
    try:
        run()
    except InterviewError as error:
        typer.echo(f"Error: {error}", err=True)
        return 2 if isinstance(error, ConfigurationError) else 1
    return 0


def main() -> None:
    """Entry point."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s", stream=sys.stderr)
    sys.exit(_told(app))


if __name__ == "__main__":
    main()
