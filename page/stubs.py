"""Gradio, imported without the editor stubs that it writes."""

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def no_stubs() -> Iterator[None]:
    """Within this, importing Gradio does not parse its own source to refresh its .pyi files.

    That work takes 2.5 of the 4.5 seconds of the import and is of use to editors only. Gradio skips it for a class that
    has no source file, so its classes are said to have none.
    """
    original = inspect.getfile

    def getfile(thing: Any) -> str:
        if isinstance(thing, type) and thing.__module__.startswith("gradio."):
            raise OSError("no source file")
        return original(thing)

    inspect.getfile = getfile  # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.getfile = original
