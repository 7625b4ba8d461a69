"""Tempo's HTTP API."""

from .routes import create_app, routes

__all__ = ["create_app", "routes"]
