"""Jaeger's query API, versions 1 and 3."""

from .routes import create_app, routes

__all__ = ["create_app", "routes"]
