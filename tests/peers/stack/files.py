"""Each server's own validation of the files that are shipped for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.docker.files import DOCKER, KUBERNETES, STACKS, VENDORS, environment_file, kubernetes

# Values that only the receiver's owner has; a Collector that validates a file wants something there.
SECRETS = {
    "GRAFANA_CLOUD_AUTH": "c2VjcmV0",
    "HONEYCOMB_API_KEY": "secret",
    "NEW_RELIC_LICENSE_KEY": "secret",
    "DATADOG_API_KEY": "secret",
    "DATADOG_SITE": "datadoghq.com",
}


def validations(folder: Path) -> Iterator[tuple[str, list[str], dict[str, str]]]:
    """What to run: the file's name, the command, variables for it.

    Args:
        folder: an existing folder for files that are parts of others.
    """
    for name, parts in STACKS.items():
        for vendor in VENDORS if name in {"vendor", "fan-out"} else ("",):
            options = [word for part in parts for word in ("-f", str(DOCKER / part))]
            variables = {**SECRETS, "VENDOR": vendor}
            yield f"{' '.join(parts)} {vendor}", ["docker", "compose", *options, "config"], variables
    collector = str(DOCKER / "collector/config.yaml")
    yield "docker/jaeger/config.yaml", ["jaeger", "validate", f"--config={DOCKER}/jaeger/config.yaml"], {}
    both = [f"--config={DOCKER}/jaeger/{name}.yaml" for name in ("config", "logs")]
    yield "docker/jaeger/logs.yaml", ["jaeger", "validate", *both], {}
    loki = ["loki", f"-config.file={DOCKER}/loki/config.yaml", "-verify-config=true"]
    yield "docker/loki/config.yaml", loki, {}
    yield "docker/collector/config.yaml", ["otelcol", "validate", f"--config={collector}"], {}
    for overlay in sorted((DOCKER / "collector/vendors").glob("*.yaml")):
        command = ["otelcol", "validate", f"--config={collector}", f"--config={overlay}"]
        variables = environment_file(DOCKER / "vendors" / f"{overlay.stem}.env", SECRETS)
        yield f"docker/collector/vendors/{overlay.name}", command, {**SECRETS, **variables}
    (texts,) = [one["data"] for one in kubernetes() if "gateway.yaml" in one.get("data", {})]
    for name, text in texts.items():
        path = folder / name
        path.write_text(text)
        yield f"deploy/kubernetes/collector.yaml, {name}", ["otelcol", "validate", f"--config={path}"], {}
    tempo = ["tempo", "-target=all", f"-config.file={DOCKER}/tempo/config.yaml", "-config.verify=true"]
    yield "docker/tempo/config.yaml", tempo, {}
    for kind, name in (("config", "prometheus.yml"), ("rules", "rules.yml")):
        yield f"docker/prometheus/{name}", ["promtool", "check", kind, f"{DOCKER}/prometheus/{name}"], {}
    for path in sorted(KUBERNETES.glob("*.yaml")):
        if "values" not in path.name:
            yield f"deploy/kubernetes/{path.name}", ["kubectl-validate", str(path)], {}


def complaint(command: list[str], variables: dict[str, str]) -> str | None:
    """What a validation complains of, warnings included; None when it is silent."""
    result = subprocess.run(  # noqa: S603 - our own arguments
        command, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    said = result.stdout + result.stderr
    if result.returncode:
        return said.strip()[-2000:]
    warnings = [line for line in said.splitlines() if re.search(r"\b(WARN|warn|deprecated)\b", line)]
    return "\n".join(warnings) or None


def run() -> bool:
    """Run every validation whose program is on PATH; prints a table, says whether all agreed."""
    agreed = True
    print("| file | validated by | answer |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name, command, variables in validations(Path(folder)):
            if shutil.which(command[0]) is None:
                print(f"| {name} | {command[0]} | not on PATH |")
                continue
            said = complaint(command, variables)
            agreed = agreed and said is None
            print(f"| {name} | {command[0]} | {'accepted' if said is None else said} |", flush=True)
    return agreed
