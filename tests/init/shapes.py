"""Services as people write them: text files with the files of a project and the diff that is expected."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "shapes"
_PART = re.compile(r"^=== (.+)\n", re.MULTILINE)


@dataclass(frozen=True)
class Shape:
    """One project.

    Attributes:
        name: of the file.
        files: bytes by path.
        expected: the notes and the diff, as text.
    """

    name: str
    files: dict[str, bytes]
    expected: str

    def write(self, folder: Path) -> Path:
        """Put the project into a folder called `shop`."""
        root = folder / "shop"
        for name, content in self.files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return root


def load(path: Path) -> Shape:
    """Read one; the first line says what it is about."""
    _, *parts = _PART.split(path.read_text())
    files: dict[str, bytes] = {}
    expected = ""
    for heading, text in zip(parts[::2], parts[1::2], strict=True):
        if heading == "expected":
            expected = text
            continue
        name, _, ends = heading.partition(" ")
        files[name] = (text.replace("\n", "\r\n") if ends == "crlf" else text).encode()
    return Shape(path.stem, files, expected)


SHAPES = [load(path) for path in sorted(FOLDER.glob("*.txt"))]
