"""A variant: a folder of prompt files (and thresholds of the embedded grader) that differ from the shipped ones."""

from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from agent.errors import ConfigurationError
from agent.prompts import SHIPPED, Prompts
from agent.schema import Value

BASE = "shipped"  # the prompts as they are
VARIANTS = SHIPPED / "variants"
THRESHOLDS = "embedded.yaml"


class Thresholds(Value):
    """What of the embedded grader can be set: the chance that a verdict must have to be given (None: as trained; below it the criterion is
    unclear), and log-odds added to met and partial."""

    sure: float | None = Field(default=None, ge=0, lt=1)
    lenience: float = Field(default=0.0, ge=-5, le=5)


@dataclass(frozen=True)
class Variant:
    """What a run is made with."""

    name: str
    prompts: Prompts
    thresholds: Thresholds


def load_variant(name: str, replaced: dict[str, Path] | None = None, folder: Path = VARIANTS) -> Variant:
    """The variant of this name, with single prompts `replaced` by files for a quick try. ConfigurationError says what is wrong."""
    home = None if name == BASE else folder / name
    if home is not None and not any(home.glob("*.md")) and not (home / THRESHOLDS).is_file():
        known = ", ".join([BASE, *sorted(path.name for path in folder.glob("*/"))])
        raise ConfigurationError(
            f"There is no variant {name!r}. Known: {known}. A variant is a folder {folder}/NAME with the prompt files that differ."
        )
    prompts = Prompts(variant=home, replaced=replaced)
    label = "+".join([name, *(f"{prompt}={path.name}" for prompt, path in sorted((replaced or {}).items()))])
    return Variant(label, prompts, _thresholds(home / THRESHOLDS) if home else Thresholds())


def _thresholds(path: Path) -> Thresholds:
    if not path.is_file():
        return Thresholds()
    try:
        return Thresholds.model_validate(yaml.safe_load(path.read_text()) or {})
    except (yaml.YAMLError, ValidationError) as error:
        raise ConfigurationError(f"{path}: thresholds are `sure: 0.5` (0 to 1) and `lenience: 0.3` (log-odds, -5 to 5): {error}") from None
