"""Reading the evals' YAML files: what is wrong is said with the file's name."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from agent.errors import ConfigurationError

_Model = TypeVar("_Model", bound=BaseModel)
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_value(path: Path, form: type[_Model]) -> _Model:
    """A file as a value. ConfigurationError names the file and what is wrong in it."""
    return validated(path, form, read_yaml(path))


def read_yaml(path: Path) -> Any:
    """A file as plain data."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not YAML: {error}") from None


def validated(path: Path, form: type[_Model], found: Any, prefix: str = "") -> _Model:
    """A part of a file as a value; `prefix` says where in the file it stands."""
    try:
        return form.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigurationError(f"{path}: {prefix}{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
