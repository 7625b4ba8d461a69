"""Labels out of lines: a stage becomes a function from a line to the labels found in it.

A line that is not of the format keeps what could be read and gets `__error__`, as in Loki.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from ..model.regex import compiled
from .labels import label_name
from .tree import Json, Logfmt, Pattern, Regexp, Unpack

Extract: TypeAlias = Callable[[str], dict[str, str]]

ERROR, DETAILS = "__error__", "__error_details__"
# The member in which a packed line is.
ENTRY = "_entry"

_PAIR = re.compile(r'\s*([^\s="]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s"]*)))?(?=\s|$)')


def extractor(stage: Json | Logfmt | Regexp | Pattern | Unpack) -> Extract:
    """The function of a stage."""
    match stage:
        case Json():
            return _json(stage.paths)
        case Logfmt():
            return _logfmt(stage)
        case Regexp():
            return _regexp(stage.pattern)
        case Pattern():
            return _pattern(stage)
        case Unpack():
            return _unpack


def _failed(kind: str, why: str) -> dict[str, str]:
    return {ERROR: kind, DETAILS: why}


def _load(line: str) -> Any:
    """JSON with numbers as they are written."""
    return json.loads(line, parse_int=str, parse_float=str, parse_constant=str)


def _json(paths: tuple[tuple[str, tuple[str | int, ...]], ...]) -> Extract:
    def extract(line: str) -> dict[str, str]:
        try:
            document = _load(line)
        except (ValueError, RecursionError) as error:
            return _failed("JSONParserErr", str(error))
        if not isinstance(document, dict):
            return _failed("JSONParserErr", "the line is no JSON object")
        if not paths:
            return dict(_members(document, ""))
        return {name: _scalar(_at(document, path)) for name, path in paths}

    return extract


def _members(document: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    """Members as labels; those of objects inside carry both names, arrays are left out."""
    for key, value in document.items():
        name = f"{prefix}_{label_name(key)}" if prefix else label_name(key)
        if isinstance(value, dict):
            yield from _members(value, name)
        elif not isinstance(value, list) and name:
            yield name, _scalar(value)


def _at(document: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        if isinstance(step, int):
            document = document[step] if isinstance(document, list) and step < len(document) else None
        else:
            document = document.get(step) if isinstance(document, dict) else None
    return document


def _scalar(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _logfmt(stage: Logfmt) -> Extract:
    def extract(line: str) -> dict[str, str]:
        found: dict[str, str] = {}
        position = 0
        text = line.rstrip()
        while position < len(text):
            pair = _PAIR.match(text, position)
            if pair is None:
                if stage.strict:
                    return found | _failed("LogfmtParserErr", f"no key=value at {position}")
                gap = re.compile(r"\s").search(text, position + 1)
                position = gap.start() if gap else len(text)
                continue
            key, quoted, plain = pair.groups()
            value = plain if quoted is None else _unescaped(quoted)
            if value or stage.keep_empty:
                found[label_name(key)] = value or ""
            position = pair.end()
        if not stage.keys:
            return found
        return {name: found.get(label_name(key), "") for name, key in stage.keys}

    return extract


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"')) if "\\" in text else text
    except ValueError:
        return text


def _regexp(pattern: str) -> Extract:
    expression = compiled(pattern)
    groups = expression.groupindex

    def extract(line: str) -> dict[str, str]:
        found = expression.search(line.encode())
        if found is None:
            return {}
        texts = {_text(name): found.group(number) for name, number in groups.items()}
        return {name: _text(value) for name, value in texts.items() if value is not None}

    return extract


def _text(value: bytes | str) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def _pattern(stage: Pattern) -> Extract:
    def extract(line: str) -> dict[str, str]:
        found: dict[str, str] = {}
        if stage.texts[0] and not line.startswith(stage.texts[0]):
            return found
        position = len(stage.texts[0])
        for name, following in zip(stage.names, stage.texts[1:], strict=True):
            end = line.find(following, position) if following else len(line)
            if name:
                found[name] = line[position : end if end >= 0 else len(line)]
            if end < 0:
                return found
            position = end + len(following)
        return found

    return extract


def _unpack(line: str) -> dict[str, str]:
    try:
        document = _load(line)
    except (ValueError, RecursionError) as error:
        return _failed("JSONParserErr", str(error))
    if not isinstance(document, dict):
        return _failed("JSONParserErr", "the line is no JSON object")
    return {
        key if key == ENTRY else label_name(key): value
        for key, value in document.items()
        if isinstance(value, str)
    }
