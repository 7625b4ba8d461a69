"""Services under the servers that run them: every worker reports, its last words included."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from .receiver import Receiver
from .run import APP, GUNICORN, HYPERCORN, UVICORN, serve

UVICORN_WORKER = (*GUNICORN, "--workers", "2", "--worker-class", "uvicorn_worker.UvicornWorker")
OWN_WORKER = (*GUNICORN, "--workers", "2", "--worker-class", "asgi")


def test_a_service_that_is_terminated_under_load_answers_and_loses_nothing(
    receiver: Receiver, tmp_path: Path
) -> None:
    """Every answered request has its span, although uvicorn raises SIGTERM again and `atexit` never runs."""
    with serve(APP, receiver, tmp_path, *UVICORN) as server:
        answered: list[int] = []

        def ask(number: int) -> None:
            assert client.get(f"{server.address}/number/{number}").json() == number
            answered.append(number)

        with httpx.Client(timeout=10) as client, ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, range(300)))
            last = [pool.submit(ask, number) for number in range(300, 340)]
            last[0].result()
            server.terminate()
    assert receiver.names().count("GET /number/{number}") >= len(answered)
    (metrics,) = receiver.metrics.values()
    assert "http.server.request.duration" in metrics


@pytest.mark.parametrize(
    "command",
    [
        pytest.param((*UVICORN, "--workers", "2"), id="uvicorn"),
        pytest.param(UVICORN_WORKER, id="gunicorn-uvicorn"),
        pytest.param((*UVICORN_WORKER, "--preload"), id="gunicorn-uvicorn-preload"),
        pytest.param(OWN_WORKER, id="gunicorn-asgi"),
        pytest.param((*OWN_WORKER, "--preload"), id="gunicorn-asgi-preload"),
        pytest.param((*HYPERCORN, "--workers", "2"), id="hypercorn"),
    ],
)
def test_every_worker_is_an_instance_that_reports_up_to_its_end(
    command: tuple[str, ...], receiver: Receiver, tmp_path: Path
) -> None:
    answers: list[int] = []
    with serve(APP, receiver, tmp_path, *command) as server:
        while len(set(answers)) < 2:
            answers += server.workers(16)
        server.terminate()
    reported = [receiver.pids[instance] for instance, name in receiver.spans if name == "GET /worker"]
    assert sorted(reported) == sorted(answers)
    assert len({instance for instance, name in receiver.spans if name == "GET /worker"}) == 2
    measured = {
        receiver.pids[instance]
        for instance, names in receiver.metrics.items()
        if "http.server.request.duration" in names
    }
    assert measured == set(answers)


def test_a_worker_that_gunicorn_replaces_loses_nothing(receiver: Receiver, tmp_path: Path) -> None:
    answers: Counter[int] = Counter()
    with serve(APP, receiver, tmp_path, *UVICORN_WORKER, "--max-requests", "10") as server:
        while len(answers) < 4:
            # uvicorn drops connections that it has accepted when it reaches the number.
            with suppress(httpx.TransportError):
                answers[server.worker()] += 1
        server.terminate()
    reported = Counter(receiver.pids[instance] for instance, name in receiver.spans if name == "GET /worker")
    assert reported >= answers


def test_a_service_that_reloads_reports_before_and_after(receiver: Receiver, tmp_path: Path) -> None:
    with serve(APP, receiver, tmp_path, *UVICORN, "--reload") as server:
        answers = [server.worker()]
        (tmp_path / "served.py").write_text(f"{APP}\nchanged = True\n")
        while len(set(answers)) < 2:
            # uvicorn drops connections that it has accepted when it reloads.
            with suppress(httpx.TransportError):
                answers.append(server.worker())
        server.terminate()
    reported = Counter(receiver.pids[instance] for instance, name in receiver.spans if name == "GET /worker")
    assert reported >= Counter(answers)
