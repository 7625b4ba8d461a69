"""What the environment chooses among the parts of the SDK: sampler, span limits, propagators.

The SDK reads the same variables itself, but raises for a value it does not know (OTEL_PROPAGATORS even when
it is imported); the specification wants one warning and the default.
"""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from . import config

if TYPE_CHECKING:
    from opentelemetry.propagators.textmap import TextMapPropagator
    from opentelemetry.sdk.trace import SpanLimits
    from opentelemetry.sdk.trace.sampling import Sampler

DEFAULT_SAMPLER: Final = "parentbased_always_on"
DEFAULT_PROPAGATORS: Final = "tracecontext,baggage"


def sampler() -> Sampler:
    """The sampler of `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG`; parent-based, all traces, without.

    A sampler that another package registers under `opentelemetry_traces_sampler` is found by its name.
    """
    from opentelemetry.sdk.trace.sampling import (
        ALWAYS_OFF,
        ALWAYS_ON,
        DEFAULT_OFF,
        DEFAULT_ON,
        ParentBased,
        TraceIdRatioBased,
    )

    name = (config.text("OTEL_TRACES_SAMPLER") or DEFAULT_SAMPLER).lower()
    fixed: dict[str, Sampler] = {
        "always_on": ALWAYS_ON,
        "always_off": ALWAYS_OFF,
        "parentbased_always_on": DEFAULT_ON,
        "parentbased_always_off": DEFAULT_OFF,
    }
    if name in fixed:
        return fixed[name]
    if name == "traceidratio":
        return TraceIdRatioBased(_ratio())
    if name == "parentbased_traceidratio":
        return ParentBased(TraceIdRatioBased(_ratio()))
    made = _registered("opentelemetry_traces_sampler", name)
    if made is not None:
        found: Sampler = made(config.text("OTEL_TRACES_SAMPLER_ARG"))
        return found
    config.tell_once(f"OTEL_TRACES_SAMPLER names no known sampler; using {DEFAULT_SAMPLER}")
    return DEFAULT_ON


def span_limits() -> SpanLimits:
    """Counts and lengths of `OTEL_*_LIMIT`: 128 of everything and no length limit unless set."""
    from opentelemetry.sdk.trace import SpanLimits

    def bound(value: int | None) -> int:
        return SpanLimits.UNSET if value is None else value

    attributes = config.limit("OTEL_ATTRIBUTE_COUNT_LIMIT", 128)
    length = config.limit("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", None)
    return SpanLimits(
        max_attributes=bound(attributes),
        max_events=bound(config.limit("OTEL_SPAN_EVENT_COUNT_LIMIT", 128)),
        max_links=bound(config.limit("OTEL_SPAN_LINK_COUNT_LIMIT", 128)),
        max_span_attributes=bound(config.limit("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", attributes)),
        max_event_attributes=bound(config.limit("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", attributes)),
        max_link_attributes=bound(config.limit("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", attributes)),
        max_attribute_length=bound(length),
        max_span_attribute_length=bound(config.limit("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", length)),
    )


def set_propagators() -> None:
    """Make the propagators of `OTEL_PROPAGATORS` global; the API's default stays when it is unset.

    They are set with telemetry switched off, too, for whoever calls `inject` and `extract` (specification,
    `OTEL_SDK_DISABLED`); the middlewares and instrumentations then leave headers alone.
    """
    names = config.words("OTEL_PROPAGATORS", "")
    if not names:
        return
    from opentelemetry.propagate import set_global_textmap
    from opentelemetry.propagators.composite import CompositePropagator

    found: list[TextMapPropagator] = []
    if "none" not in (name.lower() for name in names):
        for name in names:
            made = _registered("opentelemetry_propagator", name.lower())
            if made is None:
                config.tell_once(f"OTEL_PROPAGATORS: {name!r} is not known (is its package installed?)")
            else:
                found.append(made())
    set_global_textmap(CompositePropagator(found))


def import_propagate_safely() -> None:
    """Import `opentelemetry.propagate`, which raises for an OTEL_PROPAGATORS it does not know."""
    try:
        import opentelemetry.propagate
    except ValueError:
        import os
        import sys

        wanted = os.environ.pop("OTEL_PROPAGATORS")
        try:
            sys.modules.pop("opentelemetry.propagate", None)
            import opentelemetry.propagate  # noqa: F401 - as above
        finally:
            os.environ["OTEL_PROPAGATORS"] = wanted


def _ratio() -> float:
    value = config.text("OTEL_TRACES_SAMPLER_ARG")
    try:
        ratio = 1.0 if value is None else float(value)
    except ValueError:
        ratio = -1.0
    if not 0.0 <= ratio <= 1.0:
        config.tell_once("OTEL_TRACES_SAMPLER_ARG must be a number from 0 to 1; using 1")
        return 1.0
    return ratio


def _registered(group: str, name: str) -> Any:
    """What a package registers under a name; None when nothing is there or it cannot be loaded."""
    for entry in entry_points(group=group, name=name):
        try:
            return entry.load()
        except Exception as error:  # noqa: BLE001 - a broken package must not keep the service from starting
            config.tell_once(f"{name} cannot be loaded: {type(error).__name__}: {error}")
    return None
