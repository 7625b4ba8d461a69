"""Who this process is: the resource that every span and metric of it carries.

Specifications: resource/sdk and the semantic conventions for service, deployment, telemetry and process.
"""

from __future__ import annotations

import functools
import os
import platform
import socket
import uuid
from typing import TYPE_CHECKING, Final

from . import config, lifecycle
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


class Identity:
    """The resource of one service in this process, with the bytes that every request starts with.

    Attributes:
        resource: as the SDK has it; another one after a fork, with its own instance id.
    """

    def __init__(self, name: str | None, version: str | None = None, environment: str | None = None) -> None:
        """Describe this process.

        Args:
            name: the service's name in code, see `service_name`.
            version: its version; empty or None leaves it to `OTEL_RESOURCE_ATTRIBUTES`.
            environment: `production`, `development`, ...; None leaves it to `OTEL_RESOURCE_ATTRIBUTES`, then
                to `ENVIRONMENT`, then `development`.
        """
        self._arguments = (name or None, version or None, environment or None)
        self.resource = describe(name, version, environment)
        self._encoded: bytes | None = None
        lifecycle.on_fork(self.refresh)

    @property
    def name(self) -> str:
        """The name the service is seen under, with its version and environment, for logs."""
        found = self.resource.attributes
        keys = ("service.name", "service.version", "deployment.environment.name")
        name, version, environment = (str(found.get(key, "")) for key in keys)
        return f"{name} {version} ({environment})" if version else f"{name} ({environment})"

    def but(self, name: str | None, version: str | None, environment: str | None) -> Identity:
        """This identity with what is given in place of its own; itself when nothing differs."""
        old = self._arguments
        new = (name or old[0], version or old[1], environment or old[2])
        return self if new == old else Identity(*new)

    def refresh(self) -> None:
        """Describe the process again: a forked child is another instance."""
        self.resource = describe(*self._arguments)
        self._encoded = None

    def encoded(self) -> bytes:
        """The encoded `Resource`."""
        if self._encoded is None:
            from .otlp.spans import encode_resource  # loads the encoder, which needs the SDK

            self._encoded = encode_resource(self.resource)
        return self._encoded


def describe(name: str | None, version: str | None, environment: str | None) -> Resource:
    """The resource of this process as it is now; the arguments are those of `Identity`."""
    from opentelemetry.sdk.resources import Resource  # nothing of the SDK is loaded when telemetry is off

    attributes: dict[str, str | int] = {
        "telemetry.sdk.name": "temponest",
        "telemetry.sdk.language": "python",
        "telemetry.sdk.version": VERSION,
        "service.instance.id": _instance_id(),
        "deployment.environment.name": config.text("ENVIRONMENT") or DEFAULT_ENVIRONMENT,
        "host.name": socket.gethostname(),
        "process.pid": os.getpid(),
        "process.runtime.name": platform.python_implementation().lower(),
        "process.runtime.version": platform.python_version(),
        **config.pairs("OTEL_RESOURCE_ATTRIBUTES"),
        "service.name": service_name(name),
    }
    if version:
        attributes["service.version"] = version
    if environment:
        attributes["deployment.environment.name"] = environment
    return Resource(attributes)


@functools.lru_cache(maxsize=1)
def _instance_of(pid: int) -> str:
    del pid
    return str(uuid.uuid4())


def _instance_id() -> str:
    """A random id for this process: traces and metrics share it, a forked child has another."""
    return _instance_of(os.getpid())
