"""Who is asking: a random token in a cookie of the browser, and the owner of interviews that follows from it."""

import hashlib
import re
import secrets
from collections.abc import Mapping

from agent.errors import InterviewError

COOKIE = "candidate"
LIFETIME = 365 * 24 * 3600  # seconds
_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,64}")


def new_token() -> str:
    """A token that nobody can guess."""
    return secrets.token_urlsafe(32)


def token_of(cookies: Mapping[str, str]) -> str | None:
    """The token that a browser sent, if it has the form of one."""
    token = cookies.get(COOKIE, "")
    return token if _TOKEN.fullmatch(token) else None


def owner_of(cookies: Mapping[str, str]) -> str:
    """The owner under whom interviews are kept: a digest, so that the database opens nobody's interview.

    Raises InterviewError when the browser sent no token.
    """
    token = token_of(cookies)
    if token is None:
        raise InterviewError("A cookie keeps your interview yours, and your browser sent none. Allow cookies for this site, then reload.")
    return hashlib.sha256(token.encode()).hexdigest()
