"""The pages: built files, and Tempo's and Prometheus' APIs beside them at /tempo and /prometheus."""

from .app import create_app

# `Forward` is not here: it needs an HTTP client, which takes a fifth of the time that the nest needs to
# start.
__all__ = ["create_app"]
