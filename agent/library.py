"""Reads and validates a corpus: framework, rubrics and scenarios. Every complaint names file and line."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from agent.errors import ConfigurationError, NotFound
from agent.schema import (
    ChangeRubric,
    ConstraintChange,
    Criterion,
    Fact,
    Phrases,
    Point,
    Rubric,
    Scenario,
    Section,
    Subsection,
    WrongTurn,
    WrongTurnFile,
)
from agent.text import clean
from agent.vocabulary import Vocabulary

SHIPPED = Path(__file__).resolve().parent.parent / "corpus"
GENERAL = "general"  # the scenario whose facts serve a problem that the candidate typed in
TYPED = "typed"  # the id of such a problem
LONGEST_TITLE = 120  # characters of a problem that the candidate typed in
AS_TIME_ALLOWS = "as time allows"

_HEADING = re.compile(r"^##\s+(?P<id>\d+(?:\.\d+)?)\s+(?P<title>\S.*)$")
_POINT = re.compile(r"^- \*\*(?P<name>.+?)\*\*\s+(?P<text>\S.*)$")
_GOOD = "*In a good answer:*"
_Model = TypeVar("_Model", bound=BaseModel)


class CorpusError(ConfigurationError):
    """A file of the corpus is malformed: `path:line: what is wrong`."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(f"{path}:{line}: {problem}")


@dataclass(frozen=True)
class Library:
    """A whole corpus. Sections are in the order in which they are conducted."""

    sections: tuple[Section, ...]
    rubrics: dict[str, Rubric]
    scenarios: dict[str, Scenario]
    wrong_turns: tuple[WrongTurn, ...]  # of any problem; a scenario has its own beside them
    phrases: Phrases
    change_rubric: ChangeRubric
    digest: str  # changes when any file of the corpus does

    @cached_property
    def criteria(self) -> dict[str, Criterion]:
        """All criteria by id."""
        return {c.id: c for rubric in self.rubrics.values() for c in rubric.criteria}

    def change(self, scenario_id: str | None, change_id: str) -> ConstraintChange | None:
        """A constraint change of a scenario; None when this corpus does not have it (any more)."""
        scenario = self.scenarios.get(GENERAL if scenario_id == TYPED else scenario_id or "")
        return next((change for change in scenario.changes if change.id == change_id), None) if scenario else None

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words of all criteria."""
        return Vocabulary(self.criteria.values())

    @cached_property
    def subsections(self) -> dict[str, Subsection]:
        """All subsections by number."""
        return {part.id: part for section in self.sections for part in section.subsections}

    @cached_property
    def explanations(self) -> tuple[str, ...]:
        """All that the framework's points say."""
        return tuple(text for part in self.subsections.values() for point in part.points for text in (point.text, point.good) if text)

    def section(self, section_id: str) -> Section:
        """The section with this number; NotFound if there is none."""
        for section in self.sections:
            if section.id == section_id:
                return section
        raise NotFound(f"There is no section {section_id!r}; the framework has {', '.join(s.id for s in self.sections)}.")

    def scenario(self, scenario_id: str) -> Scenario:
        """The scenario with this id; NotFound with the known ids if there is none."""
        if scenario_id in self.scenarios:
            return self.scenarios[scenario_id]
        known = ", ".join(sorted(self.scenarios))
        raise NotFound(f"There is no scenario {scenario_id!r}. Known: {known}. A title such as 'Build a parking app' works too.")

    def problem(self, named: str) -> Scenario:
        """A scenario by id; a title with a space in it is a problem of the user's own."""
        return self.typed_scenario(named) if " " in named.strip() and named not in self.scenarios else self.scenario(named)

    def wrong_turns_of(self, scenario: Scenario) -> tuple[WrongTurn, ...]:
        """Its own, and those of any problem."""
        return (*scenario.wrong_turns, *self.wrong_turns)

    def typed_scenario(self, title: str) -> Scenario:
        """A problem that the candidate typed in, with the general set of facts."""
        plain = " ".join(re.sub(r"[<>{}]", " ", clean(title)).split())[:LONGEST_TITLE]  # it stands in prompts: one short line, no marks
        thing = re.sub(r"^(build|design|create|make)\s+", "", plain, flags=re.IGNORECASE).strip(" .!?") or "your system"
        general = self.scenario(GENERAL)
        brief = f"You are asked to build {thing}. Nothing is fixed yet: ask for what you need, and state what you assume."
        return general.model_copy(update={"id": TYPED, "title": f"Build {thing}", "thing": thing, "brief": brief})


def load_library(root: Path | None = None) -> Library:
    """Read the corpus in `root` (default: the shipped one); parts that it leaves out are taken from the shipped one."""
    if root is not None and not root.is_dir():
        raise ConfigurationError(f"The corpus folder {root} does not exist. Give a folder that holds framework/*.md.")
    home = root or SHIPPED
    # a bare folder of Markdown files replaces the framework only
    bare = root is not None and not (root / "framework").is_dir() and any(root.glob("*.md"))
    framework = home if bare else home / "framework"
    sections = _framework(framework)
    rubric_files = _files(home / "rubrics", "*.yaml") or _files(SHIPPED / "rubrics", "*.yaml")
    scenario_files = _files(home / "scenarios", "*.yaml") or _files(SHIPPED / "scenarios", "*.yaml")
    rubrics = _rubrics(rubric_files, sections)
    scenarios = _scenarios(scenario_files, sections)
    phrase_file, change_file = _file(home, "phrases.yaml"), _file(home, "change.yaml")
    phrases, _ = read_yaml(phrase_file, Phrases)
    change_rubric, _ = read_yaml(change_file, ChangeRubric)
    turn_file = _file(home, "wrong_turns.yaml")
    wrong_turns = _wrong_turns(turn_file, sections)
    digest = _digest([*_files(framework, "*.md"), *rubric_files, *scenario_files, phrase_file, change_file, turn_file])
    return Library(sections, rubrics, scenarios, wrong_turns, phrases, change_rubric, digest)


def _file(home: Path, name: str) -> Path:
    return home / name if (home / name).is_file() else SHIPPED / name


def _files(folder: Path, pattern: str) -> list[Path]:
    return sorted(path for path in folder.glob(pattern) if path.name != "README.md")


def _digest(paths: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


# --- framework --------------------------------------------------------------------------------------------------


def _framework(folder: Path) -> tuple[Section, ...]:
    paths = _files(folder, "*.md")
    if not paths:
        raise ConfigurationError(f"There is no framework in {folder}: it needs one Markdown file a section (see corpus/README.md).")
    found: dict[str, tuple[Section, Path]] = {}
    for path in paths:
        section = read_section(path)
        if section.id in found:
            raise CorpusError(path, 1, f"section {section.id} is already in {found[section.id][1].name}")
        found[section.id] = (section, path)
    return tuple(found[key][0] for key in sorted(found, key=int))


def read_section(path: Path) -> Section:
    """Read one framework file; CorpusError names the line that does not fit the form."""
    lines = _read(path).splitlines()
    meta, body = _front_matter(path, lines)
    try:
        declared = meta["minutes"]
        minutes = None if str(declared).strip().lower() == AS_TIME_ALLOWS else float(declared)
        section_id, title = str(meta["section"]), str(meta["title"])
    except (KeyError, TypeError, ValueError) as error:
        raise CorpusError(path, 1, f"the front matter needs section, title and minutes (a number or '{AS_TIME_ALLOWS}'): {error}") from None
    purpose, parts = _subsections(path, lines, body, section_id)
    if not parts:
        raise CorpusError(path, body + 1, f"no heading such as '## {section_id}.1 Title'")
    try:
        return Section(id=section_id, title=title, spoken=meta.get("spoken"), minutes=minutes, purpose=purpose, subsections=tuple(parts))
    except ValidationError as error:
        raise CorpusError(path, 1, _complaint(error)) from None


def _front_matter(path: Path, lines: list[str]) -> tuple[dict[str, Any], int]:
    if not lines or lines[0].strip() != "---" or "---" not in [line.strip() for line in lines[1:]]:
        raise CorpusError(path, 1, "the file must begin with front matter between two lines of ---")
    end = next(number for number, line in enumerate(lines[1:], 1) if line.strip() == "---")
    try:
        meta = yaml.safe_load("\n".join(lines[1:end]))
    except yaml.YAMLError as error:
        raise CorpusError(path, _yaml_line(error) + 1, "the front matter is not YAML") from None
    if not isinstance(meta, dict):
        raise CorpusError(path, 1, "the front matter must be a list of `name: value`")
    return meta, end + 1


def _subsections(path: Path, lines: list[str], body: int, section_id: str) -> tuple[str, list[Subsection]]:
    purpose: list[str] = []
    parts: list[Subsection] = []
    heads = [(number, line) for number, line in enumerate(lines) if number >= body and line.startswith("#")]
    purpose = [line for line in lines[body : heads[0][0] if heads else len(lines)] if line.strip()]
    for (number, line), following in zip(heads, [*(n for n, _ in heads[1:]), len(lines)], strict=True):
        head = _HEADING.match(line)
        if head is None:
            raise CorpusError(path, number + 1, f"a heading must read '## {section_id}.N Title', not {line!r}")
        part = head["id"]
        if part != section_id and part.split(".")[0] != section_id:
            raise CorpusError(path, number + 1, f"subsection {part} does not belong to section {section_id}")
        if any(part == known.id for known in parts):
            raise CorpusError(path, number + 1, f"subsection {part} appears twice")
        sayings = tuple(text[2:].strip() for text in lines[number + 1 : following] if text.startswith("> "))
        points = list(_points(path, lines, number + 1, following))
        if not points:
            raise CorpusError(path, number + 1, f"subsection {part} has no point ('- **Name.** text')")
        parts.append(Subsection(id=part, title=head["title"].strip(), points=tuple(points), sayings=sayings))
    return " ".join(purpose), parts


def _points(path: Path, lines: list[str], start: int, end: int) -> Iterator[Point]:
    items: list[tuple[int, str]] = []
    for number in range(start, end):
        line = lines[number].rstrip()
        if line.startswith("- "):
            items.append((number, line))
        elif not line.strip() or line.startswith("> "):
            continue
        elif line.startswith("  ") and items:
            items[-1] = (items[-1][0], f"{items[-1][1]} {line.strip()}")
        else:
            raise CorpusError(path, number + 1, "text under a heading must be a list item '- **Name.** text'; continue it with two spaces")
    for number, item in items:
        match = _POINT.match(item)
        if match is None:
            raise CorpusError(path, number + 1, "a point must begin '- **Name.** text'")
        text, _, good = match["text"].partition(_GOOD)
        if not text.strip():
            raise CorpusError(path, number + 1, f"the point {match['name']!r} says nothing before {_GOOD}")
        yield Point(name=match["name"].rstrip("."), text=text.strip(), good=good.strip())


# --- rubrics and scenarios --------------------------------------------------------------------------------------


def _rubrics(paths: list[Path], sections: tuple[Section, ...]) -> dict[str, Rubric]:
    known = {part.id for section in sections for part in section.subsections} | {section.id for section in sections}
    rubrics: dict[str, Rubric] = {}
    sources: dict[str, Path] = {}  # criterion -> its file
    for path in paths:
        rubric, root = read_yaml(path, Rubric)
        if rubric.section in rubrics:
            raise CorpusError(path, 1, f"section {rubric.section} has a second rubric")
        if rubric.section not in {section.id for section in sections}:
            raise CorpusError(path, _line(root, ("section",)), f"the framework has no section {rubric.section}")
        for number, criterion in enumerate(rubric.criteria):
            if criterion.id in sources:
                raise CorpusError(
                    path, _line(root, ("criteria", number, "id")), f"criterion {criterion.id!r} is already in {sources[criterion.id].name}"
                )
            for reference in criterion.references:
                if reference not in known:
                    line = _line(root, ("criteria", number, "references"))
                    raise CorpusError(path, line, f"criterion {criterion.id!r} refers to {reference}, which the framework does not have")
            sources[criterion.id] = path
        rubrics[rubric.section] = rubric
    for section in sections:
        if section.id not in rubrics:
            raise ConfigurationError(f"Section {section.id} ({section.title}) has no rubric: add rubrics/{section.id}-name.yaml.")
    return rubrics


def _scenarios(paths: list[Path], sections: tuple[Section, ...]) -> dict[str, Scenario]:
    known = {section.id for section in sections}
    scenarios: dict[str, Scenario] = {}
    for path in paths:
        scenario, root = read_yaml(path, Scenario)
        if scenario.id != path.stem:
            raise CorpusError(path, _line(root, ("id",)), f"the id {scenario.id!r} must equal the file's name, {path.stem!r}")
        for kind, items in (("facts", scenario.facts), ("changes", scenario.changes), ("wrong_turns", scenario.wrong_turns)):
            _check_items(path, root, kind, items, known)
        for section_id in scenario.references:
            if section_id not in known:
                raise CorpusError(path, _line(root, ("references", section_id)), f"the framework has no section {section_id}")
        scenarios[scenario.id] = scenario
    return scenarios


def _wrong_turns(path: Path, sections: tuple[Section, ...]) -> tuple[WrongTurn, ...]:
    """Those of any problem; of the shipped ones, those whose section this framework has."""
    found, root = read_yaml(path, WrongTurnFile)
    known = {section.id for section in sections}
    if path.parent == SHIPPED:
        return tuple(turn for turn in found.wrong_turns if turn.section in known)
    _check_items(path, root, "wrong_turns", found.wrong_turns, known)
    return found.wrong_turns


def _check_items(path: Path, root: yaml.Node, kind: str, items: Sequence[Fact | ConstraintChange | WrongTurn], known: set[str]) -> None:
    """Ids stand once, and sections are the framework's."""
    seen: set[str] = set()
    for number, item in enumerate(items):
        if item.id in seen:
            raise CorpusError(path, _line(root, (kind, number, "id")), f"{item.id!r} appears twice under {kind}")
        if not isinstance(item, Fact) and item.section not in known:
            raise CorpusError(path, _line(root, (kind, number, "section")), f"the framework has no section {item.section}")
        seen.add(item.id)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise CorpusError(path, line, "the file is not UTF-8 text") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None


def read_yaml(path: Path, model: type[_Model]) -> tuple[_Model, yaml.Node]:
    """A file of the corpus as a value, and its nodes, which know their lines. CorpusError names the line that does not fit the form."""
    text = _read(path)
    try:
        root, data = _parsed(text)
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or "it cannot be parsed"
        raise CorpusError(path, _yaml_line(error), f"not YAML: {problem} (put quotes round a text with ': ' or ' #' in it)") from None
    if root is None or not isinstance(data, dict):
        raise CorpusError(path, 1, "the file must hold `name: value` lines")
    try:
        return model.model_validate(data), root
    except ValidationError as error:
        raise CorpusError(path, _line(root, _first(error)["loc"]), _complaint(error)) from None


def _parsed(text: str) -> tuple[yaml.Node | None, Any]:
    """The nodes of a YAML text, which know their lines, and its values. libyaml's parser, where it is there, takes a tenth of the time."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        root = loader.get_single_node()
        return root, None if root is None else loader.construct_document(root)
    finally:
        loader.dispose()


def _first(error: ValidationError) -> Any:
    """The fault to name: a misspelt field rather than the one that is missing because of it."""
    return min(error.errors(), key=lambda fault: fault["type"] != "extra_forbidden")


def _complaint(error: ValidationError) -> str:
    fault = _first(error)
    place = ".".join(str(part) for part in fault["loc"]) or "the file"
    return f"{place}: there is no such field" if fault["type"] == "extra_forbidden" else f"{place}: {fault['msg']}"


def _yaml_line(error: yaml.YAMLError) -> int:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return mark.line + 1 if mark is not None else 1


def _line(root: yaml.Node, location: Sequence[str | int]) -> int:
    """The line of the deepest node on the way to `location`."""
    node, line = root, root.start_mark.line
    for step in location:
        following: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == step:
                    line, following = key.start_mark.line, value
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            following = node.value[step]
            line = following.start_mark.line
        if following is None:
            break
        node = following
    return int(line) + 1
