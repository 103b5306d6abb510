"""Scorecard and transcript as HTML: a fragment for the page, and one self-contained document to keep or print.

Whatever was typed or written by a model is escaped by the template engine and stripped of invisible characters, here and only here.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from agent import wording
from agent.events import LONGEST_WHY, Disagreed
from agent.library import Library
from agent.schema import Scorecard, Transcript
from agent.text import clean

HERE = Path(__file__).parent
Disagreements = Mapping[str, Disagreed]
NONE: Disagreements = MappingProxyType({})


def scorecard_fragment(
    card: Scorecard, transcript: Transcript | None, library: Library, disagreements: Disagreements = NONE, interactive: bool = False
) -> str:
    """The scorecard for inside a page that holds `report_css()`. Quotes link to `#turn-N` when the transcript has that turn.

    `disagreements`: what the candidate thinks, by criterion. `interactive`: with the controls for it, for a page that has their script.
    """
    return _scorecard(card, transcript, library, disagreements, interactive, basis=True)


def transcript_fragment(transcript: Transcript, library: Library) -> str:
    """The transcript for inside a page: every turn has the anchor `turn-N`."""
    return _render("transcript.html", transcript=transcript, library=library)


def report_html(card: Scorecard, transcript: Transcript | None, library: Library, disagreements: Disagreements = NONE) -> str:
    """Scorecard and transcript as one document that asks for nothing from outside."""
    said = transcript_fragment(transcript, library) if transcript else ""
    shown = _scorecard(card, transcript, library, disagreements, interactive=False, basis=False)  # the basis ends the document
    return _render("report.html", card=card, transcript=transcript, css=Markup(report_css()), scorecard=Markup(shown), said=Markup(said))


def _scorecard(card: Scorecard, transcript: Transcript | None, library: Library, disagreements: Disagreements, interactive: bool, basis: bool) -> str:
    shown = {"card": card, "transcript": transcript, "library": library, "disagreements": disagreements}
    return _render("scorecard.html", **shown, interactive=interactive, basis=basis, longest_why=LONGEST_WHY)


@cache
def report_css() -> str:
    """The style of both fragments; everything in it is below `.report`."""
    return (HERE / "report.css").read_text(encoding="utf-8")


def _render(name: str, **values: object) -> str:
    return _environment().get_template(name).render(words=wording, **values)


@cache
def _environment() -> Environment:
    return escaping(HERE / "templates", _visible)


def escaping(templates: Path, visible: Callable[[object], object]) -> Environment:
    """A template engine that escapes every value, after `visible` has made it harmless to read, and refuses a name that it was not given."""
    return Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _visible(value: object) -> object:
    """Text without characters that reorder or hide other text; the engine escapes it afterwards."""
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value
