"""The models that agents run on: stand-ins that take time and now and then fail, as real ones do."""

from __future__ import annotations

import asyncio
import random

SECONDS = {"small": (0.005, 0.03), "large": (0.03, 0.12)}
FAILURE_SHARE = 0.2  # of evaluations


class ModelError(Exception):
    """The model did not give an answer."""


async def complete(model: str, prompt: str) -> str:
    """An answer to `prompt` after as long as `model` takes."""
    await asyncio.sleep(random.uniform(*SECONDS[model]))  # noqa: S311 - no secret depends on it
    words = prompt.split()
    return f"Read {len(words)} words, the longest of {max(map(len, words), default=0)} letters."


async def grade(output: str) -> float:
    """How good an output is, from 0 to 1.

    Raises:
        ModelError: in one call of five, as an overloaded model would.
    """
    await asyncio.sleep(random.uniform(*SECONDS["small"]))  # noqa: S311 - no secret depends on it
    if random.random() < FAILURE_SHARE:  # noqa: S311 - no secret depends on it
        raise ModelError("the grading model is overloaded")
    return min(1.0, len(output) / 80)
