"""A file of source text that gets whole lines added, and hardly anything changed."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass, field
from pathlib import Path

# Python's own ends of lines; `str.splitlines` knows more of them and would count differently.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")


class UnsureError(Exception):
    """The right edit is not certain, so nothing is changed; the message says why and what to do."""


@dataclass
class Source:
    """The text of one file.

    Attributes:
        path: where it is.
        encoding: as its first lines declare it.
        lines: with their ends.
        added: lines to put before the line of a number (from 1 on), in the order they were added.
    """

    path: Path
    encoding: str
    lines: list[str]
    added: dict[int, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Source:
        """Read a Python file.

        Raises:
            OSError: it cannot be read.
            SyntaxError, UnicodeDecodeError: its encoding is not what it says.
        """
        data = path.read_bytes()
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return cls(path, encoding, split(data.decode(encoding)))

    @property
    def text(self) -> str:
        """As it is on disk."""
        return "".join(self.lines)

    @property
    def end(self) -> str:
        """How its lines end."""
        return next((end for end in ("\r\n", "\n", "\r") if self.lines and self.lines[0].endswith(end)), "\n")

    def tree(self) -> ast.Module:
        """The parsed text.

        Raises:
            SyntaxError: it is no Python of this interpreter's version.
        """
        return ast.parse(self.text)

    def add(self, line: int, texts: list[str]) -> None:
        """Put lines before the line with this number (from 1 on)."""
        self.added.setdefault(line, []).extend(texts)

    def result(self) -> str:
        """The text with what was added."""
        parts: list[str] = []
        for number, line in enumerate([*self.lines, ""], 1):
            for text in self.added.get(number, ()):
                if parts and not parts[-1].endswith(("\n", "\r")):
                    parts.append(self.end)
                parts.append(text + self.end)
            parts.append(line)
        return "".join(parts)

    def first_line(self, node: ast.stmt) -> int:
        """The line where a statement starts, with its decorators and the comments right above it."""
        decorators: list[ast.expr] = getattr(node, "decorator_list", [])
        line = min([node.lineno, *(one.lineno for one in decorators)])
        indent = self.indent(node)
        while line > 1 and re.match(rf"{re.escape(indent)}#(?!!)", self.lines[line - 2]):
            line -= 1
        return line

    def after(self, node: ast.stmt) -> int:
        """The line behind a statement.

        Raises:
            UnsureError: another statement follows on its last line.
        """
        last = node.end_lineno or node.lineno
        rest = self.lines[last - 1].encode()[node.end_col_offset or 0 :].decode().strip()
        if rest and not rest.startswith("#"):
            raise UnsureError(f"{self.path}:{last} has two statements on one line")
        return last + 1

    def indent(self, node: ast.stmt) -> str:
        """The white space before a statement.

        Raises:
            UnsureError: another statement stands before it on its line.
        """
        before = self.lines[node.lineno - 1].encode()[: node.col_offset].decode()
        if before.strip():
            raise UnsureError(f"{self.path}:{node.lineno} has two statements on one line")
        return before

    def is_blank(self, line: int) -> bool:
        """Whether there is no text on a line (from 1 on), or no such line."""
        return not 1 <= line <= len(self.lines) or not self.lines[line - 1].strip()


def split(text: str) -> list[str]:
    """The lines of a text, with their ends."""
    return [line for line in _LINE.findall(text) if line]
