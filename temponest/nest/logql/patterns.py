"""The little languages inside of strings: paths into JSON, patterns, templates."""

from __future__ import annotations

import re

from .tree import Pattern, Template

_JSON_STEP = re.compile(r"\.?([A-Za-z_][\w-]*)|\[(\d{1,9})\]|\[\"([^\"]*)\"\]")
_CAPTURE = re.compile(r"<([A-Za-z_]\w*)>")
_ACTION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_FIELD = re.compile(r"-?\s*(?:\.([A-Za-z_]\w*)|(__line__|__timestamp__))\s*-?")

LINE = "__line__"


def json_path(text: str) -> tuple[str | int, ...]:
    """The steps of a path into JSON, such as `request.headers["User-Agent"]` or `servers[0]`.

    Raises:
        ValueError: it is none.
    """
    steps: list[str | int] = []
    at = 0
    while at < len(text):
        found = _JSON_STEP.match(text, at)
        if found is None:
            raise ValueError(f"{text!r} is no path into JSON; write for example a.b[0]")
        member, index, quoted = found.groups()
        steps.append(int(index) if index is not None else member if member is not None else quoted)
        at = found.end()
    if not steps:
        raise ValueError("the path is empty")
    return tuple(steps)


def pattern(text: str) -> Pattern:
    """`<ip> - <_> "<method> <path>"` as texts and names.

    Raises:
        ValueError: it captures nothing, or two captures touch.
    """
    parts = _CAPTURE.split(text)
    texts, names = tuple(parts[::2]), tuple("" if name == "_" else name for name in parts[1::2])
    if not any(names):
        raise ValueError("the pattern captures nothing; write for example <method>")
    if any(not between for between in texts[1:-1]):
        raise ValueError("two captures touch each other; put a text between them")
    return Pattern(texts, names)


def template(text: str) -> Template:
    """`{{.name}} took {{.duration}}` as texts and names.

    Raises:
        ValueError: it does more than insert labels.
    """
    texts: list[str] = []
    names: list[str] = []
    at = 0
    for action in _ACTION.finditer(text):
        field = _FIELD.fullmatch(action[1].strip())
        if field is None:
            raise ValueError(f"{action[0]} is not answered here: templates only insert labels, {{{{.name}}}}")
        texts.append(text[at : action.start()])
        names.append(field[1] or field[2])
        at = action.end()
    return Template((*texts, text[at:]), tuple(names))
