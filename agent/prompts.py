"""Reads prompts/*.md: front matter with version and declared inputs, then a template. The only place where prompt text lives."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from agent.errors import ConfigurationError

SHIPPED = Path(__file__).resolve().parent.parent / "prompts"
_INPUT = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_FENCE = re.compile(r"<\s*/?\s*(said|end)\b[^>]*>?", re.IGNORECASE)


@dataclass(frozen=True)
class Prompt:
    """One prompt file."""

    name: str
    version: int
    inputs: tuple[str, ...]
    template: str
    digest: str  # changes when a character of the file does


class Prompts:
    """All prompts of a folder; a folder of a variant may hold just the files that differ, and `replaced` names single ones."""

    def __init__(self, folder: Path = SHIPPED, variant: Path | None = None, replaced: Mapping[str, Path] | None = None) -> None:
        paths = {path.stem: path for path in sorted(folder.glob("*.md")) if path.name != "README.md"}
        if not paths:
            raise ConfigurationError(f"There are no prompts in {folder}.")
        others = {path.stem: path for path in sorted(variant.glob("*.md"))} if variant else {}
        others |= replaced or {}
        unknown = sorted(set(others) - set(paths))
        if unknown:
            raise ConfigurationError(f"Nothing uses the prompts {', '.join(unknown)} of {variant or 'this try'}. Known: {', '.join(paths)}.")
        self._prompts = {name: read_prompt(path) for name, path in paths.items()}
        self._prompts |= {name: _in_place_of(self._prompts[name], path) for name, path in others.items()}

    @property
    def digests(self) -> dict[str, str]:
        """Prompt name -> digest, for transcripts and scorecards."""
        return {name: prompt.digest for name, prompt in self._prompts.items()}

    @property
    def texts(self) -> dict[str, str]:
        """Prompt name -> template, for comparing two variants."""
        return {name: prompt.template for name, prompt in self._prompts.items()}

    def render(self, name: str, **values: str) -> str:
        """The text of a prompt. Values are put in literally: no template engine ever sees what a candidate typed."""
        prompt = self._prompts.get(name)
        if prompt is None:
            raise ConfigurationError(f"There is no prompt {name!r}; prompts/ holds {', '.join(self._prompts)}.")
        return rendered(prompt, values)


def rendered(prompt: Prompt, values: Mapping[str, str]) -> str:
    """Fill in the declared inputs; ConfigurationError when the values are not exactly those."""
    if set(values) != set(prompt.inputs):
        raise ConfigurationError(f"prompt {prompt.name} takes {', '.join(prompt.inputs)}; it was given {', '.join(sorted(values))}.")
    text = _INPUT.sub(lambda match: values[match[1]], prompt.template)
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def _in_place_of(shipped: Prompt, path: Path) -> Prompt:
    """Another wording of a prompt: it takes what the shipped one takes."""
    other = read_prompt(path)
    if set(other.inputs) != set(shipped.inputs):
        raise ConfigurationError(f"{path}:1: inputs {sorted(other.inputs)}; the prompt {shipped.name} takes {sorted(shipped.inputs)}")
    return replace(other, name=shipped.name)


def read_prompt(path: Path) -> Prompt:
    """Read one prompt file; ConfigurationError names the file and what is undeclared or unused."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: this prompt cannot be read: {error}") from None
    match = re.match(r"---\n(.*?)\n---\n(.*)", text, re.DOTALL)
    if match is None:
        raise ConfigurationError(f"{path}:1: a prompt begins with front matter (version, inputs) between two lines of ---")
    try:
        meta = yaml.safe_load(match[1])
        version, inputs = int(meta["version"]), tuple(str(name) for name in meta.get("inputs") or ())
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{path}:1: the front matter needs `version: N` and `inputs: [...]` ({error})") from None
    used = set(_INPUT.findall(match[2]))
    if used != set(inputs):
        line = text[: match.start(2)].count("\n") + 1
        raise ConfigurationError(f"{path}:{line}: declared inputs {sorted(inputs)}, used {sorted(used)}; they must be the same")
    return Prompt(path.stem, version, inputs, match[2], hashlib.sha256(text.encode()).hexdigest()[:12])


def fenced(text: str, mark: str, who: str) -> str:
    """A candidate's text as data: between marks that it cannot contain."""
    return f'<said by="{who}" mark="{mark}">\n{unmarked(text, mark)}\n<end mark="{mark}">'


def unmarked(text: str, mark: str) -> str:
    """Text in which nothing looks like a fence: for the candidate's words, and for the interviewer's, who may quote them."""
    return _FENCE.sub(lambda found: found[0].replace("<", "(").replace(">", ")"), text.replace(mark, "-"))


def harmless(text: str, mark: str, most: int = 40) -> str:
    """A few of a model's own words, to be put to it again: one short line of words and figures that holds no mark and no fence."""
    return " ".join(re.sub(r"[^\w.,+#'\u2019-]+", " ", text.replace(mark, "-")).split())[:most]
