"""The page's server: `python app.py`, or `build` for a server of your own."""

import logging
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from fastapi import FastAPI

from agent.assembly import Parts, assemble
from agent.errors import InterviewError
from agent.settings import Settings, load_settings
from agent.store import EventStore
from page.stubs import no_stubs

log = logging.getLogger(__name__)
TITLE = "System design interview"
WARM_AFTER = 1.5  # seconds after the server listens


def build(settings: Settings, parts: Parts | None = None) -> FastAPI:
    """The page as an application. `parts` given here are used instead of those that the settings describe.

    Nothing that is said leaves the machine by itself: Gradio's analytics are off unless the environment asks for
    them, and LangSmith's tracing unless the settings do.
    """
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    with no_stubs():
        import gradio as gr
    from page.guard import Guard
    from page.handlers import Handlers, brain_of
    from page.layout import lay_out, theme
    from page.routes import routes
    from page.wiring import wire

    made = parts or assemble(settings)
    desk = made.desk(EventStore(settings.database))
    app = FastAPI(title=TITLE, docs_url=None, redoc_url=None, openapi_url=None, lifespan=_warming(made))
    app.include_router(routes(desk, made))
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True) as blocks:
        layout = lay_out(made.library, brain_of(made))
        wire(blocks, layout, Handlers(desk, made, layout))
    blocks.queue(default_concurrency_limit=None, api_open=False)
    gr.mount_gradio_app(app, blocks, path="/", theme=theme(), footer_links=[], run_history=False, ssr_mode=False, show_error=False)
    app.add_middleware(Guard)
    return app


def main(host: str = "127.0.0.1", port: int = 7860, settings: Settings | None = None, open_page: bool = False) -> None:
    """Serve the page until the process is stopped; `open_page` shows it in the machine's browser as soon as it answers."""
    import uvicorn

    try:
        app = build(settings or load_settings())
    except InterviewError as error:
        sys.exit(f"Error: {error}")
    address = f"http://{host}:{port}"
    print(f"The interview is at {address}", file=sys.stderr, flush=True)
    if open_page:
        import webbrowser

        threading.Timer(1.0, webbrowser.open, [address]).start()
    uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=3)


def _warming(parts: Parts) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """A lifespan that loads encoder and index in a thread of its own: the first question needs neither.

    It waits a moment, because importing torch would hold up the first page.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        timer = threading.Timer(WARM_AFTER, _warm, [parts])
        timer.daemon = True
        timer.start()
        yield
        timer.cancel()

    return lifespan


def _warm(parts: Parts) -> None:
    parts.encoder.start()
    try:
        parts.warm()
    except Exception:  # the first answer meets the same failure and tells the candidate in words
        log.exception("The index or the encoder could not be prepared.")


if __name__ == "__main__":
    main()
