"""A sampler that keeps nothing, or less than a first try can show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from temponest.doctor.finding import Finding, error, warning
from temponest.doctor.subject import Subject

SAMPLERS: Final = {
    *("always_on", "always_off", "parentbased_always_on", "parentbased_always_off"),
    *("traceidratio", "parentbased_traceidratio"),
}
_SHARE: Final = re.compile(r"TraceIdRatioBased\{([0-9.e-]+)\}")
FEW: Final = 0.1  # below this ratio a handful of requests most likely shows no trace
TRIED: Final = 3  # requests that somebody sends to see whether it works


def check(subject: Subject) -> Iterator[Finding]:
    """`OTEL_TRACES_SAMPLER` and its argument."""
    name = (subject.text("OTEL_TRACES_SAMPLER") or "").lower()
    argument = subject.text("OTEL_TRACES_SAMPLER_ARG")
    if name in {"always_off", "parentbased_always_off"}:
        yield error(
            f"OTEL_TRACES_SAMPLER={name}", "no trace is kept", "OTEL_TRACES_SAMPLER=parentbased_always_on"
        )
    elif name.endswith("traceidratio") and argument is not None:
        yield from _ratio(argument)
    elif name and name not in SAMPLERS and not _registered(name):
        yield warning(
            f"OTEL_TRACES_SAMPLER={name} is not known",
            "parentbased_always_on is used instead",
            "OTEL_TRACES_SAMPLER=parentbased_traceidratio with OTEL_TRACES_SAMPLER_ARG=0.1",
        )
    elif not name and argument is not None:
        yield warning(
            "OTEL_TRACES_SAMPLER_ARG is set without OTEL_TRACES_SAMPLER",
            "it is ignored and every trace is kept",
            "OTEL_TRACES_SAMPLER=parentbased_traceidratio",
        )


def of_description(description: str, subject: Subject) -> Iterator[Finding]:
    """The sampler that the code gave, by its description; nothing when the environment chose it."""
    if subject.text("OTEL_TRACES_SAMPLER") is not None:
        return
    root = description.partition("{root:")[2].partition(",remote")[0] or description
    found = _SHARE.match(root)
    if root == "AlwaysOffSampler" or (found and float(found[1]) == 0):
        yield error(
            "the sampler of setup_tracing keeps nothing",
            "no trace that starts here is kept",
            "setup_tracing(sampler=ALWAYS_ON), or none",
        )
    elif found and float(found[1]) < FEW:
        yield warning(
            f"the sampler of setup_tracing {_keeps(float(found[1]))}",
            _chance(float(found[1])),
            "sampler=ALWAYS_ON while you try it out",
        )


def _keeps(ratio: float) -> str:
    return f"keeps {ratio:.2%} of all traces"


def _chance(ratio: float) -> str:
    return f"of {TRIED} requests all are dropped with a chance of {(1 - ratio) ** TRIED:.0%}"


def _ratio(argument: str) -> Iterator[Finding]:
    try:
        ratio = float(argument)
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= 1:
        percent = argument.rstrip("% ")
        share = f"{float(percent) / 100:g}" if percent.isdecimal() and int(percent) <= 100 else "0.1"
        yield warning(
            "OTEL_TRACES_SAMPLER_ARG is no number from 0 to 1",
            "it is ignored and every trace is kept",
            f"OTEL_TRACES_SAMPLER_ARG={share}",
        )
    elif ratio == 0:
        yield error("OTEL_TRACES_SAMPLER_ARG=0", "no trace is kept", "OTEL_TRACES_SAMPLER_ARG=1")
    elif ratio < FEW:
        yield warning(
            f"OTEL_TRACES_SAMPLER_ARG={ratio:g} {_keeps(ratio)}",
            _chance(ratio),
            "OTEL_TRACES_SAMPLER_ARG=1 while you try it out",
        )


def _registered(name: str) -> bool:
    from importlib.metadata import entry_points

    return bool(entry_points(group="opentelemetry_traces_sampler", name=name))
