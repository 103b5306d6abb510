"""`python -m corpus.check [DIR]`: validate a corpus and explain what is wrong."""

import sys
from collections.abc import Iterator
from pathlib import Path

from agent.errors import ConfigurationError
from agent.key_terms import KeyTerms
from agent.library import Library, load_library
from agent.manners import PERSONAS
from agent.personas import Cast
from agent.schema import LEVELS, Scenario
from agent.text import content_words


def warnings(library: Library) -> list[str]:
    """What is allowed but probably not meant: each a line for the author."""
    found: list[str] = []
    covered = {reference for criterion in library.criteria.values() for reference in criterion.references}
    found += [f"no criterion refers to subsection {part}" for part in library.subsections if part not in covered]
    for section, rubric in library.rubrics.items():
        if not 8 <= len(rubric.criteria) <= 14:
            found.append(f"section {section} has {len(rubric.criteria)} criteria; 8 to 14 work well")
    found += _leaks(library)
    for scenario in library.scenarios.values():
        if len(scenario.facts) < 20:
            found.append(f"scenario {scenario.id} has {len(scenario.facts)} facts; 20 or more are wanted")
        found += [f"scenario {scenario.id} {problem}" for problem in _thin(scenario, library)]
    return found


def _leaks(library: Library) -> Iterator[str]:
    """Follow-ups that bring up a word of the answer before the candidate does."""
    terms = KeyTerms(library)
    for name, criterion in library.criteria.items():
        for question in criterion.follow_ups:
            if told := content_words(question) & terms.of(criterion):
                yield f"a follow-up of {name} names the answer ({', '.join(sorted(told))}): {question}"


def _thin(scenario: Scenario, library: Library) -> Iterator[str]:
    """What a scenario still lacks to be practised more than once."""
    if len(scenario.changes) < 2:
        yield f"has {len(scenario.changes)} constraint changes; with two, the seed chooses"
    for change in scenario.changes:
        if len(change.examples) < 3 or len(change.near_misses) < 2:
            yield f"change {change.id} needs 3 examples and 2 near misses, or the response to it is judged poorly"
    if len(scenario.wrong_turns) < 5:
        yield f"has {len(scenario.wrong_turns)} wrong turns; 5 or more are wanted"
    missing = [section.id for section in library.sections if section.id not in scenario.references]
    if missing:
        yield f"has no reference points for section {', '.join(missing)}"
    for section, wanted in scenario.references.items():
        empty = [level for level in LEVELS if not getattr(wanted, level)]
        if empty:
            yield f"has no reference points for {', '.join(empty)} in section {section}"
    for fact in scenario.facts:
        if len(fact.asks) < 4:
            yield f"fact {fact.id} has {len(fact.asks)} ways to ask for it; 4 or more find it"


def main(arguments: list[str]) -> int:
    """Print what the corpus holds, or the first fault with file and line; returns the exit code."""
    root = Path(arguments[0]) if arguments else None
    try:
        library, people = load_library(root), Cast(root)
        scripted = people.scripted
    except ConfigurationError as error:
        print(error, file=sys.stderr)
        return 1
    points = sum(len(part.points) for part in library.subsections.values())
    print(f"{len(library.sections)} sections, {len(library.subsections)} subsections, {points} points")
    print(f"{len(library.criteria)} criteria, {len(library.scenarios)} scenarios, digest {library.digest}")
    print(f"{len(PERSONAS)} simulated candidates, scripted answers to {len(scripted)} scenarios")
    for line in warnings(library):
        print(f"warning: {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
