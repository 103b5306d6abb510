"""What a candidate thinks of the grader's verdicts, as a file that a further annotation pass can be read from."""

from typing import Any

import yaml

from agent.errors import InterviewError
from agent.session import InterviewSession


def candidate_gold(session: InterviewSession) -> str:
    """The disagreements of an interview as YAML, beside what the grader said. InterviewError when there is none."""
    rows = [row for section in session.interview.started.sections for row in _rows(session, section)]
    if not rows:
        raise InterviewError(f'Nobody disagreed with a verdict of interview {session.id}. On its scorecard every verdict has "I disagree".')
    results = session.interview.results
    found = {
        "case": session.id,
        "scenario": session.interview.started.scenario.id,
        "rubrics": {row["section"]: results[row["section"]].rubric_version for row in rows},
        "verdicts": rows,
    }
    return yaml.safe_dump(found, allow_unicode=True, sort_keys=False, width=150)


def _rows(session: InterviewSession, section: str) -> list[dict[str, Any]]:
    """A section's disagreements in the order of its verdicts. Empty values are left out."""
    result = session.interview.results.get(section)
    rows = []
    for given in result.verdicts if result else ():
        kept = session.interview.disagreements.get(given.criterion)
        if kept is None or result is None:
            continue
        row = {
            "criterion": given.criterion,
            "section": section,
            "verdict": kept.verdict,
            "graded": given.status,
            "grader": result.grader,
            "turn": given.turn,
            "quote": given.quote,
            "note": kept.why or None,
        }
        rows.append({name: value for name, value in row.items() if value is not None})
    return rows
