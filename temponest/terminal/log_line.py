"""A log line for a terminal."""

from __future__ import annotations

import re
from datetime import datetime

from rich.text import Text

from temponest.client.loki import Line

_STYLES = {
    "trace": "dim",
    "debug": "dim",
    "info": "green",
    "warn": "yellow",
    "error": "red",
    "critical": "bold red",
    "fatal": "bold red",
}
# What would move the cursor, ring, or hide and recolour what follows: a line is data, whoever wrote it.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
LEVEL_WIDTH = 8


def printable(text: str) -> str:
    """The text without colours, other control characters visible; line ends and tabs stay."""
    plain = _COLOURS.sub("", text).replace("\r\n", "\n").rstrip("\n")
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", plain)


def log_line(line: Line, *, with_date: bool = False) -> Text:
    """Time, level, service, text and the trace, where there is one; further lines are indented."""
    moment = datetime.fromtimestamp(line.time_ns / 1e9).astimezone()
    at = moment.strftime("%Y-%m-%d %H:%M:%S.%f" if with_date else "%H:%M:%S.%f")[:-3]
    level = "" if line.level == "unknown" else line.level
    text = Text.assemble(
        (at, "dim"),
        " ",
        (level.ljust(LEVEL_WIDTH), _STYLES.get(level, "")),
        (printable(line.service), "cyan"),
        " ",
        printable(line.text).replace("\n", "\n    "),
    )
    if line.trace_id:
        text.append(f" {printable(line.trace_id)}", "dim")
    return text
