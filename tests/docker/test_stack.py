"""What can be known of the stacks without starting a container."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import chain
from shutil import which
from typing import Any

import promql_parser
import pytest
import yaml

from docker.grafana import dashboards
from temponest.doctor.checks.round_trip import SERVICE
from temponest.nest.logql.engine import parse_log_query
from temponest.nest.promql.signatures import SIGNATURES
from temponest.nest.traceql.check import check
from temponest.nest.traceql.parser import parse

from .files import DOCKER, KUBERNETES, STACKS, VENDORS, kubernetes, read, stack

CONFIGURATIONS = sorted(
    path for pattern in ("*/*.yaml", "*/*.yml", "grafana/**/*.yaml") for path in DOCKER.glob(pattern)
)
# Hosts outside of the stack: this machine, and what vendors' files name.
OUTSIDE = {"localhost", "127.0.0.1", "0.0.0.0"}  # noqa: S104 - an address in a file, nothing listens


@pytest.mark.parametrize("name", STACKS)
def test_no_two_services_take_one_port_of_the_host(name: str) -> None:
    taken = [port.rsplit(":", 1)[0] for service in stack(name).values() for port in service.get("ports", ())]
    assert len(taken) == len(set(taken))


@pytest.mark.parametrize("name", STACKS)
def test_ports_are_published_on_loopback_only(name: str) -> None:
    published = [port for service in stack(name).values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_guides_ports_and_container_names_are_there() -> None:
    services = stack("telemetry")
    ports = {port for service in services.values() for port in service.get("ports", ())}
    assert {f"127.0.0.1:{port}" for port in ("16686:16686", "3001:3000", "3200:3200", "4317:4317")} <= ports
    names = {service["container_name"] for service in services.values()}
    assert {"temponest-agents", "temponest-auth", "temponest-jaeger"} <= names
    assert services["agents"]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://jaeger:4317"


@pytest.mark.parametrize("name", STACKS)
def test_every_image_is_pinned_to_a_version(name: str) -> None:
    images = [service["image"] for service in stack(name).values() if "image" in service]
    assert all(re.fullmatch(r"[\w./-]+:v?\d[\w.-]*", image) for image in images), images


@pytest.mark.parametrize("name", STACKS)
def test_every_service_has_a_memory_limit(name: str) -> None:
    for service in stack(name).values():
        assert service["deploy"]["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", STACKS)
def test_every_mounted_file_and_every_build_exists(name: str) -> None:
    for service in stack(name).values():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert not source.startswith("./") or (DOCKER / source).exists(), volume
        if "build" in service:
            assert (DOCKER / service["build"]["context"] / service["build"]["dockerfile"]).exists()


@pytest.mark.parametrize("vendor", VENDORS)
def test_a_vendor_has_an_environment_and_a_part_of_the_collectors_configuration(vendor: str) -> None:
    services = stack("fan-out", vendor)
    (environment,) = services["collector"]["env_file"]
    assert (DOCKER / environment).exists()
    (mounted,) = (
        volume.split(":")[0] for volume in services["collector"]["volumes"] if "vendor.yaml" in volume
    )
    part, whole = read(DOCKER / mounted), read(DOCKER / "collector/config.yaml")
    exporters = set(whole["exporters"]) | set(part["exporters"])
    processors = set(whole["processors"]) | set(part.get("processors", ()))
    for pipeline in part["service"]["pipelines"].values():
        assert set(pipeline["exporters"]) <= exporters
        assert set(pipeline.get("processors", ())) <= processors
    # What is kept still reaches Tempo.
    assert "otlp_grpc/tempo" in part["service"]["pipelines"]["traces/sampled"]["exporters"]


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_collector_sends_a_vendor_the_temporality_of_its_environment_file(vendor: str) -> None:
    environment = (DOCKER / f"vendors/{vendor}.env").read_text()
    part = read(DOCKER / f"collector/vendors/{vendor}.yaml")
    delta = "cumulative_to_delta" in part["service"]["pipelines"]["metrics/vendor"]["processors"]
    assert delta == ("TEMPORALITY_PREFERENCE=delta" in environment)


@pytest.mark.parametrize("name", STACKS)
def test_named_volumes_are_declared_and_no_network_has_to_exist_before(name: str) -> None:
    declared: set[str] = set()
    for file in STACKS[name]:
        content = read(DOCKER / file)
        declared |= set(content.get("volumes", {}))
        assert "networks" not in content
    used = {volume.split(":")[0] for service in stack(name).values() for volume in service.get("volumes", ())}
    assert {volume for volume in used if not volume.startswith(".")} <= declared


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: str(path.relative_to(DOCKER)))
def test_every_host_in_a_configuration_is_a_service_of_the_stack(path: Any) -> None:
    text = path.read_text()
    hosts = set(re.findall(r"https?://([\w.-]+)[:/]", text)) | set(re.findall(r"endpoint: ([a-z]+):\d", text))
    over_nest = path.is_relative_to(DOCKER / "grafana/nest")
    assert hosts - OUTSIDE <= set(stack("nest" if over_nest else "logs"))


@pytest.mark.parametrize("path", ["jaeger/config.yaml", "collector/config.yaml"])
def test_every_part_of_a_pipeline_is_configured_and_every_configured_part_is_used(path: str) -> None:
    config = read(DOCKER / path)
    connectors = set(config.get("connectors", {}))
    for kind in ("receivers", "processors", "exporters"):
        known = set(config[kind]) | (connectors if kind != "processors" else set())
        used = set(chain.from_iterable(one.get(kind, ()) for one in config["service"]["pipelines"].values()))
        assert used <= known
        assert set(config[kind]) <= used
    assert set(config["service"]["extensions"]) <= set(config["extensions"])


def test_metrics_sent_to_jaeger_arrive_at_prometheus() -> None:
    jaeger, collector = read(DOCKER / "jaeger/config.yaml"), read(DOCKER / "collector/config.yaml")
    assert jaeger["service"]["pipelines"]["metrics"]["exporters"] == ["otlp_grpc"]
    assert jaeger["exporters"]["otlp_grpc"]["endpoint"] == "collector:4317"
    assert "otlp" in collector["service"]["pipelines"]["metrics"]["receivers"]
    target = collector["exporters"]["otlp_http/prometheus"]["endpoint"]
    assert target == "http://prometheus:9090/api/v1/otlp"
    assert "--web.enable-otlp-receiver" in stack("telemetry")["prometheus"]["command"]


def test_logs_sent_to_jaeger_arrive_at_loki_and_are_linked_with_traces() -> None:
    parts = [read(DOCKER / f"jaeger/{name}.yaml") for name in ("config", "logs")]
    pipeline = parts[1]["service"]["pipelines"]["logs"]
    assert set(pipeline["processors"]) <= set(parts[0]["processors"])
    assert pipeline["exporters"] == ["otlp_grpc"]
    collector = read(DOCKER / "collector/config.yaml")
    (exporter,) = collector["service"]["pipelines"]["logs"]["exporters"]
    assert collector["exporters"][exporter]["endpoint"] == "http://loki:3100/otlp"
    (loki,) = read(DOCKER / "loki/datasource.yaml")["datasources"]
    sources = read(DOCKER / "grafana/provisioning/datasources/datasources.yaml")["datasources"]
    (tempo,) = [source for source in sources if source["uid"] == "tempo"]
    assert tempo["jsonData"]["tracesToLogsV2"]["datasourceUid"] == loki["uid"]
    assert loki["jsonData"]["derivedFields"][0]["datasourceUid"] == tempo["uid"]


def test_data_sources_point_at_each_other() -> None:
    sources = read(DOCKER / "grafana/provisioning/datasources/datasources.yaml")["datasources"]
    by_uid = {source["uid"]: source["jsonData"] for source in sources}
    assert by_uid["prometheus"]["exemplarTraceIdDestinations"][0]["datasourceUid"] == "tempo"
    assert by_uid["tempo"]["serviceMap"]["datasourceUid"] == "prometheus"
    assert by_uid["tempo"]["tracesToMetrics"]["datasourceUid"] == "prometheus"


def test_data_sources_over_the_nest_lead_from_traces_to_logs_and_back() -> None:
    sources = read(DOCKER / "grafana/nest/datasources.yaml")["datasources"]
    by_type = {source["type"]: source for source in sources}
    assert {source["url"] for source in sources} == {f"http://nest:{port}" for port in (3100, 3200, 9090)}
    to_logs = by_type["tempo"]["jsonData"]["tracesToLogsV2"]
    assert to_logs["datasourceUid"] == by_type["loki"]["uid"]
    (back,) = by_type["loki"]["jsonData"]["derivedFields"]
    assert back["datasourceUid"] == by_type["tempo"]["uid"]
    query = to_logs["query"].replace("$${__trace.traceId}", "ab" * 16)
    parse_log_query(query)


@pytest.mark.parametrize("uid", dashboards.DASHBOARDS)
def test_a_dashboard_is_what_its_source_writes(uid: str) -> None:
    assert json.loads((dashboards.FOLDER / f"{uid}.json").read_text()) == dashboards.render(uid)


def test_dashboards_use_data_sources_that_are_provisioned() -> None:
    sources = read(DOCKER / "grafana/provisioning/datasources/datasources.yaml")["datasources"]
    uids = {source["uid"] for source in sources}
    assert {dashboards.PROMETHEUS["uid"], dashboards.TEMPO["uid"]} <= uids


def _plain(query: str) -> str:
    return query.replace("$__rate_interval", "5m").replace("$service", ".*")


@pytest.mark.parametrize(("language", "query"), list(dashboards.queries()))
def test_a_panels_query_is_understood(language: str, query: str) -> None:
    if language == "traceql":
        check(parse(_plain(query)))
    else:
        promql_parser.parse(_plain(query))


def test_every_function_of_panels_and_rules_runs_on_the_nest() -> None:
    rules = read(DOCKER / "prometheus/rules.yml")["groups"]
    texts = [query for language, query in dashboards.queries() if language == "promql"]
    texts += [rule["expr"] for group in rules for rule in group["rules"]]
    called = {name for text in texts for name in re.findall(r"([a-z_]+)\(", text)} - {"sum", "by"}
    assert called <= SIGNATURES.keys()


def test_alert_rules_parse_and_say_what_to_do() -> None:
    for group in read(DOCKER / "prometheus/rules.yml")["groups"]:
        for rule in group["rules"]:
            promql_parser.parse(rule["expr"])
            assert {"summary", "todo"} <= rule["annotations"].keys()


@pytest.mark.skipif(which("promtool") is None, reason="promtool is not installed")
def test_promtool_accepts_the_rules() -> None:
    result = subprocess.run(  # noqa: S603 - our own arguments
        [which("promtool") or "", "check", "rules", str(DOCKER / "prometheus/rules.yml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def _collector(name: str) -> Any:
    (texts,) = [one["data"] for one in kubernetes() if "gateway.yaml" in one.get("data", {})]
    return yaml.safe_load(texts[name])


def test_span_metrics_get_the_names_and_labels_that_the_nest_gives_them() -> None:
    for config in (read(DOCKER / "collector/config.yaml"), _collector("sampler.yaml")):
        statements = config["processors"]["transform/spans"]["metric_statements"]
        assert any('set(metric.name, "traces.spanmetrics.latency")' in one for one in statements)
        # A unit would become a suffix of the name.
        assert any(one.startswith('set(metric.unit, "")') for one in statements)
        assert any(one.startswith('set(datapoint.attributes["service"]') for one in statements)
        for connector in ("span_metrics", "service_graph"):
            (pipeline,) = [
                one for one in config["service"]["pipelines"].values() if connector in one["receivers"]
            ]
            assert "transform/spans" in pipeline["processors"]


def test_the_cluster_makes_the_same_metrics_of_spans_as_one_machine() -> None:
    docker, cluster = read(DOCKER / "collector/config.yaml"), _collector("sampler.yaml")
    assert cluster["connectors"]["span_metrics"] == docker["connectors"]["span_metrics"]
    sizes = {"store": None}
    assert {**cluster["connectors"]["service_graph"], **sizes} == {
        **docker["connectors"]["service_graph"],
        **sizes,
    }
    # Only the replica's name, which tells its series from those of another, is beside them.
    statements = {
        name: config["processors"]["transform/spans"]["metric_statements"]
        for name, config in (("docker", docker), ("cluster", cluster))
    }
    own = 'set(resource.attributes["service.instance.id"], "${env:HOSTNAME}")'
    assert [one for one in statements["cluster"] if one != own] == statements["docker"]
    assert own in statements["cluster"]


def test_both_collectors_keep_the_doctors_trace() -> None:
    for config in (read(DOCKER / "collector/config.yaml"), _collector("sampler.yaml")):
        policies = {one["name"]: one for one in config["processors"]["tail_sampling"]["policies"]}
        assert {"errors", "slow", "share"} <= policies.keys()
        assert policies["doctor"]["string_attribute"] == {"key": "service.name", "values": [SERVICE]}


def test_prometheus_and_grafana_are_set_up_alike_on_one_machine_and_in_a_cluster() -> None:
    values = read(KUBERNETES / "prometheus-values.yaml")["server"]
    prometheus = read(DOCKER / "prometheus/prometheus.yml")
    assert values["otlp"] == prometheus["otlp"]
    assert values["tsdb"] == prometheus["storage"]["tsdb"]
    flags = set(stack("telemetry")["prometheus"]["command"])
    assert {f"--{flag}" for flag in values["extraFlags"]} - {"--web.enable-lifecycle"} <= flags
    sources = read(DOCKER / "grafana/provisioning/datasources/datasources.yaml")["datasources"]
    docker = {source["uid"]: source["jsonData"] for source in sources}
    for source in read(KUBERNETES / "grafana-values.yaml")["datasources"]["datasources.yaml"]["datasources"]:
        # The cluster has no Loki.
        wanted = {key: value for key, value in docker[source["uid"]].items() if key != "tracesToLogsV2"}
        assert source["jsonData"] == wanted


def test_names_in_kubernetes_resolve_to_services() -> None:
    objects = kubernetes()
    services = {one["metadata"]["name"] for one in objects if one["kind"] == "Service"}
    # Made by the charts whose values stand beside.
    services |= {"tempo-distributor", "prometheus-server", "tempo-query-frontend"}
    (config,) = [one["data"] for one in objects if one["metadata"]["name"] == "telemetry"]
    hosts = {match for value in config.values() for match in re.findall(r"://([\w-]+)", value)}
    configurations = [one["data"] for one in objects if one["kind"] == "ConfigMap"]
    (collector,) = [data for data in configurations if "gateway.yaml" in data]
    hosts |= {name for text in collector.values() for name in re.findall(r"([\w-]+)\.temponest\.svc", text)}
    assert hosts <= services


def test_kubernetes_images_are_pinned_and_limited() -> None:
    for one in kubernetes():
        for container in one.get("spec", {}).get("template", {}).get("spec", {}).get("containers", ()):
            assert re.search(r":\d[\w.-]*$", container["image"])
            assert container["resources"]["limits"]["memory"]


def test_the_dashboards_script_runs_by_itself() -> None:
    before = {path: path.read_text() for path in dashboards.FOLDER.glob("*.json")}
    subprocess.run([sys.executable, dashboards.__file__], check=True)  # noqa: S603 - our own script
    assert {path: path.read_text() for path in dashboards.FOLDER.glob("*.json")} == before
