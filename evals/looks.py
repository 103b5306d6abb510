"""How often somebody looked at the report split. Each look at figures is a chance to tune for them, so looks are counted in the open."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.errors import ConfigurationError
from evals.run import Run

LOOKS = Path(__file__).with_name("looks.jsonl")


def look(command: str, runs: list[Run], path: Path = LOOKS) -> int | None:
    """Write down a look and return how many there were; None when no run holds a case of the report split.

    The same look at the same runs counts once: a report that is made again shows nothing new.
    """
    return looked(command, sorted(run.id for run in runs if "report" in run.splits), path)


def looked(command: str, names: list[str], path: Path = LOOKS) -> int | None:
    """The same for what is no run; `names`: of what was looked at."""
    if not names:
        return None
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    seen = [_entry(line, path, number) for number, line in enumerate(lines, 1)]
    if not any(entry["runs"] == names for entry in seen):
        entry = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "command": command, "runs": names}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")
        seen.append(entry)
    return len(seen)


def _entry(line: str, path: Path, number: int) -> dict[str, Any]:
    try:
        entry: dict[str, Any] = json.loads(line)
        entry["runs"]
    except (ValueError, KeyError, TypeError):
        raise ConfigurationError(f"{path}:{number}: not a look. Take the file from version control again.") from None
    return entry
