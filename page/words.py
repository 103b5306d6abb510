"""Small texts that several parts of the page say."""

import html
from functools import lru_cache

import nh3
from markdown_it import MarkdownIt

from agent.settings import EMBEDDED

_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True}).disable("image")
_TAGS = {"p", "br", "em", "strong", "code", "pre", "ul", "ol", "li", "blockquote", "h1", "h2", "h3", "h4", "hr"}


def escaped(text: str) -> str:
    """Text as it stands, safe in HTML and in its attributes."""
    return html.escape(text, quote=True)


@lru_cache(maxsize=4096)
def formatted(text: str) -> str:
    """An interviewer's Markdown as HTML without links, images and raw HTML: a model's words may not load or lead anywhere."""
    return nh3.clean(_MARKDOWN.render(text), tags=_TAGS, attributes={})


def long_time(seconds: float) -> str:
    """A length as a person writes it: "5 minutes", "90 seconds"."""
    if seconds < 120 and round(seconds) != 60:
        return f"{round(seconds)} seconds"
    minutes = round(seconds / 30) / 2
    return "1 minute" if minutes == 1 else f"{minutes:g} minutes"


def brain(name: str) -> str:
    """Who interviews, for the badge."""
    return "Embedded interviewer: no model configured" if name == EMBEDDED else f"Model: {name}"


def badge(name: str) -> str:
    """The badge; opened, it says how to change who interviews."""
    first = (
        "No language model is configured, so the embedded interviewer asks from its question bank, and a small model on this machine grades."
        if name == EMBEDDED
        else f"The language model {name} speaks and grades."
    )
    return (
        f'<details class="badge"><summary>{escaped(brain(name))}</summary><div class="badge-box">'
        f"<p>{escaped(first)}</p><p>To change it, set these in the file <code>.env</code> beside the program, then start it again:</p>"
        "<pre>OPENAI_BASE_URL=http://127.0.0.1:11434/v1\nOPENAI_API_KEY=...\nAGENT_MODEL=name-of-the-model</pre>"
        "<p>Any endpoint that speaks the OpenAI protocol will do: OpenAI, Azure, Ollama, vLLM, a llama.cpp server.</p></div></details>"
    )
