"""The stack's files, read once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from temponest.demo.programs import ROOT

DOCKER = ROOT / "docker"
KUBERNETES = ROOT / "deploy" / "kubernetes"

STACKS = {
    "telemetry": ("docker-compose.yml", "docker-compose.telemetry.yml"),
    "logs": ("docker-compose.yml", "docker-compose.telemetry.yml", "docker-compose.logs.yml"),
    "nest": ("docker-compose.yml", "docker-compose.nest.yml"),
    "vendor": ("docker-compose.yml", "docker-compose.vendor.yml"),
    "fan-out": ("docker-compose.yml", "docker-compose.telemetry.yml", "docker-compose.fan-out.yml"),
}


def read(path: Path) -> Any:
    """A YAML file."""
    return yaml.safe_load(path.read_text())


VENDORS = ("datadog", "grafana-cloud", "honeycomb", "new-relic")


def stack(name: str, vendor: str = VENDORS[0]) -> dict[str, Any]:
    """The services of a stack, merged as `VENDOR=... docker compose -f a -f b` merges them."""
    merged: dict[str, Any] = {}
    for file in STACKS[name]:
        text = re.sub(r"\$\{VENDOR(?::\?[^}]*)?\}", vendor, (DOCKER / file).read_text())
        for service, content in yaml.safe_load(text)["services"].items():
            there = merged.setdefault(service, {})
            for key, value in content.items():
                if isinstance(value, dict) and isinstance(there.get(key), dict):
                    there[key] = {**there[key], **value}
                elif key in {"volumes", "ports"}:
                    there[key] = [*there.get(key, ()), *value]
                else:
                    there[key] = value
    return merged


def kubernetes() -> list[dict[str, Any]]:
    """Every object of the manifests."""
    return [
        document
        for name in ("services.yaml", "collector.yaml")
        for document in yaml.safe_load_all((KUBERNETES / name).read_text())
    ]


def environment_file(path: Path, values: Mapping[str, str]) -> dict[str, str]:
    """The variables of an environment file, `${NAME}` filled in from `values` as Compose does."""
    found = {}
    for line in path.read_text().splitlines():
        if line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found[key] = re.sub(r"\$\{(\w+)(?::\?[^}]*)?\}", lambda match: values[match[1]], value)
    return found
