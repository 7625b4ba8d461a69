"""What a sampler decides, worked out at configuration where it can be (specification: trace SDK, "Sampling").

The SDK's own samplers come down to one number for each kind of parent: a trace is sampled when the low
64 bits of its id are below it. Every other sampler is asked for every span.
"""

from __future__ import annotations

from typing import Final

from opentelemetry.sdk.trace.sampling import (
    DEFAULT_ON,
    Decision,
    ParentBased,
    ParentBasedTraceIdRatio,
    Sampler,
    StaticSampler,
    TraceIdRatioBased,
)

ALWAYS: Final = 1 << 64
NEVER: Final = 0
LOW_BITS: Final = ALWAYS - 1

Rule = int | Sampler
"""A bound for the low 64 bits of the trace id, or a sampler to ask."""


class Rules:
    """One rule for each kind of parent a span can have."""

    __slots__ = (
        "local_sampled",
        "local_unsampled",
        "plain",
        "remote_sampled",
        "remote_unsampled",
        "root",
    )

    def __init__(self, sampler: Sampler = DEFAULT_ON) -> None:
        parts: dict[str, object] = {}
        # These five have no public accessor; a release that renames them only costs the fast path.
        if type(sampler) in (ParentBased, ParentBasedTraceIdRatio, type(DEFAULT_ON)):
            parts = vars(sampler)
        self.root = _rule(parts.get("_root", sampler), sampler)
        self.remote_sampled = _rule(parts.get("_remote_parent_sampled", sampler), sampler)
        self.remote_unsampled = _rule(parts.get("_remote_parent_not_sampled", sampler), sampler)
        self.local_sampled = _rule(parts.get("_local_parent_sampled", sampler), sampler)
        self.local_unsampled = _rule(parts.get("_local_parent_not_sampled", sampler), sampler)
        every = (
            self.root,
            self.remote_sampled,
            self.remote_unsampled,
            self.local_sampled,
            self.local_unsampled,
        )
        # Nobody is asked, so nobody looks at attributes.
        self.plain = all(isinstance(rule, int) for rule in every)


def _rule(part: object, sampler: Sampler) -> Rule:
    if type(part) is TraceIdRatioBased:
        return part.bound
    if isinstance(part, StaticSampler) and type(part).should_sample is StaticSampler.should_sample:
        decision = getattr(part, "_decision", None)
        if decision is Decision.RECORD_AND_SAMPLE:
            return ALWAYS
        if decision is Decision.DROP:
            return NEVER
    return sampler
