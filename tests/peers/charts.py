"""The values for Helm against the charts that they are for.

    python -m tests.peers.charts FOLDER

`FOLDER` holds the charts `tempo-distributed`, `grafana` and `prometheus` in the versions the values name,
each with its subcharts below `charts/`. Every key of the values must be one that the chart knows. With `helm`
on PATH the charts are rendered, and every address in our files must be a Service with that port; with `tempo`
and `promtool` the configurations that come out are validated by those. Exits 1 on any complaint.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.docker.files import DOCKER, KUBERNETES, kubernetes, read

CHARTS = {"tempo": "tempo-distributed", "grafana": "grafana", "prometheus": "prometheus"}
# Read by a template, without a default among the values.
WITHOUT_DEFAULT = {"tempo: backendWorker.podDisruptionBudget", "tempo: storage.trace.s3"}
TARGETS = (
    *("distributor", "block-builder", "live-store", "querier", "query-frontend"),
    *("backend-scheduler", "backend-worker"),
)


def unknown(ours: Mapping[str, Any], theirs: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Keys of ours that the chart's defaults do not have; below an empty default all are allowed."""
    for key, value in ours.items():
        if key not in theirs:
            yield f"{path}{key}"
        elif isinstance(value, dict) and isinstance(theirs[key], dict) and theirs[key]:
            yield from unknown(value, theirs[key], f"{path}{key}.")


def rendered(release: str, chart: Path) -> list[dict[str, Any]]:
    """The objects that Helm makes of a chart with our values."""
    command = [
        "helm",
        "template",
        release,
        str(chart),
        "--namespace",
        "temponest",
        "--kube-version",
        "1.33.0",
    ]
    command += ["--values", str(KUBERNETES / f"{release}-values.yaml")]
    if release == "prometheus":
        command += ["--set-file", rf"ruleFiles.temponest\.yml={DOCKER}/prometheus/rules.yml"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if result.returncode:
        raise SystemExit(f"helm refuses {release}: {result.stderr[-1000:]}")
    return [one for one in yaml.safe_load_all(result.stdout) if one]


def services(objects: list[dict[str, Any]]) -> set[tuple[str, int]]:
    """Name and port of every Service."""
    return {
        (one["metadata"]["name"], port["port"])
        for one in objects
        if one["kind"] == "Service"
        for port in one["spec"]["ports"]
    }


def addresses() -> set[tuple[str, int]]:
    """Name and port of every address of the cluster in our files, Kafka's apart, which no chart brings."""
    text = "".join(path.read_text() for path in KUBERNETES.glob("*.yaml"))
    found = re.findall(r"(https?://)?([\w-]+)\.temponest\.svc(?:\.cluster\.local)?(?::(\d+))?", text)
    ports = {(name, int(port or (80 if scheme else 4317))) for scheme, name, port in found}
    return {(name, port) for name, port in ports if name != "kafka"}


def complaints(folder: Path) -> Iterator[str]:
    """Everything that is wrong."""
    for release, chart in CHARTS.items():
        ours = read(KUBERNETES / f"{release}-values.yaml")
        for key in unknown(ours, read(folder / chart / "values.yaml")):
            if f"{release}: {key}" not in WITHOUT_DEFAULT:
                yield f"{release}: the chart knows no {key}"
        named = (KUBERNETES / f"{release}-values.yaml").read_text()
        if read(folder / chart / "Chart.yaml")["version"] not in named:
            yield f"{release}: the values name another version than that of {chart}"
    if shutil.which("helm") is None:
        print("helm is not on PATH: the charts are not rendered")
        return
    objects = {release: rendered(release, folder / chart) for release, chart in CHARTS.items()}
    there = services([*kubernetes(), *(one for found in objects.values() for one in found)])
    for name, port in sorted(addresses() - there):
        yield f"no Service {name} has port {port}"
    print(f"{len(addresses())} addresses, {sum(map(len, objects.values()))} objects")
    yield from _tempo(_data(objects["tempo"], "tempo.yaml"))
    yield from _rules(_data(objects["prometheus"], "temponest.yml"))


def _data(objects: list[dict[str, Any]], key: str) -> str:
    (found,) = [one["data"][key] for one in objects if one["kind"] == "ConfigMap" and key in one["data"]]
    return str(found)


def _tempo(text: str) -> Iterator[str]:
    if shutil.which("tempo") is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        overrides, config = Path(folder) / "overrides.yaml", Path(folder) / "tempo.yaml"
        overrides.write_text("overrides: {}\n")
        config.write_text(text.replace("/runtime-config/overrides.yaml", str(overrides)))
        for target in TARGETS:
            yield from _run("tempo", f"-target={target}", f"-config.file={config}", "-config.verify=true")


def _rules(text: str) -> Iterator[str]:
    if shutil.which("promtool") is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rules.yml"
        path.write_text(text)
        yield from _run("promtool", "check", "rules", str(path))


def _run(*command: str) -> Iterator[str]:
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    print(f"{' '.join(command[:2])}: {'refused' if result.returncode else 'accepted'}")
    if result.returncode:
        yield f"{' '.join(command)}: {(result.stdout + result.stderr)[-500:]}"


def main(arguments: list[str]) -> int:
    """Print every complaint; 0 when there is none."""
    if len(arguments) != 1:
        print(__doc__)
        return 2
    found = list(complaints(Path(arguments[0])))
    print("\n".join(found) or "The charts take the values.")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
