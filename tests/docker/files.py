"""The stack's files, read once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from temponest.demo.programs import ROOT

DOCKER = ROOT / "docker"
KUBERNETES = ROOT / "deploy" / "kubernetes"

STACKS = {
    "telemetry": ("docker-compose.yml", "docker-compose.telemetry.yml"),
    "nest": ("docker-compose.yml", "docker-compose.nest.yml"),
    "vendor": ("docker-compose.yml", "docker-compose.vendor.yml"),
}


def read(path: Path) -> Any:
    """A YAML file."""
    return yaml.safe_load(path.read_text())


def stack(name: str) -> dict[str, Any]:
    """The services of a stack, merged as `docker compose -f a -f b` merges them."""
    merged: dict[str, Any] = {}
    for file in STACKS[name]:
        for service, content in read(DOCKER / file)["services"].items():
            there = merged.setdefault(service, {})
            for key, value in content.items():
                if isinstance(value, dict) and isinstance(there.get(key), dict):
                    there[key] = {**there[key], **value}
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
