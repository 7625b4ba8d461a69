"""Requests to an OTLP/HTTP receiver, again and again until they are taken."""

from __future__ import annotations

import time

import httpx

from .errors import FileError

# What is refused for longer than this has another cause than load.
PATIENCE = 60.0
TIMEOUT = 30.0
_LATER = frozenset({429, 502, 503, 504})
_PAUSE = 1.0


class Sender:
    """An OTLP/HTTP receiver.

    Args:
        endpoint: base address, `http://localhost:4318` for instance.
        token: bearer token, where it asks for one.

    Raises:
        FileError: the address is none.
    """

    def __init__(self, endpoint: str, token: str | None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        address = endpoint if "://" in endpoint else f"http://{endpoint}"
        try:
            self._client = httpx.Client(base_url=address, headers=headers, timeout=TIMEOUT)
        except (httpx.InvalidURL, ValueError):
            raise FileError(
                "--endpoint", f"{endpoint!r} is no address. Write it as http://localhost:4318"
            ) from None
        self._endpoint = address

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def send(self, where: str, signal: str, body: bytes, *, json: bool) -> None:
        """Have one request acknowledged.

        Args:
            where: its place, for errors.
            signal: `traces`, `metrics` or `logs`.
            body: the request.
            json: whether it is JSON; otherwise protobuf.

        Raises:
            FileError: the receiver does not take it, or is not there.
        """
        media_type = "application/json" if json else "application/x-protobuf"
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                answer = self._client.post(
                    f"/v1/{signal}", content=body, headers={"Content-Type": media_type}
                )
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise FileError(
                    where,
                    f"{self._endpoint} does not answer ({error}). Start it with temponest serve, or give"
                    " another address by --endpoint",
                ) from None
            if answer.is_success:
                return
            if answer.status_code not in _LATER or time.monotonic() > deadline:
                raise FileError(where, f"refused with {answer.status_code}: {_message(answer)}")
            time.sleep(_wait(answer))


def _wait(answer: httpx.Response) -> float:
    text = answer.headers.get("retry-after", "")
    return min(float(text), PATIENCE) if text.isdigit() else _PAUSE


def _message(answer: httpx.Response) -> str:
    """What a `google.rpc.Status` says, in JSON or, as its field 2, in protobuf."""
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        pass
    from google.rpc.status_pb2 import Status

    try:
        return str(Status.FromString(answer.content).message) or answer.reason_phrase
    except Exception:  # noqa: BLE001 - whatever answers there may say anything
        return answer.text.strip()[:200] or answer.reason_phrase
