"""Proxies: which one is taken, and that spans arrive through a real one."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import replace
from typing import Any

import grpc
import pytest

from shared.telemetry import config
from shared.telemetry.otlp import retry
from shared.telemetry.otlp.exporter import Exporter, describe
from shared.telemetry.otlp.official import OfficialTransport
from shared.telemetry.otlp.proxy import Proxy, from_environment, tunnel
from shared.telemetry.otlp.reply import Outcome
from shared.telemetry.otlp.request import Signal
from shared.telemetry.otlp.target import Target
from shared.telemetry.otlp.transport import transport_for

from .pipeline import pipeline, record, target
from .proxies import HttpProxy, http_proxy
from .receivers import CERTIFICATES, grpc_collector, http_collector, raw_server

ALL = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "GRPC_PROXY", "NO_GRPC_PROXY", "REQUEST_METHOD")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OTEL_") or name.upper() in ALL:
            monkeypatch.delenv(name)
    monkeypatch.setattr(config, "_told", set())
    monkeypatch.setattr(retry, "FIRST_SECONDS", 0.005)


def through(proxy: HttpProxy, host: str, protocol: str, user: str | None = None, **more: Any) -> Target:
    """A receiver that the proxy alone can reach."""
    port = proxy.routes.get(f"{host}.test", 4317)
    to = Proxy("127.0.0.1", proxy.port, user)
    return target(port, protocol, host=f"{host}.test", proxy=to, **more)


def deadline() -> float:
    return time.monotonic() + 10


def outcome(to: Target) -> Outcome:
    """What one attempt comes to."""
    transport = transport_for(to)(to)
    try:
        return transport.send(b"", time.monotonic() + to.timeout)
    except OSError as error:
        return Outcome(ok=False, message=describe(error, to))
    finally:
        transport.close()


@pytest.mark.parametrize(
    ("variables", "plain", "secure", "grpc_"),
    [
        # Each kind of address has its variable; gRPC asks for a connection whatever it then says on it.
        ({}, None, None, None),
        ({"http_proxy": "p:1"}, "p:1", None, "p:1"),
        ({"https_proxy": "p:1"}, None, "p:1", "p:1"),
        ({"http_proxy": "p:1", "https_proxy": "p:2"}, "p:1", "p:2", "p:2"),
        ({"https_proxy": "p:1", "grpc_proxy": "p:2"}, None, "p:1", "p:2"),
        ({"all_proxy": "p:1"}, "p:1", "p:1", "p:1"),
        ({"all_proxy": "p:1", "http_proxy": "p:2"}, "p:2", "p:1", "p:2"),
        # Capitals count where small letters are not set; in CGI, HTTP_PROXY is a header of the client.
        ({"HTTPS_PROXY": "p:1"}, None, "p:1", "p:1"),
        ({"HTTPS_PROXY": "p:1", "https_proxy": "p:2"}, None, "p:2", "p:2"),
        ({"HTTP_PROXY": "p:1", "REQUEST_METHOD": "GET"}, None, None, None),
        ({"http_proxy": ""}, None, None, None),
        # Exceptions: a name and all below it, an address, a network, a port, all.
        ({"all_proxy": "p:1", "no_proxy": "example.com"}, None, None, None),
        ({"all_proxy": "p:1", "no_proxy": ".example.com"}, None, None, None),
        ({"all_proxy": "p:1", "no_proxy": "*.example.com"}, None, None, None),
        ({"all_proxy": "p:1", "no_proxy": "a.test, collector.example.com"}, None, None, None),
        ({"all_proxy": "p:1", "no_proxy": "a.test collector.example.com:4317"}, None, None, None),
        ({"all_proxy": "p:1", "no_proxy": "*"}, None, None, None),
        ({"all_proxy": "p:1", "NO_PROXY": "example.com"}, None, None, None),
        ({"all_proxy": "p:1", "no_proxy": "ample.com,ollector.example.com"}, "p:1", "p:1", "p:1"),
        ({"all_proxy": "p:1", "no_proxy": "example.com:4318"}, "p:1", "p:1", "p:1"),
        ({"all_proxy": "p:1", "no_grpc_proxy": "example.com"}, "p:1", "p:1", None),
    ],
)
def test_which_proxy(
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    plain: str | None,
    secure: str | None,
    grpc_: str | None,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    found = [
        from_environment("collector.example.com", 4317, secure=secure, grpc=grpc)
        for secure, grpc in ((False, False), (True, False), (False, True))
    ]
    assert [one and f"{one.host}:{one.port}" for one in found] == [plain, secure, grpc_]


@pytest.mark.parametrize(
    ("host", "exceptions"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("10.1.2.3", "10.0.0.0/8"),
        ("fd00::1", "fd00::/8"),
        ("fd00::1", "[fd00::1]:4317"),
        # This machine is never reached through another.
        ("localhost", ""),
        ("nest.localhost", ""),
        ("127.0.0.2", ""),
        ("::1", ""),
    ],
)
def test_an_address_that_is_reached_straight(
    monkeypatch: pytest.MonkeyPatch, host: str, exceptions: str
) -> None:
    monkeypatch.setenv("all_proxy", "p:1")
    monkeypatch.setenv("no_proxy", exceptions)
    assert from_environment(host, 4317, secure=False, grpc=True) is None
    assert from_environment("192.0.2.1", 4317, secure=False, grpc=True) is not None


def test_an_address_that_is_no_proxy_is_told_once_and_never_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://user:planted@p:1080")
    for signal in Signal:
        assert Target.from_environment(signal, "https://collector.test:4318").proxy is None
    assert caplog.messages == [
        "telemetry: https_proxy must be like http://host:3128; telemetry goes straight to the receiver"
    ]


def test_credentials_of_a_proxy_are_sent_and_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://user:pl%40nted@proxy.test")
    to = Target.from_environment(Signal.TRACES, "https://collector.test:4317")
    assert to.way == "https://collector.test:4317 through the proxy http://proxy.test:80"
    assert to.proxy is not None
    assert to.proxy.authorization == "Basic dXNlcjpwbEBudGVk"
    assert "nted" not in f"{to} {to!r} {to.way} {to.proxy}"


def test_grpc_goes_through_a_connection_that_the_proxy_makes() -> None:
    with grpc_collector() as collector, http_proxy(collector=collector.port) as proxy:
        with pipeline(through(proxy, "collector", "grpc")) as queue:
            for name in ("first", "second"):
                queue.put(b"", record(name))
                assert queue.flush(10)
        assert collector.names == ["first", "second"]
        assert proxy.asked == [f"CONNECT collector.test:{collector.port} HTTP/1.1"]


def test_tls_is_spoken_with_the_receiver_and_not_with_the_proxy() -> None:
    pair = ((CERTIFICATES / "server.key").read_bytes(), (CERTIFICATES / "server.pem").read_bytes())
    with (
        grpc_collector(tls=grpc.ssl_server_credentials([pair])) as collector,
        http_proxy(collector=collector.port) as proxy,
    ):
        proxy.routes["localhost"] = collector.port
        to = through(proxy, "collector", "grpc", secure=True, certificate=str(CERTIFICATES / "ca.pem"))
        with pipeline(replace(to, host="localhost")) as queue:
            queue.put(b"", record("secret"))
            assert queue.flush(10)
        assert collector.names == ["secret"]
        assert proxy.asked == [f"CONNECT localhost:{collector.port} HTTP/1.1"]


def test_plain_http_is_passed_on_request_by_request() -> None:
    """Many proxies make no connections to other ports than 443."""
    with http_collector() as collector, http_proxy(collector=collector.port) as proxy:
        with pipeline(through(proxy, "collector", "http/protobuf")) as queue:
            for name in ("first", "second"):
                queue.put(b"", record(name))
                assert queue.flush(10)
        assert collector.names == ["first", "second"]
        ((path, headers), _) = collector.requests
        assert (path, headers["host"]) == ("/v1/traces", f"collector.test:{collector.port}")
        assert proxy.asked[0] == f"POST http://collector.test:{collector.port}/v1/traces HTTP/1.1"


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_proxy_with_credentials_lets_only_those_through(protocol: str) -> None:
    with grpc_collector() as first, http_collector() as second:
        port = first.port if protocol == "grpc" else second.port
        with http_proxy(collector=port) as proxy:
            proxy.credentials = Proxy("", 0, "user:p@ss").authorization
            with pipeline(through(proxy, "collector", protocol, "user:p@ss")) as queue:
                queue.put(b"", record("let through"))
                assert queue.flush(10)
            refused = outcome(through(proxy, "collector", protocol, "user:planted"))
        assert first.names + second.names == ["let through"]
        assert "407" in refused.message
        assert "http://user:password@proxy" in refused.message
        assert "planted" not in refused.message


@pytest.mark.parametrize(
    ("status", "why"), [(403, "403: it does not allow that"), (502, "502: it cannot reach the receiver")]
)
def test_a_proxy_that_refuses_is_an_outage_with_its_reason(
    status: int, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    with grpc_collector() as collector, http_proxy(collector=collector.port) as proxy:
        proxy.status = status
        with pipeline(through(proxy, "collector", "grpc", "user:planted")) as queue:
            queue.put(b"", record("kept"))
            while not caplog.messages:
                assert not queue.flush(0.2)
            proxy.status = None
            assert queue.flush(10) or queue.flush(10)
        assert collector.names == ["kept"]
        down, back = caplog.messages
        assert down.endswith(f"the proxy http://127.0.0.1:{proxy.port} answers {why}")
        assert "again; 0 records were lost" in back
        assert "planted" not in caplog.text


def test_a_proxy_that_is_away_is_named_in_place_of_the_receiver() -> None:
    with http_proxy() as proxy:
        to = through(proxy, "collector", "grpc")
    message = outcome(to).message
    assert message == f"the proxy http://127.0.0.1:{proxy.port} cannot be reached (Connection refused)"


def test_something_else_than_a_proxy_is_told() -> None:
    with raw_server(b"220 mail.example ESMTP\r\n\r\n") as port:
        to = target(4317, "grpc", host="collector.test", proxy=Proxy("127.0.0.1", port))
        assert "does not answer in HTTP" in outcome(to).message


def test_a_proxy_that_hangs_costs_no_more_than_the_deadline() -> None:
    with raw_server(None) as port:
        to = target(4317, "grpc", host="collector.test", proxy=Proxy("127.0.0.1", port), timeout=0.05)
        assert "does not answer in time" in outcome(to).message


def test_what_the_receiver_says_first_is_left_to_who_speaks_with_it() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(b"HTTP/1.1 200 OK\r\nVia: proxy\r\n\r\nsettings")
        tunnel(ours, Proxy("proxy.test", 3128), "collector.test", 4317, deadline())
        assert ours.recv(100) == b"settings"


def test_the_official_exporter_takes_the_same_proxy() -> None:
    with grpc_collector() as collector, http_proxy(collector=collector.port) as proxy:
        proxy.credentials = Proxy("", 0, "user:p@ss").authorization
        exporter = Exporter(through(proxy, "collector", "grpc", "user:p@ss"), OfficialTransport)
        assert exporter.export(Signal.TRACES, b"", deadline()).ok
        exporter.close()
        assert proxy.asked == [f"CONNECT collector.test:{collector.port} HTTP/1.1"]


def test_the_official_exporter_reaches_this_machine_straight(monkeypatch: pytest.MonkeyPatch) -> None:
    with grpc_collector() as collector, http_proxy() as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        to = Target.from_environment(Signal.TRACES, f"http://127.0.0.1:{collector.port}")
        exporter = Exporter(to, OfficialTransport)
        assert exporter.export(Signal.TRACES, b"", deadline()).ok
        exporter.close()
        assert proxy.asked == []
