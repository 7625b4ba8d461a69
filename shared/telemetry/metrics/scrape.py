"""A scrape endpoint on a port of its own, for `OTEL_METRICS_EXPORTER=prometheus`."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .. import config
from .prometheus import OPENMETRICS, TEXT, PrometheusReader
from .provider import MeterProvider


class ScrapeServer:
    """Serves a provider's metrics on every path of one address.

    Args:
        provider: whose metrics.
        host: `OTEL_EXPORTER_PROMETHEUS_HOST` or `localhost` if None.
        port: `OTEL_EXPORTER_PROMETHEUS_PORT` or 9464 if None; 0 takes any that is free.

    Raises:
        OSError: the address is taken or not this machine's.
    """

    def __init__(self, provider: MeterProvider, host: str | None = None, port: int | None = None) -> None:
        if host is None:
            host = config.text("OTEL_EXPORTER_PROMETHEUS_HOST") or "localhost"
        if port is None:
            port = config.integer("OTEL_EXPORTER_PROMETHEUS_PORT", 9464, 0)
        reader = PrometheusReader()

        class Scrape(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                openmetrics = "application/openmetrics-text" in self.headers.get("accept", "")
                body = reader.scrape(provider.resource, openmetrics=openmetrics).encode()
                self.send_response(200)
                self.send_header("content-type", OPENMETRICS if openmetrics else TEXT)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the parent's name
                """A scrape every few seconds is no news."""

        self._server = ThreadingHTTPServer((host, port), Scrape)
        self._server.daemon_threads = True
        self.address = f"http://{host}:{self._server.server_port}/metrics"
        provider.add_metric_reader(reader)
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="telemetry-scrape", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
