"""Prometheus' HTTP API, version 1."""

from .routes import create_app, routes

__all__ = ["create_app", "routes"]
