"""Loki's HTTP API, as far as it reads."""

from .routes import create_app, routes

__all__ = ["create_app", "routes"]
