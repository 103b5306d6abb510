"""`python -m evals.retrieval`: how often the retriever ranks an accepted subsection first, and among the first five.

The statements were labelled from the framework's text alone, before any result was seen and without sight of the corpus.
The dev half may be looked at when the retriever or the corpus is tuned; the test half is for reporting.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from agent.encoder import Encoder
from agent.library import load_library
from agent.retrieval import Retriever

SETS = ("direct", "oblique")  # to the point, in the field's words; and in everyday words of many problems


@dataclass(frozen=True)
class Labelled:
    """A statement that a candidate might say, and the subsections that it is about."""

    id: str
    text: str
    accept: tuple[str, ...]
    split: str


def read_statements(name: str) -> list[Labelled]:
    """The labelled statements of one set."""
    path = Path(__file__).with_name(f"{name}.yaml")
    return [Labelled(row["id"], row["text"], tuple(row["accept"]), row["split"]) for row in yaml.safe_load(path.read_text())]


def hits(retriever: Retriever, rows: list[Labelled]) -> list[tuple[Labelled, list[str]]]:
    """The first five subsections for every statement."""
    return [(row, [hit.subsection for hit in retriever.search(row.text, k=5)]) for row in rows]


def rates(found: list[tuple[Labelled, list[str]]]) -> tuple[float, float]:
    """hit@1 and hit@5."""
    first = sum(parts[0] in row.accept for row, parts in found)
    five = sum(bool(set(parts) & set(row.accept)) for row, parts in found)
    return first / len(found), five / len(found)


def main(arguments: list[str]) -> int:
    """Print the rates per set and split; `--misses` lists what was not first (dev only)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--misses", action="store_true")
    parser.add_argument("--data", type=Path, default=Path("data"), help="where the index is kept")
    chosen = parser.parse_args(arguments)
    retriever = Retriever(load_library(), Encoder(), chosen.data)
    for name in SETS:
        rows = read_statements(name)
        for split in ("dev", "test"):
            found = hits(retriever, [row for row in rows if row.split == split])
            one, five = rates(found)
            print(json.dumps({"set": name, "split": split, "statements": len(found), "hit@1": round(one, 3), "hit@5": round(five, 3)}))
            if chosen.misses and split == "dev":
                for row, parts in found:
                    if parts[0] not in row.accept:
                        print(f"  {row.id} wants {row.accept}, got {parts}: {row.text}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
