"""Which scopes record: the SDK's tracer configurator; where the SDK has none, every scope does."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

if TYPE_CHECKING:
    Config: TypeAlias = sdk._TracerConfig
else:

    class _Config:
        """What the SDK calls `_TracerConfig`."""

        is_enabled = True

    Config = getattr(sdk, "_TracerConfig", _Config)

# Private in the SDK, and so never counted on: the specification calls configurators experimental.
_make: Callable[..., Any] = getattr(Config, "default", Config)
ENABLED: Config = _make()


def every_scope(scope: InstrumentationScope) -> Config:
    """The configurator of a provider that was given none."""
    del scope
    return ENABLED
