"""The pages: built files, and Tempo's and Prometheus' APIs beside them at /tempo and /prometheus."""

from .app import create_app
from .forward import Forward

__all__ = ["Forward", "create_app"]
