"""A proxy that stands between this machine and itself."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from shared.telemetry.otlp.request import Signal
from temponest.doctor.finding import Finding, warning
from temponest.doctor.subject import Subject, is_loopback


def check(subject: Subject) -> Iterator[Finding]:
    """Proxy variables that catch a loopback address; `endpoint` tries the proxy that telemetry takes."""
    proxies = getproxies_environment()
    target = subject.target(Signal.TRACES)
    for address in dict.fromkeys((str(target), subject.api(Signal.TRACES), subject.api(Signal.METRICS))):
        parts = urlsplit(address)
        host = parts.hostname or ""
        used = proxies.get(parts.scheme) or proxies.get("all")
        if used and is_loopback(host) and not proxy_bypass(host):
            name = f"{parts.scheme}_proxy" if parts.scheme in proxies else "all_proxy"
            yield warning(
                f"{name} catches {host}, which is this machine",
                "other exporters and all tools send what is meant for this machine to the proxy",
                "NO_PROXY=localhost,127.0.0.1,::1",
            )
            return
