"""An exception as attributes: type, message and stack trace, bounded in size, secrets taken out."""

from __future__ import annotations

import traceback

from ..otlp.attributes import shown
from ..scrub import scrub_error

_MAX_STACK = 16_000
_MAX_MESSAGE = 4_000
_MAX_SCRUBBED = 250_000
_MAX_FRAMES = 100


def type_name(exception: BaseException) -> str:
    """Qualified name of the exception's class, without the module for built-in ones (`exception.type`)."""
    kind = type(exception)
    module = kind.__module__
    return kind.__qualname__ if not module or module == "builtins" else f"{module}.{kind.__qualname__}"


def message(exception: BaseException) -> str:
    """`str(exception)`, scrubbed, at most 4,000 characters; works for exceptions whose `__str__` fails."""
    return scrub_error(shown(exception)[:_MAX_MESSAGE])


def description(exception: BaseException) -> str:
    """What the status of a span says that the exception ended."""
    return f"{type(exception).__name__}: {message(exception)}"


def stack(exception: BaseException) -> str:
    """The formatted traceback, scrubbed; of a long one the start and the end, 16,000 characters in all."""
    try:
        lines = traceback.format_exception(
            type(exception), exception, exception.__traceback__, limit=-_MAX_FRAMES
        )
    except Exception:  # noqa: BLE001  # a broken __cause__ or source loader must not break the span
        lines = [f"{type_name(exception)}: the traceback cannot be formatted\n"]
    # Secrets first: a cut may part one from the words that announce it.
    text = scrub_error("".join(lines)[:_MAX_SCRUBBED])
    if len(text) > _MAX_STACK:
        half = _MAX_STACK // 2
        text = f"{text[:half]}\n... {len(text) - _MAX_STACK} characters left out ...\n{text[-half:]}"
    return text


def describe(exception: BaseException) -> dict[str, str]:
    """The attributes of an `exception` event (semantic conventions, "Exceptions on spans")."""
    return {
        "exception.type": type_name(exception),
        "exception.message": message(exception),
        "exception.stacktrace": stack(exception),
    }
