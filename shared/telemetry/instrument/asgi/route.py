"""Which requests are left out, and what a request is called once the application has routed it."""

from __future__ import annotations

import re
from collections.abc import Iterable, MutableMapping
from typing import Any

from ...config import text

Scope = MutableMapping[str, Any]

HEALTH_PATHS = frozenset({"/health", "/healthz", "/ready", "/readyz", "/livez", "/metrics"})
"""Paths that probes ask every few seconds; not traced unless `excluded_urls` is given without them."""


class Exclusion:
    """Decides by path which requests are not traced.

    Without `patterns`, `OTEL_PYTHON_FASTAPI_EXCLUDED_URLS` or else `OTEL_PYTHON_EXCLUDED_URLS` are taken, and
    the health paths are left out besides. Given patterns replace all of that; an empty string excludes
    nothing.

    Args:
        patterns: regular expressions, comma separated when one string, searched in the path (never in the
            host, so `^/internal` works and a host called `health.example` is of no matter).
    """

    def __init__(self, patterns: str | Iterable[str] | None = None) -> None:
        self._exact = HEALTH_PATHS if patterns is None else frozenset()
        if patterns is None:
            patterns = text("OTEL_PYTHON_FASTAPI_EXCLUDED_URLS") or text("OTEL_PYTHON_EXCLUDED_URLS") or ""
        listed = patterns.split(",") if isinstance(patterns, str) else patterns
        kept = [pattern.strip() for pattern in listed if pattern.strip()]
        self._search = re.compile("|".join(f"(?:{pattern})" for pattern in kept)).search if kept else None
        self._rules = (self._exact, kept)

    def same(self, other: Exclusion) -> bool:
        """Whether both leave out the same requests."""
        return self._rules == other._rules

    def __call__(self, scope: Scope) -> bool:
        """Whether the request of `scope` is left out."""
        path: str = scope["path"]
        if path in self._exact:
            return True
        root: str = scope.get("root_path", "")
        if root and path.startswith(root) and path[len(root) :] in self._exact:
            return True
        return self._search is not None and self._search(path) is not None


_found_by_endpoint: dict[Any, str] = {}


def route_of(scope: Scope, outer_root: str) -> str | None:
    """The template of the route that answered, such as `/users/{id}`, or None when no route matched.

    It is read from the scope after the application ran, which costs nothing and is right for every router
    that follows Starlette in setting `scope["route"]`; the path itself is never taken.

    Args:
        scope: the scope the application was called with.
        outer_root: the `root_path` the server gave, which is not part of a route's template.
    """
    route = scope.get("route")
    if route is None:
        template = _of_endpoint(scope)
    else:
        # FastAPI keeps the prefix of an included router apart from the route that was included.
        effective = scope.get("fastapi", _NOTHING).get("effective_route_context")
        if effective is not None and effective.original_route is route:
            route = effective
        template = getattr(route, "path_format", None) or getattr(route, "path", None)
    if not isinstance(template, str):
        return None
    root: str = scope.get("root_path", "")
    if root != outer_root:
        return _below_mounts(scope, root.removeprefix(outer_root), template)
    return template or "/"


_NOTHING: dict[str, Any] = {}


def _of_endpoint(scope: Scope) -> str | None:
    """The template of a plain Starlette route in a FastAPI application, which leaves only its endpoint."""
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return None
    template = _found_by_endpoint.get(endpoint)
    if template is None:
        for route in getattr(scope.get("app"), "routes", ()):
            if getattr(route, "endpoint", None) is endpoint and isinstance(route.path_format, str):
                template = _found_by_endpoint[endpoint] = route.path_format
                break
    return template


def _below_mounts(scope: Scope, prefix: str, template: str) -> str:
    """A route's template below the mounts that led to it, whose own parameters become names again."""
    own = set(re.findall(r"{(\w+)", template))
    names = {str(value): name for name, value in scope.get("path_params", {}).items() if name not in own}
    if names:
        prefix = "/".join(f"{{{names[part]}}}" if part in names else part for part in prefix.split("/"))
    if template == f"{prefix}/{{path}}":
        return template
    return prefix + template or "/"
