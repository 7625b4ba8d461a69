"""Answers of a real Tempo and a real Prometheus, kept once and given again.

`python -m tests.peers.record_pages` makes them. A request without an answer is refused and fails its test.
"""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FILE = Path(__file__).parent / "recorded.json.gz"


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    media_type: str
    body: bytes

    def response(self) -> Response:
        """The same said again."""
        return Response(self.body, self.status, media_type=self.media_type)


def key_of(scope: Scope, name: str) -> str:
    """What makes two requests one: server, path, parameters in any order, and the form that is asked for."""
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    params = sorted(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
    accept = Request(scope).headers.get("accept", "")
    return json.dumps([name, path, params, accept], separators=(",", ":"))


@dataclass
class Recording:
    """Answers by request; `now` is the moment of all of them, in unix nanoseconds."""

    now: int
    answers: dict[str, Answer] = field(default_factory=dict)
    # What has happened since: the same question has another answer then. Empty at first.
    since: str = ""
    # Requests that had no answer.
    missing: list[str] = field(default_factory=list)
    # While it is made: requests under way, and when the last one came or was answered.
    pending: int = 0
    changed: float = 0.0

    @classmethod
    def read(cls, file: Path = FILE) -> Recording:
        """What is kept in a file."""
        kept = json.loads(gzip.decompress(file.read_bytes()))
        answers = {}
        for key, status, media_type, body in kept["answers"]:
            raw = base64.b64decode(body) if "protobuf" in media_type else body.encode()
            answers[key] = Answer(status, media_type, raw)
        return cls(kept["now"], answers)

    def write(self, file: Path = FILE) -> None:
        """Keep every answer; the same ones make the same bytes."""
        answers = [
            [
                key,
                one.status,
                one.media_type,
                base64.b64encode(one.body).decode() if "protobuf" in one.media_type else one.body.decode(),
            ]
            for key, one in sorted(self.answers.items())
        ]
        text = json.dumps({"now": self.now, "answers": answers}, separators=(",", ":"))
        file.write_bytes(gzip.compress(text.encode(), 9, mtime=0))

    def app(self, name: str) -> ASGIApp:
        """A server that gives the answers of the one called `name`."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            key = key_of(scope, name + self.since)
            found = self.answers.get(key)
            if found is None:
                self.missing.append(key)
                response: Response = PlainTextResponse(
                    f"not recorded: {key}; run tests.peers.record_pages", 501
                )
            else:
                response = found.response()
            await response(scope, receive, send)

        return answer

    def settled(self) -> bool:
        """Whether nothing has been asked for a while, so that a page has all it wanted."""
        return self.pending == 0 and time.monotonic() - self.changed > 0.7

    def listening(self, name: str, server: ASGIApp) -> ASGIApp:
        """A server that is asked each question once; its answer is kept, and given again."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            key = key_of(scope, name + self.since)
            if found := self.answers.get(key):
                self.changed = time.monotonic()
                await found.response()(scope, receive, send)
                return
            # Compressed answers could be neither read nor compared.
            kept = [header for header in scope["headers"] if header[0] != b"accept-encoding"]
            scope = {**scope, "headers": [*kept, (b"accept-encoding", b"identity")]}
            status, media_type, body = 0, "", b""

            async def keep(message: Message) -> None:
                nonlocal status, media_type, body
                if message["type"] == "http.response.start":
                    status = message["status"]
                    media_type = dict(message["headers"]).get(b"content-type", b"text/plain").decode()
                elif message["type"] == "http.response.body":
                    body += message.get("body", b"")
                await send(message)

            self.pending, self.changed = self.pending + 1, time.monotonic()
            try:
                await server(scope, receive, keep)
            finally:
                self.pending, self.changed = self.pending - 1, time.monotonic()
            self.answers.setdefault(key, Answer(status, media_type, body))

        return answer


@contextmanager
def checked(recording: Recording) -> Iterator[None]:
    """Fail when something was asked that has not been recorded."""
    recording.missing.clear()
    yield
    assert recording.missing == [], f"not recorded, run tests.peers.record_pages: {recording.missing}"
