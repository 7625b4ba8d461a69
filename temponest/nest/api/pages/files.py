"""The built pages as files: hashed assets for ever, everything else asked for anew."""

from __future__ import annotations

import mimetypes
from pathlib import Path

import anyio
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

# Where `make pages` and the wheel put them.
FOLDER = Path(__file__).parents[3] / "pages"
HOW_TO_BUILD = (
    "The pages are not built here; everything else of the nest works.\n"
    "In a clone run 'make pages' (it takes Node from PATH or from a wheel), then reload.\n"
    "From an index install the wheel, which carries them: pip install 'temponest[nest]'.\n"
)
# What the browser must be told exactly, whatever the machine's own table says.
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".html": "text/html"}


class Files:
    """Files of one folder; any path that is no file is a place inside of the pages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()

    async def answer(self, request: Request) -> Response:
        """The file of the path, or the page that reads the path by itself."""
        path = request.path_params["path"]
        found = await anyio.to_thread.run_sync(self.find, path)
        if found is None:
            if "." in path.rpartition("/")[2]:
                return PlainTextResponse(f"nothing is at /{path}\n", 404)
            found = self.folder / "index.html"
            if not await anyio.Path(found).is_file():
                return PlainTextResponse(HOW_TO_BUILD, 503)
        kept = "public, max-age=31536000, immutable" if path.startswith("assets/") else "no-cache"
        kind = _TYPES.get(found.suffix) or mimetypes.guess_type(found.name)[0]
        return FileResponse(found, media_type=kind, headers={"Cache-Control": kept})

    def find(self, path: str) -> Path | None:
        """The file at a path inside of the folder; None outside of it, for a folder, and for nothing."""
        try:
            file = (self.folder / path).resolve()
            inside = file.is_relative_to(self.folder) and file != self.folder
            return file if inside and file.is_file() else None
        except (OSError, ValueError):
            # A NUL byte or a name longer than the system allows is no file.
            return None
