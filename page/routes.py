"""Routes beside Gradio's: the page's sign of life, its files, and the downloads."""

from pathlib import Path

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from agent.assembly import Parts
from agent.desk import Desk
from agent.errors import InterviewError, NotFound
from agent.session import InterviewSession
from page.candidate import owner_of
from page.status import Status, status_of

HERE = Path(__file__).resolve().parent
FILES = {name: HERE / name for name in ("style.css", "page.js", "icon.svg")} | {"report.css": HERE.parent / "agent" / "report.css"}
KINDS = {"md": "text/markdown; charset=utf-8", "html": "text/html; charset=utf-8", "json": "application/json"}


def routes(desk: Desk, parts: Parts) -> APIRouter:
    """The routes of a desk. Each checks that the interview belongs to the browser that asks."""
    router = APIRouter()

    async def mine(interview: str, request: Request) -> InterviewSession:
        try:
            return await desk.open(interview, owner_of(request.cookies))
        except NotFound as error:
            raise HTTPException(404, str(error)) from None
        except InterviewError as error:
            raise HTTPException(403, str(error)) from None

    @router.post("/beat/{interview}")
    async def beat(interview: str, request: Request, idle: float | None = None) -> Status:
        session = await mine(interview, request)
        async for _ in session.tick(idle):
            pass
        return status_of(session, await session.elapsed(), parts.encoder.ready)

    @router.post("/leave/{interview}", status_code=204)
    async def leave(interview: str, request: Request) -> None:
        session = await mine(interview, request)
        await session.leave()

    @router.get("/download/{interview}.{kind}")
    async def download(interview: str, kind: str, request: Request) -> Response:
        if kind not in KINDS:
            raise HTTPException(404, f"Downloads come as {', '.join(KINDS)}.")
        session = await mine(interview, request)
        try:
            text = document(session, parts, kind)
        except InterviewError as error:
            return JSONResponse({"detail": str(error)}, 409)
        name = f"interview-{session.interview.started.scenario.id}-{interview[:6]}.{kind}"
        return Response(text, media_type=KINDS[kind], headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"})

    @router.get("/page/{name}")
    async def page_file(name: str) -> Response:
        path = FILES.get(name)
        if path is None or not path.is_file():
            raise HTTPException(404, "There is no such file.")
        return FileResponse(path, headers={"Cache-Control": "no-cache"})

    return router


def document(session: InterviewSession, parts: Parts, kind: str) -> str:
    """An interview as a file: the report as Markdown or HTML, or the transcript as JSON. InterviewError until they can be had."""
    transcript = session.transcript()
    if not session.interview.finished:  # a transcript says what each question aimed at
        raise InterviewError("Report and transcript can be downloaded when the interview is over.")
    if kind == "json":
        return transcript.model_dump_json(indent=2)
    card = session.scorecard()
    if card is None:
        raise InterviewError("The report is written when every section is graded. The transcript can be downloaded now.")
    from agent.rendering import report_html, report_markdown

    write = report_markdown if kind == "md" else report_html
    return write(card, transcript, parts.library, session.interview.disagreements)
