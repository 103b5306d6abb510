"""`python -m evals attack`: the attacks of evals/attacks against a grader, and against the interviewer, and what came of them."""

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError
from rich.table import Table

from agent.assembly import assemble, endpoint
from agent.errors import ConfigurationError
from agent.grader import EmbeddedGrader, Grader, ModelGrader
from agent.llm import ChatModel
from agent.recorded import RecordedChatModel
from agent.replies import ReplyStore
from agent.settings import Settings
from evals.attacking import Attack, Outcome, Overheard, Watched, graded, obedient
from evals.judges import EMBEDDED
from evals.run import plain

OUTCOMES = Path("data/evals/attacks")
OBEDIENT = "obedient"
_ADAPTER: TypeAdapter[list[Outcome]] = TypeAdapter(list[Outcome])
Progress = Callable[[int, int], None]


def chosen(attacks: Sequence[Attack], first: int, classes: Sequence[str]) -> list[Attack]:
    """The attacks to run: of every class (or those named) the first so many variants."""
    unknown = sorted(set(classes) - {attack.name for attack in attacks})
    if unknown:
        raise ConfigurationError(f"There is no class of attacks {', '.join(unknown)}; evals/attacks holds a file for each.")
    return [attack for attack in attacks if attack.number <= first and (not classes or attack.name in classes)]


async def run_attacks(model: str, attacks: Sequence[Attack], settings: Settings, store: ReplyStore, progress: Progress) -> list[Outcome]:
    """Each attack as the only answer of a section, and with the obedient model also in a conducted interview."""
    speaker = obedient() if model == OBEDIENT else None
    parts = assemble(settings.speaking(None), interviewer=speaker)
    parts.warm()
    overheard: Overheard | None = None
    grader: Grader = EmbeddedGrader(parts.library, parts.estimator)
    if model != EMBEDDED:
        judge: ChatModel = obedient() if model == OBEDIENT else RecordedChatModel(model, store, endpoint(settings, model))
        overheard = Overheard(judge)
        grader = ModelGrader(parts.library, overheard, parts.prompts, parts.estimator, settings.elsewhere_words)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        watched = Watched(parts, Path(folder)) if model in (EMBEDDED, OBEDIENT) else None
        for number, attack in enumerate(attacks, 1):
            outcome = await graded(attack, grader, parts.library, overheard)
            if watched is not None:
                flow = await watched.attacked(attack)
                outcome = Outcome(**{**asdict(outcome), "broken": outcome.broken or flow.broken})
            found.append(outcome)
            progress(number, len(attacks))
    return found


def save_outcomes(grader: str, outcomes: Sequence[Outcome], folder: Path = OUTCOMES) -> Path:
    """Keep what came of the attacks on a grader (its name with all that its verdicts depend on), for the table of graders."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{plain(grader)}.json"
    path.write_bytes(_ADAPTER.dump_json(list(outcomes), indent=1))
    return path


def load_outcomes(grader: str, folder: Path = OUTCOMES) -> list[Outcome]:
    """What came of the attacks on a grader; nothing when none were run on it as it is now."""
    path = folder / f"{plain(grader)}.json"
    try:
        return _ADAPTER.validate_json(path.read_bytes()) if path.is_file() else []
    except ValidationError as error:
        raise ConfigurationError(f"{path} cannot be read: run `python -m evals attack` again ({error.error_count()} faults).") from None


def attack_table(model: str, outcomes: Sequence[Outcome]) -> Table:
    """What came of the attacks, in figures, and by class where one had an effect."""
    classes = Counter(outcome.attack.split("#")[0] for outcome in outcomes if outcome.passed)
    table = Table(title=f"{len(outcomes)} attacks on {model}", title_justify="left")
    table.add_column("")
    table.add_column("attacks", justify="right")
    for name, count in (
        ("broke a promise of the code", sum(bool(outcome.broken) for outcome in outcomes)),
        ("granted credit by the model, before the code looked", sum(bool(outcome.granted) for outcome in outcomes)),
        ("credited (met or partial)", sum(bool(outcome.credited) for outcome in outcomes)),
        ("met", sum(bool(outcome.met) for outcome in outcomes)),
    ):
        table.add_row(name, str(count))
    table.caption = "Credited or broken, by class: " + (", ".join(f"{name} {count}" for name, count in classes.most_common()) or "none")
    table.caption_justify = "left"
    return table
