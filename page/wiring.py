"""Which handler answers which component, and what the script adds on the way."""

from collections.abc import AsyncIterator, Callable
from dataclasses import fields
from typing import Any, get_args

import gradio as gr

from agent.events import Intent
from page.handlers import Changes, Handlers
from page.layout import Layout

# The script's part of an event: it fills the carriers just before the event is sent.
HERE = "(...values) => interviewPage.here(values)"
SENDING = "(...values) => interviewPage.sending(values)"
CHOOSING = "(...values) => interviewPage.choosing(values)"
GRADING = "(...values) => interviewPage.grading(values)"
DISAGREEING = "(...values) => interviewPage.disagreeing(values)"
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}


def wire(blocks: gr.Blocks, page: Layout, handlers: Handlers) -> None:
    """Connect components and handlers; call inside the `gr.Blocks` that holds them."""
    outputs = [value for field in fields(page) if isinstance(value := getattr(page, field.name), gr.HTML)] + [page.practise]

    def on(listener: Any, handler: Callable[..., Any], inputs: list[Any], js: str, **options: Any) -> None:
        listener(handler, inputs, outputs, js=js, **QUIET, **options)

    on(blocks.load, handlers.arrive, [page.interview], HERE)
    on(page.begin.click, handlers.begin, [page.choice, page.own, page.level, page.persona, page.language, page.minutes], CHOOSING)
    on(page.send.click, handlers.send, [page.answer, page.message, page.interview], SENDING, trigger_mode="multiple")
    for name, button in page.controls.items():
        assert name in get_args(Intent)
        on(button.click, _commanded(handlers, name), [page.interview], HERE, trigger_mode="multiple")  # the session refuses a second one
    on(page.resume.click, handlers.resume, [page.interview], HERE)
    on(page.refresh.click, handlers.refresh, [page.interview], HERE)
    on(page.practise.click, handlers.practise, [page.interview], HERE)
    on(page.regrade.click, handlers.regrade, [page.choice, page.interview], GRADING)
    opinion = [page.choice, page.criterion, page.verdict, page.why, page.interview]
    on(page.disagree.click, handlers.disagree, opinion, DISAGREEING, trigger_mode="multiple")
    page.minutes.change(handlers.length, page.minutes, page.plan, trigger_mode="always_last", **QUIET)


def _commanded(handlers: Handlers, name: Any) -> Callable[[str, gr.Request], AsyncIterator[Changes]]:
    async def commanded(interview: str, request: gr.Request) -> AsyncIterator[Changes]:
        async for changes in handlers.command(name, interview, request):
            yield changes

    return commanded
