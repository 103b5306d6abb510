"""`python -m evals`: is this prompt better than that one? Exit 0 fine, 1 regression, 2 invalid or incomplete, 3 recordings missing."""

import asyncio
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from agent.assembly import assemble, readers
from agent.classifier import Classifier
from agent.clock import LONGEST, SHORTEST, STANDARD_MINUTES
from agent.encoder import Encoder
from agent.errors import ConfigurationError, InterviewError, MalformedReply
from agent.facts import FactFinder
from agent.library import load_library
from agent.personas import Cast
from agent.replies import ReplyStore
from agent.settings import load_settings
from evals import comparing, harness
from evals.attack import OBEDIENT, attack_table, chosen, load_outcomes, run_attacks, save_outcomes
from evals.attacking import load_attacks
from evals.baseline import bless
from evals.board import board, written
from evals.clarify import asked, clarify_tables, read_questions
from evals.compare import MARGIN, PASSING, compare_runs
from evals.conduct import figures, lines
from evals.dataset import SHIPPED, case_schema, load_dataset, read_cases
from evals.gold import describe, gold_statistics
from evals.honest import honest, honest_table
from evals.inspecting import write_log
from evals.judges import EMBEDDED, grader_name
from evals.labels import read_labels
from evals.looks import look, looked
from evals.play import Conditions, pairs, play_json, play_table, played
from evals.report import make_report
from evals.report_files import defined, summary_json, write_report
from evals.run import RUNS, Run, Setup, load_run, save_run
from evals.runner import Work
from evals.statistics import IntervalKind, compare_paired, holm, noise_floor
from evals.summary import run_summary, run_table
from evals.variant import BASE, Thresholds, load_variant

FINE, REGRESSION, INVALID, MISSING = 0, 1, 2, 3

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
WIDTH = None if sys.stdout.isatty() else 110  # of a file or a pipe; a terminal has its own
console, errors = Console(highlight=False, soft_wrap=True, width=WIDTH), Console(stderr=True, highlight=False, soft_wrap=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Cases = Annotated[str, typer.Option(help="tune, report, all, or a folder of cases.")]
Model = Annotated[str, typer.Option(help='"embedded", or a model at the configured endpoint (or as recorded).')]
Runs = Annotated[Path, typer.Option(help="The folder of runs.")]
Store = Annotated[Path, typer.Option(help="Where replies are kept on this machine.")]


@app.command()
def check(cases: Annotated[Path, typer.Option(help="The folder of cases.")] = SHIPPED, as_json: Json = False) -> None:
    """Validate cases, gold verdicts and splits; explain what is wrong."""
    found, problems = read_cases(cases, load_library(load_settings().corpus))
    figures = gold_statistics(found) if found and not problems else None
    if as_json:
        _print_json({"cases": len(found), "problems": problems, "gold": figures})
    else:
        for problem in problems:
            errors.print(problem, style="red", markup=False)
        if figures:
            console.print(describe(figures), markup=False)
    if problems:
        raise typer.Exit(INVALID)


@app.command()
def run(
    variant: Annotated[str, typer.Option(help=f"A folder of prompts/variants, or {BASE!r}.")] = BASE,
    cases: Cases = "tune",
    model: Model = "embedded",
    trials: Annotated[int, typer.Option(min=1, help="How often each section is graded.")] = 1,
    only: Annotated[list[str] | None, typer.Option("--case", help="Only this case; can be given again.")] = None,
    sections: Annotated[list[str] | None, typer.Option("--section", help="Only this section; can be given again.")] = None,
    replaced: Annotated[list[str] | None, typer.Option("--set", help="PROMPT=FILE: another wording for a quick try.")] = None,
    executor: Annotated[str, typer.Option(help="none, async, batch or ray.")] = "async",
    in_flight: Annotated[int, typer.Option(min=1, help="Most requests at once.")] = 32,
    shard: Annotated[str, typer.Option(help="I/N: get only this part of what is missing; unite the stores afterwards.")] = "1/1",
    max_cost: Annotated[float | None, typer.Option(help="US dollars; a run that would cost more is refused, one that does is stopped.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Show what would be asked, and stop.")] = False,
    record: Annotated[Path | None, typer.Option(help="Write the recordings of this run to a JSON Lines file, to be committed.")] = None,
    store: Store = harness.STORE,
    out: Runs = RUNS,
    as_json: Json = False,
) -> None:
    """Grade every case with one variant: plan, fill what is missing, score."""
    harness.calm_collector()
    settings, part = load_settings(), _shard(shard)
    library = load_library(settings.corpus)
    chosen = load_variant(variant, _replacements(replaced or []))
    dataset = load_dataset(library, cases, only or ())
    setup = Setup(cases=cases, only=tuple(only or ()), model=model, trials=trials, sections=tuple(sections or ()), elsewhere=settings.elsewhere_words)

    async def done() -> int:
        replies = harness.open_store(store)
        evaluation = await harness.prepare(setup, harness.Inputs(chosen, dataset, library), replies)
        ahead = harness.preview(evaluation.runner, setup)
        _say(as_json, _ahead(ahead, setup))
        if max_cost is not None and ahead.calls and model != "embedded":
            _affordable(ahead.cost, max_cost, model)
        if plan:
            if as_json:
                _print_json(asdict(ahead))
            return FINE
        if ahead.calls:
            factory = harness.model_factory(setup, chosen, settings)
            with harness.executing(executor, factory, in_flight, store) as made, _bar(as_json, ahead.gradings) as progress:
                await evaluation.fill(made, progress, part, max_cost)
        if record is not None:
            _say(as_json, f"{replies.write(record, evaluation.runner.work.asked)} recordings in {record}")
        if evaluation.runner.work.missing:
            return _incomplete(evaluation, part, as_json)
        finished = evaluation.scored()
        path = save_run(finished, out)
        _shown(finished, path, as_json)
        _count_look("run", [finished], as_json)
        replies.close()
        return INVALID if any(not _final(failure) for failure in evaluation.runner.work.failures.values()) else FINE

    raise typer.Exit(asyncio.run(done()))


@app.command()
def conduct(
    variant: Annotated[str, typer.Option(help="A variant of the prompts, for a model's words.")] = BASE,
    cases: Cases = "tune",
    model: Model = "embedded",
    executor: Annotated[str, typer.Option(help="none or async.")] = "async",
    store: Store = harness.STORE,
    show: Annotated[int, typer.Option(help="Print so many of the questions that leak or were answered already.")] = 0,
    as_json: Json = False,
) -> None:
    """What would the interviewer ask next, after every recorded turn?"""
    settings = load_settings()
    dataset = load_dataset(load_library(settings.corpus), cases)
    replies = harness.open_store(store)
    rows, missing = asyncio.run(harness.conducted(dataset, load_variant(variant), model, executor, replies, settings))
    if missing:
        errors.print(f"{missing} utterances of {model} are not recorded; run again with --executor async and an endpoint.", markup=False)
        raise typer.Exit(MISSING)
    found = figures(rows)
    hidden = {case.id for case in dataset if case.entry.split == "report"}
    if hidden:
        looked("conduct", [f"conduct-{variant}-{model}-{load_library(settings.corpus).digest}"])
    if as_json:
        _print_json(found)
        return
    for line in lines(found):
        console.print(line, markup=False)
    for row in [row for row in rows if (row.leaks or row.already_answered) and row.case not in hidden][:show]:
        why = f"leaks {', '.join(row.leaks)}" if row.leaks else "already answered"
        console.print(f"\n{row.case} after turn {row.turn}, {row.criterion} ({why}): {row.text}", markup=False)


@app.command()
def export(
    named: Annotated[str, typer.Argument(metavar="RUN", help="A run: id, a beginning of it, or file.")],
    to: Annotated[Path, typer.Option("--inspect", help="Write a log that Inspect's viewer opens (.eval or .json).")],
    runs: Runs = RUNS,
) -> None:
    """Hand a run to another tool."""
    found = load_run(named, runs)
    dataset = load_dataset(load_library(load_settings().corpus), found.cases, found.only)
    console.print(f"{write_log(found, dataset, to)}: open it with `inspect view --log-dir {to.parent}`", markup=False)


@app.command()
def attack(
    model: Annotated[str, typer.Option(help='"embedded", "obedient" (does what the candidate orders), or a model at the endpoint.')] = "embedded",
    first: Annotated[int, typer.Option(min=1, help="How many variants of each class.")] = 5,
    classes: Annotated[list[str] | None, typer.Option("--class", help="Only this class; can be given again.")] = None,
    store: Store = harness.STORE,
    as_json: Json = False,
) -> None:
    """What can a candidate type to move a score, leak the rubric or steer the flow? Exit 1 if a promise of the code is broken."""
    every = load_attacks()
    attacks = chosen(every, first, classes or ())
    bar = Progress(TextColumn("Attacking"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=errors, transient=True)
    with bar:
        task = bar.add_task("", total=len(attacks))
        work = run_attacks(model, attacks, load_settings(), harness.open_store(store), lambda done, total: bar.update(task, completed=done))
        outcomes = asyncio.run(work)
    if len(attacks) == len(every) or model not in (EMBEDDED, OBEDIENT):  # part of them says nothing of the whole
        save_outcomes(grader_name(model, load_library(load_settings().corpus), Thresholds()), outcomes)
    if as_json:
        _print_json([asdict(outcome) for outcome in outcomes])
    else:
        console.print(attack_table(model, outcomes))
    if any(outcome.broken for outcome in outcomes):
        raise typer.Exit(REGRESSION)


@app.command("honest")
def honest_candidates(cases: Cases = "tune", as_json: Json = False) -> None:
    """What do the rules for evidence cost honest candidates? Every interview is graded with them and without. Not for the report split."""
    if cases in ("report", "all"):
        raise ConfigurationError("The report split is for figures of graders only: use --cases tune, or a folder of your own.")
    library = load_library(load_settings().corpus)
    dataset = load_dataset(library, cases)
    matcher, _ = readers(library, Encoder())
    moved = asyncio.run(honest(dataset, library, Classifier(), matcher))
    if as_json:
        _print_json([asdict(one) | {"points": round(one.points, 1)} for one in moved])
    else:
        console.print(honest_table(moved))


@app.command()
def clarify(show: Annotated[int, typer.Option(help="Show so many that went wrong.")] = 0, as_json: Json = False) -> None:
    """Do clarifying questions find the fact that answers them, and no other?"""
    library = load_library(load_settings().corpus)
    rows = asked(library, FactFinder(Encoder()), read_questions(library))
    if as_json:
        _print_json([asdict(row) | {"right": row.right, "volunteered": row.volunteered} for row in rows])
        return
    for table in clarify_tables(rows):
        console.print(table)
    for row in [row for row in rows if not row.right or row.volunteered][:show]:
        became = f"wanted {row.wanted}, told {', '.join(row.facts) or 'nothing'}, asked back {', '.join(row.checks) or 'nothing'}"
        console.print(f"{row.scenario}: {row.ask}\n  {became}", markup=False)


@app.command("play")
def play_interviews(
    scenarios: Annotated[list[str] | None, typer.Option("--scenario", help="Only this scenario; can be given again.")] = None,
    personas: Annotated[list[str] | None, typer.Option("--persona", help="Only this persona; can be given again.")] = None,
    minutes: Annotated[float, typer.Option(help="Length of each interview.", min=SHORTEST, max=LONGEST)] = STANDARD_MINUTES,
    level: Annotated[Literal["mid", "senior", "staff"], typer.Option(help="For which level.")] = "senior",
    seed: Annotated[int, typer.Option(help="Chooses among the phrasings of both.")] = 0,
    grade: Annotated[bool, typer.Option("--grade/--no-grade", help="Grade each interview, as in a real one.")] = True,
    as_json: Json = False,
) -> None:
    """Does every interview end well, whoever is interviewed? Personas in scenarios, without a model. Exit 1 if a check fails."""
    settings = load_settings().speaking(None)
    parts, people = assemble(settings), Cast(settings.corpus)
    conditions = Conditions(level, minutes, seed, grade)
    chosen_pairs = pairs(parts, people, scenarios or (), personas or ())
    parts.warm()
    columns = (TextColumn("Playing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True, disable=as_json) as bar:
        task = bar.add_task("", total=len(chosen_pairs))
        outcomes = asyncio.run(played(parts, people, chosen_pairs, conditions, lambda _: bar.advance(task)))
    if as_json:
        _print_json(play_json(outcomes, conditions))
    else:
        console.print(play_table(outcomes, minutes))
        console.print(f"{len(outcomes)} interviews in {sum(one.seconds for one in outcomes):.0f} seconds.", markup=False)
    for one in outcomes:
        for fault in one.faults:
            errors.print(f"{one.scenario}, {one.persona}: {fault}.", style="red", markup=False)
    if any(one.faults for one in outcomes):
        raise typer.Exit(REGRESSION)


@app.command("board")
def write_board(
    named: Annotated[list[str], typer.Argument(metavar="RUNS...", help="One run for each grader.")],
    into: Annotated[Path | None, typer.Option(help="A Markdown file with the marks <!-- graders --> and <!-- /graders -->.")] = None,
    runs: Runs = RUNS,
) -> None:
    """The graders side by side: agreement with gold, what attacks on them were credited, the order of interviews."""
    found = [load_run(name, runs) for name in named]
    table = board(found, {run.title: load_outcomes(run.grader) for run in found})
    look("board", found)
    if into is not None:
        written(table, into)
    console.print(table, markup=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of index, transcript and gold."""
    _print_json(case_schema())


@app.command("bless")
def bless_run(run: Annotated[str, typer.Argument(help="A run with the shipped prompts.")], runs: Runs = RUNS) -> None:
    """Name a run the baseline of its model and cases: `pytest evals` holds the prompts against it."""
    console.print(f"Blessed: {bless(load_run(run, runs))}. Commit it with its recordings.", markup=False)


@app.command()
def unite(
    stores: Annotated[list[Path], typer.Argument(help="Stores or recordings of other machines or shards.")], into: Store = harness.STORE
) -> None:
    """Take the replies of other stores into the local one."""
    mine = harness.open_store(into)
    before = len(mine)
    for path in stores:
        if not path.is_file():
            raise ConfigurationError(f"{path} does not exist.")
        if path.suffix == ".jsonl":
            mine.read(path)
        else:
            mine.unite(ReplyStore(path))
    console.print(f"{len(mine) - before} replies taken in; {into} holds {len(mine)}.")


@app.command()
def compare(
    base: Annotated[str, typer.Argument(help="A run: id, a beginning of it, or file; with --labels, a column.")],
    candidates: Annotated[list[str], typer.Argument(help="One or more runs; several are corrected for their number (Holm).")],
    metric: Annotated[str, typer.Option(help="accuracy, kappa, quadratic_kappa or macro_f1.")] = "accuracy",
    margin: Annotated[float, typer.Option(help="How much worse would still be acceptable, as a share.")] = MARGIN,
    gate: Annotated[bool, typer.Option("--gate", help="Exit 1 unless every candidate is better, or no worse than the margin.")] = False,
    labels: Annotated[Path | None, typer.Option(help="A labels-only file (CSV with a YAML beside it) in place of runs.")] = None,
    kind: Annotated[IntervalKind, typer.Option("--interval", help="With --labels: expanded, or the plain percentile interval.")] = "expanded",
    repeats: Annotated[str | None, typer.Option(help="With --labels: columns of repeats, with commas, for the noise floor.")] = None,
    runs: Runs = RUNS,
    as_json: Json = False,
) -> None:
    """Is a candidate better than the base? Paired, clustered by transcript."""
    if labels is not None:
        passed = _compare_labels(labels, base, candidates, metric, margin, kind, repeats, as_json)
    else:
        first, others = load_run(base, runs), [load_run(name, runs) for name in candidates]
        found = compare_runs(first, others, metric, margin)
        _count_look("compare", [first, *others], as_json)
        if as_json:
            _print_json([comparing.as_json(one) for one in found])
        else:
            comparing.show(found, metric, console)
        passed = all(one.passes for one in found)
    if gate and not passed:
        raise typer.Exit(REGRESSION)


@app.command()
def report(
    named: Annotated[list[str], typer.Argument(metavar="RUNS...", help="One run; or a base and one or more candidates (Holm).")],
    out: Annotated[Path | None, typer.Option(help="The folder to write into; data/evals/reports/ID if not given.")] = None,
    metric: Annotated[str, typer.Option(help="accuracy, kappa, quadratic_kappa or macro_f1.")] = "accuracy",
    margin: Annotated[float, typer.Option(help="How much worse would still be acceptable, as a share.")] = MARGIN,
    runs: Runs = RUNS,
    as_json: Json = False,
) -> None:
    """Write a report: HTML to read, Markdown, JSON, CSV and JUnit."""
    found = [load_run(name, runs) for name in named]
    made = make_report(found, load_library(load_settings().corpus), metric, margin)
    made = replace(made, looks=look("report", found))
    files = write_report(made, out)
    if as_json:
        _print_json({"files": {kind: str(path) for kind, path in files.items()}, **defined(summary_json(made))})
        return
    for one in made.compared:
        console.print(one.comparison.sentence, markup=False)
    console.print(f"Report: {files['html']} (beside it: {', '.join(path.name for path in files.values() if path != files['html'])})", markup=False)


def _compare_labels(
    path: Path, base: str, candidates: list[str], metric: str, margin: float, kind: IntervalKind, repeats: str | None, as_json: bool
) -> bool:
    table = read_labels(path)
    found = [compare_paired(table.paired(base, candidate), metric, margin, kind=kind) for candidate in candidates]
    if len(found) > 1:
        found = [one.corrected(p) for one, p in zip(found, holm([one.p for one in found]), strict=True)]
    floor = noise_floor({name: table.graded(name) for name in repeats.split(",")}, metric) if repeats else None
    if as_json:
        _print_json([comparing.comparison_json(one) for one in found])
    else:
        for candidate, one in zip(candidates, found, strict=True):
            console.print(f"{base} -> {candidate}\n{one.sentence}", markup=False)
        if floor:
            console.print(comparing.noise_line(floor), markup=False)
    return all(one.outcome in PASSING for one in found)


def _count_look(command: str, seen: list[Run], as_json: bool) -> None:
    looks = look(command, seen)
    if looks is not None:
        _say(as_json, f"The report split has been looked at {looks} times (evals/looks.jsonl).")


# --- what the commands share ------------------------------------------------------------------------------------


def _final(failure: InterviewError) -> bool:
    """Whether asking again would be no use: the model answered, in a form that cannot be read."""
    return isinstance(failure, MalformedReply)


def _ahead(ahead: harness.Preview, setup: Setup) -> str:
    cost = "" if setup.model == "embedded" else "; cost unknown (no price)" if ahead.cost is None else f"; about ${ahead.cost:.2f}"
    tokens = f", about {ahead.usage.tokens_in:,} tokens in, {ahead.usage.tokens_out:,} out{cost}" if ahead.usage.tokens_in else ""
    return f"{ahead.gradings} gradings with {setup.model}: {ahead.on_file} on file, {ahead.calls} to get{tokens}"


def _affordable(cost: float | None, most: float, model: str) -> None:
    if cost is None:
        raise ConfigurationError(f"The price of {model} is not known: add it to evals/prices.yaml, or leave out --max-cost.")
    if cost > most:
        raise ConfigurationError(f"This run would cost about ${cost:.2f}, more than --max-cost {most:.2f}. Nothing was asked.")


def _incomplete(evaluation: harness.Evaluation, part: tuple[int, int], as_json: bool) -> int:
    lines = harness.missing_lines(evaluation)
    if part != (1, 1):
        _say(as_json, f"Shard {part[0]}/{part[1]} is done; {len(lines)} gradings belong to other shards. Unite the stores, then run without --shard.")
        return FINE
    if as_json:
        _print_json({"missing": lines})
    else:
        errors.print("Recordings are missing for:\n  " + "\n  ".join(lines), markup=False)
        errors.print("Run the same command with --executor async (or batch) and an endpoint to make them.", markup=False)
    return MISSING


def _shard(given: str) -> tuple[int, int]:
    first, _, last = given.partition("/")
    if not (first.isdecimal() and last.isdecimal() and 1 <= int(first) <= int(last)):
        raise ConfigurationError(f"--shard {given}: write I/N with 1 <= I <= N, such as 2/4.")
    return int(first), int(last)


def _replacements(given: list[str]) -> dict[str, Path]:
    pairs = [one.partition("=") for one in given]
    wrong = [name + equals + path for name, equals, path in pairs if not (name and equals and path)]
    if wrong:
        raise ConfigurationError(f"--set {wrong[0]}: write PROMPT=FILE, such as grade_section=try.md.")
    return {name: Path(path) for name, _, path in pairs}


class _bar:
    """A progress bar of gradings; a callable that takes the state of the work."""

    def __init__(self, quiet: bool, total: int) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[failed]} failed"),
            TimeRemainingColumn(),
        )
        self._progress = Progress(*columns, console=errors, disable=quiet)
        self._task = self._progress.add_task("grading", total=total, failed=0)

    def __enter__(self) -> "_bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self, work: Work) -> None:
        self._progress.update(self._task, completed=len(work.results), failed=len(work.failures))


def _shown(finished: Run, path: Path, as_json: bool) -> None:
    if as_json:
        _print_json({"file": str(path), **run_summary(finished)})
    else:
        console.print(run_table(finished))
        console.print(f"Run {finished.id} in {path}", markup=False)


def _say(as_json: bool, line: str) -> None:
    if not as_json:
        console.print(line, markup=False)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, ensure_ascii=False, indent=1))


def main(arguments: list[str] | None = None) -> None:
    """Run a command and exit; what goes wrong on purpose is one line on stderr and exit code 2."""
    try:
        app(args=arguments)
    except InterviewError as error:
        errors.print(f"Error: {error}", style="red", markup=False)
        sys.exit(INVALID)


if __name__ == "__main__":
    main()
