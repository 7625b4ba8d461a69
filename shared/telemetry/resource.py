"""Who this process is: the resource that every span and metric of it carries.

Specifications: resource/sdk and the semantic conventions for service, deployment, telemetry and process.
"""

from __future__ import annotations

import os
import platform
import socket
import uuid
from typing import TYPE_CHECKING, Final

from . import config
from .version import VERSION

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

DEFAULT_PREFIX: Final = "temponest"
DEFAULT_ENVIRONMENT: Final = "development"


def service_name(given: str | None) -> str:
    """The name that a service is seen under.

    Args:
        given: the name in code. `agents` becomes `temponest-agents`; `TEMPONEST_SERVICE_PREFIX` replaces
            the prefix, and set to nothing switches it off.

    Returns:
        `OTEL_SERVICE_NAME` as it stands when it is set; else the given name with its prefix; else
        `service.name` of `OTEL_RESOURCE_ATTRIBUTES`; else `unknown_service`.
    """
    own = config.text("OTEL_SERVICE_NAME")
    if own is not None:
        return own
    if given:
        # Unlike any variable of the specification, an empty prefix has a meaning of its own.
        prefix = os.environ.get("TEMPONEST_SERVICE_PREFIX", DEFAULT_PREFIX).strip().rstrip("-")
        return given if not prefix or given.startswith(f"{prefix}-") else f"{prefix}-{given}"
    return config.pairs("OTEL_RESOURCE_ATTRIBUTES").get("service.name", "unknown_service:python")


def describe(name: str | None, version: str | None, environment: str | None) -> Resource:
    """The resource of this process, with an instance id of its own: call it again after a fork.

    Args:
        name: the service's name in code, see `service_name`.
        version: its version; empty or None leaves it to `OTEL_RESOURCE_ATTRIBUTES`.
        environment: `production`, `development`, ...; None leaves it to `OTEL_RESOURCE_ATTRIBUTES`, then
            to `ENVIRONMENT`, then `development`.
    """
    from opentelemetry.sdk.resources import Resource  # nothing of the SDK is loaded when telemetry is off

    given = config.pairs("OTEL_RESOURCE_ATTRIBUTES")
    attributes: dict[str, str | int] = {
        "telemetry.sdk.name": "temponest",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": VERSION,
        "service.instance.id": str(uuid.uuid4()),
        "deployment.environment.name": config.text("ENVIRONMENT") or DEFAULT_ENVIRONMENT,
        "host.name": socket.gethostname(),
        "process.pid": os.getpid(),
        "process.runtime.name": platform.python_implementation().lower(),
        "process.runtime.version": platform.python_version(),
        **given,
        "service.name": service_name(name),
    }
    if version:
        attributes["service.version"] = version
    if environment:
        attributes["deployment.environment.name"] = environment
    return Resource(attributes)
