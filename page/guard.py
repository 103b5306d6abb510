"""The door of the server: gives each browser its cookie, and says in headers that nothing may be loaded from outside."""

from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from page.candidate import COOKIE, LIFETIME, new_token, token_of
from page.index import rewritten

# Gradio evaluates its templates and handlers (unsafe-eval) and styles its components inline; nothing comes from elsewhere.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; media-src 'self' blob:; connect-src 'self'; worker-src 'self' blob:; object-src 'none'; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'self'"
)


class Guard:
    """ASGI middleware round the whole application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, with cookie and headers."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        index = scope["method"] == "GET" and scope["path"] == "/"
        token = None
        if index:
            token = None if token_of(_cookies(scope)) else new_token()
            plain = [(name, value) for name, value in scope["headers"] if name not in (b"accept-encoding", b"if-none-match")]
            scope = {**scope, "headers": plain}  # the index is rewritten below, so it must come as it is
        await self._app(scope, receive, _Reply(send, index, token, scope["scheme"] == "https").send)


class _Reply:
    """One response on its way out."""

    def __init__(self, send: Send, index: bool, token: str | None, secure: bool) -> None:
        self._send, self._index, self._token, self._secure = send, index, token, secure
        self._start: Message = {}
        self._body = b""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._protect(MutableHeaders(raw=message["headers"]))
            self._start = message
            if self._index:
                return
        elif self._index and message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if message.get("more_body"):
                return
            body = rewritten(self._body)
            MutableHeaders(raw=self._start["headers"])["content-length"] = str(len(body))
            await self._send(self._start)
            message = {"type": "http.response.body", "body": body}
        await self._send(message)

    def _protect(self, headers: MutableHeaders) -> None:
        headers["content-security-policy"] = POLICY
        headers["x-content-type-options"] = "nosniff"
        headers["referrer-policy"] = "same-origin"
        if self._index:
            headers["cache-control"] = "no-store"
        if self._token is not None:
            secure = "; Secure" if self._secure else ""
            headers.append("set-cookie", f"{COOKIE}={self._token}; Path=/; Max-Age={LIFETIME}; HttpOnly; SameSite=Lax{secure}")


def _cookies(scope: Scope) -> dict[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(Headers(scope=scope).get("cookie", "")).items()}
    except CookieError:
        return {}
