"""What a candidate thinks of the grader's verdicts, as a file that a further annotation pass can be read from."""

from typing import Any

import yaml

from agent.errors import InterviewError
from agent.events import Disagreed
from agent.session import InterviewSession


def candidate_gold(session: InterviewSession) -> str:
    """The disagreements of an interview as YAML, beside what the grader said. InterviewError when there is none."""
    order = session.interview.started.sections
    kept = sorted(session.interview.disagreements.values(), key=lambda one: order.index(one.section))
    rows = [_row(one) for one in kept]
    if not rows:
        raise InterviewError(f'Nobody disagreed with a verdict of interview {session.id}. On its scorecard every verdict has "I disagree".')
    found = {
        "case": session.id,
        "scenario": session.interview.started.scenario.id,
        "rubrics": {one.section: one.rubric_version for one in kept},
        "verdicts": rows,
    }
    return yaml.safe_dump(found, allow_unicode=True, sort_keys=False, width=150)


def _row(kept: Disagreed) -> dict[str, Any]:
    """A disagreement, with the verdict that it is about as it was then. Empty values are left out."""
    graded = kept.graded
    row = {
        "criterion": kept.criterion,
        "section": kept.section,
        "verdict": kept.verdict,
        "graded": graded.status if graded else None,
        "grader": kept.grader or None,
        "turn": graded.turn if graded else None,
        "quote": graded.quote if graded else None,
        "note": kept.why or None,
    }
    return {name: value for name, value in row.items() if value is not None}
