"""Trace and span ids from a generator of our own, so that `random.seed()` in a program cannot repeat them."""

from __future__ import annotations

import os
from random import Random

from opentelemetry.sdk.trace.id_generator import IdGenerator

_random = Random()  # noqa: S311  # ids need to be unique, not secret
if hasattr(os, "register_at_fork"):
    # A forked worker would otherwise go on with its parent's sequence and repeat its siblings' ids.
    os.register_at_fork(after_in_child=_random.seed)

bits = _random.getrandbits


def span_id() -> int:
    """A random 64-bit id, never zero (zero means invalid)."""
    return bits(64) or span_id()


def trace_id() -> int:
    """A random 128-bit id, never zero (zero means invalid)."""
    return bits(128) or trace_id()


def are_random(generator: IdGenerator) -> bool:
    """Whether the trace ids of a generator are random as W3C trace context level 2 has it."""
    # Generators made for older SDKs do not say.
    return bool(getattr(generator, "is_trace_id_random", bool)())


class RandomIds(IdGenerator):
    """All bits random; the default."""

    def generate_span_id(self) -> int:
        """See `span_id`."""
        return span_id()

    def generate_trace_id(self) -> int:
        """See `trace_id`."""
        return trace_id()

    def is_trace_id_random(self) -> bool:
        """Sets the random flag of W3C trace context level 2."""
        return True
