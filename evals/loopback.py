"""A model server on loopback that grades at once, for benchmarks: `python -m evals.loopback PORT --latency 0.1 --faults 0.05`.

It speaks the OpenAI protocol over real HTTP. For every criterion that the prompt names it quotes the candidate's first words, so that
what comes back passes the grader's checks; `faults` is the share each of 429, 500 and malformed replies.
"""

import argparse
import asyncio
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

import uvicorn

_CRITERION = re.compile(r"^### ([a-z0-9-]+)$", re.MULTILINE)
_SAID = re.compile(r'<said by="candidate[^>]*>\n(.*?)\n<end', re.DOTALL)


class LoopbackModel:
    """The ASGI application. `served` counts requests by the status that they got."""

    def __init__(self, latency: float, faults: float = 0.0) -> None:
        self._latency, self._faults = latency, faults
        self.served: dict[str, int] = {}
        self._seen: dict[str, int] = {}

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Any], send: Callable[[dict[str, Any]], Any]) -> None:
        """One request: waits, then replies."""
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if scope["path"].endswith("/served"):
            await _send(send, 200, self.served)
            return
        await asyncio.sleep(self._latency)
        status, reply = self._reply(body)
        await _send(send, status, reply)

    def _reply(self, body: bytes) -> tuple[int, Any]:
        asked = json.loads(body)
        fault = self._fault(json.dumps(asked["messages"][:2]))
        self._count(fault or "good")
        if fault in ("429", "500"):
            return int(fault), {"error": {"message": "scripted", "type": "error", "param": None, "code": None}}
        text = "This is not what was asked for." if fault == "malformed" else json.dumps(verdicts(asked["messages"]))
        return 200, _completion(asked["model"], text)

    def _fault(self, question: str) -> str | None:
        """What goes wrong with this request, if anything does: the same every time, and only the first time it is asked, but for
        malformed replies, which a model repeats."""
        digest = hashlib.sha256(question.encode()).hexdigest()
        share = int(digest[:8], 16) / 0xFFFFFFFF
        self._seen[digest] = self._seen.get(digest, 0) + 1
        first = self._seen[digest] == 1
        if share < self._faults:
            return "429" if first else None
        if share < 2 * self._faults:
            return "500" if first else None
        return "malformed" if share < 3 * self._faults else None

    def _count(self, status: str) -> None:
        self.served[status] = self.served.get(status, 0) + 1


def criteria_in(prompt: str) -> list[str]:
    """The ids of the criteria that a grading prompt asks about, in order."""
    return _CRITERION.findall(prompt)


def verdicts(messages: list[dict[str, str]]) -> dict[str, Any]:
    """Every criterion of the prompt as not observed, with the candidate's first words: a reply of the usual size that needs no second one."""
    criteria = criteria_in(messages[0]["content"])
    said = _SAID.search(messages[1]["content"])
    quote = " ".join(said[1].split()[:8]) if said else ""
    return {
        "verdicts": [
            {"criterion": criterion, "quotes": [quote], "reason": "These words were found.", "verdict": "not_observed"} for criterion in criteria
        ]
    }


def _completion(model: str, text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "refusal": None}
    usage = {"prompt_tokens": 1500, "completion_tokens": len(text) // 4, "total_tokens": 1500 + len(text) // 4}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return {"id": "loopback", "object": "chat.completion", "created": 0, "model": model, "choices": choices, "usage": usage}


async def _send(send: Callable[[dict[str, Any]], Any], status: int, value: Any) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(value).encode()})


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    parser.add_argument("--latency", type=float, default=0.1, help="seconds before a reply")
    parser.add_argument("--faults", type=float, default=0.0, help="share each of 429, 500 and malformed replies")
    chosen = parser.parse_args()
    application = LoopbackModel(chosen.latency, chosen.faults)
    uvicorn.run(application, host="127.0.0.1", port=chosen.port, log_level="critical", lifespan="off", access_log=False)


if __name__ == "__main__":
    main()
