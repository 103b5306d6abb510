"""Forms: what a language model is asked to fill in. Its JSON schema for the endpoint, and a reply read back as a value."""

import json
import re
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from agent.errors import MalformedReply

Reply = TypeVar("Reply", bound=BaseModel)
THOUGHT_BEGINS, THOUGHT_ENDS = "<think>", "</think>"  # round what a reasoning model thinks, where a server leaves that in the reply


def parse(text: str, form: type[Reply]) -> Reply:
    """Read a form from a reply that may wrap it in thoughts, a fence or words. Raises MalformedReply that says what is wrong."""
    body = text.lstrip()
    if body.startswith(THOUGHT_BEGINS):
        body = body.partition(THOUGHT_ENDS)[2].lstrip()
    fence = None if body.startswith("{") else re.search(r"```(?:json)?\s*(\{.*)```", body, re.DOTALL)
    body = fence[1] if fence else body
    start = body.find("{")
    if start < 0:
        raise MalformedReply("The reply holds no JSON object.", text)
    try:
        found, _ = json.JSONDecoder(strict=False).raw_decode(body, start)
        return form.model_validate(found)
    except json.JSONDecodeError as error:
        raise MalformedReply(f"The reply is not JSON: {error.msg} at character {error.pos}.", text) from None
    except RecursionError:
        raise MalformedReply("The reply is not JSON: it is nested too deeply.", text) from None
    except ValidationError as error:
        first = error.errors()[0]
        raise MalformedReply(f"The reply does not fit the form: {'.'.join(map(str, first['loc']))}: {first['msg']}.", text) from None


@lru_cache  # callers must not change what they are given
def strict_schema(form: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a form as strict endpoints want it: every field required, nothing else allowed."""
    schema: dict[str, Any] = _tightened(form.model_json_schema())
    return schema


def _tightened(node: Any) -> Any:
    if isinstance(node, list):
        return [_tightened(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept = {key: value for key, value in node.items() if key not in ("default", "title", "description")}
    for key, value in kept.items():
        named = key in ("properties", "$defs") and isinstance(value, dict)  # its keys are names, and a field may be named "title"
        kept[key] = {name: _tightened(inner) for name, inner in value.items()} if named else _tightened(value)
    if kept.get("type") == "object" and "properties" in kept:
        kept.update(additionalProperties=False, required=list(kept["properties"]))
    return kept
