"""`python -m corpus.check [DIR]`: validate a corpus and explain what is wrong."""

import sys
from pathlib import Path

from agent.errors import ConfigurationError
from agent.library import Library, load_library


def warnings(library: Library) -> list[str]:
    """What is allowed but probably not meant: each a line for the author."""
    found: list[str] = []
    covered = {reference for criterion in library.criteria.values() for reference in criterion.references}
    found += [f"no criterion refers to subsection {part}" for part in library.subsections if part not in covered]
    for section, rubric in library.rubrics.items():
        if not 8 <= len(rubric.criteria) <= 14:
            found.append(f"section {section} has {len(rubric.criteria)} criteria; 8 to 14 work well")
    for scenario in library.scenarios.values():
        if len(scenario.facts) < 20:
            found.append(f"scenario {scenario.id} has {len(scenario.facts)} facts; 20 or more are wanted")
        if not scenario.changes:
            found.append(f"scenario {scenario.id} has no constraint change")
        missing = [section.id for section in library.sections if section.id not in scenario.references]
        if missing:
            found.append(f"scenario {scenario.id} has no reference points for section {', '.join(missing)}")
    return found


def main(arguments: list[str]) -> int:
    """Print what the corpus holds, or the first fault with file and line; returns the exit code."""
    try:
        library = load_library(Path(arguments[0]) if arguments else None)
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    points = sum(len(part.points) for part in library.subsections.values())
    print(f"{len(library.sections)} sections, {len(library.subsections)} subsections, {points} points")
    print(f"{len(library.criteria)} criteria, {len(library.scenarios)} scenarios, digest {library.digest}")
    for line in warnings(library):
        print(f"warning: {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
