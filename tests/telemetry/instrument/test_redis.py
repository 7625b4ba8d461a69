"""redis against a real Valkey, alone and as a cluster of one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
import redis.asyncio
import redis.asyncio.cluster
from opentelemetry.trace import SpanKind, StatusCode
from redis.backoff import NoBackoff
from redis.retry import Retry

from shared.telemetry.instrument import redis as instrumentation
from temponest.demo.ports import free_ports
from temponest.demo.servers import start_valkey
from tests.telemetry.instrument.recorded import Recorded, attributes_of


@pytest.fixture
def client(valkey_url: str, recorded: Recorded) -> Iterator[Any]:
    client = redis.Redis.from_url(valkey_url)
    client.flushdb()
    instrumentation.instrument(tracer_provider=recorded.provider)
    yield client
    instrumentation.uninstrument()
    client.close()


@pytest.fixture(scope="module")
def cluster_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    (port,) = free_ports(1)
    folder: Path = tmp_path_factory.mktemp("cluster")
    process = start_valkey(folder, port, "--cluster-enabled", "yes", "--cluster-port", str(*free_ports(1)))
    try:
        with redis.Redis(port=port) as node:
            node.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
            deadline = monotonic() + 20
            while node.cluster("INFO")["cluster_state"] != "ok":
                assert monotonic() < deadline, "the cluster of one did not come up"
        yield port
    finally:
        process.stop()


def test_a_command_is_a_client_span_without_its_values(
    client: Any, recorded: Recorded, valkey_url: str
) -> None:
    client.set("user:42", "s3cret")
    span = recorded.only()
    assert span.name == "SET"
    assert span.kind is SpanKind.CLIENT
    assert attributes_of(span) == {
        "db.system.name": "redis",
        "db.namespace": "0",
        "db.operation.name": "SET",
        "db.query.text": "SET ? ?",
        "server.address": "127.0.0.1",
        "server.port": urlsplit(valkey_url).port,
    }


def test_a_long_command_is_cut(client: Any, recorded: Recorded) -> None:
    client.rpush("list", *range(100))
    assert attributes_of(recorded.only())["db.query.text"] == "RPUSH ? ? ? ? ? ? ? ? ? ? ..."


def test_a_subcommand_is_part_of_the_name(client: Any, recorded: Recorded) -> None:
    client.execute_command("OBJECT", "ENCODING", "nothing")
    assert recorded.names == ["OBJECT ENCODING"]


def test_a_pipeline_is_one_span(client: Any, recorded: Recorded) -> None:
    with client.pipeline(transaction=False) as pipeline:
        pipeline.set("a", "s3cret").get("a").execute()
    span = recorded.only()
    assert span.name == "PIPELINE"
    assert attributes_of(span)["db.operation.batch.size"] == 2
    assert attributes_of(span)["db.query.text"] == "SET ? ?\nGET ?"


def test_a_pipeline_of_one_sort_of_command_is_named_after_it(client: Any, recorded: Recorded) -> None:
    with client.pipeline(transaction=False) as pipeline:
        pipeline.incr("a").incr("b").execute()
    assert recorded.names == ["PIPELINE INCRBY"]


def test_a_transaction_is_one_span_beside_what_it_watches(client: Any, recorded: Recorded) -> None:
    with client.pipeline() as pipeline:
        pipeline.watch("a")
        pipeline.get("a")
        pipeline.multi()
        pipeline.set("a", 1).get("b").execute()
    assert recorded.names == ["WATCH", "GET", "MULTI"]


def test_an_empty_pipeline_makes_no_span(client: Any, recorded: Recorded) -> None:
    with client.pipeline() as pipeline:
        assert pipeline.execute() == []
    assert recorded.spans == []


def test_an_error_of_the_server_is_told_by_its_prefix(client: Any, recorded: Recorded) -> None:
    client.set("a", "text")
    recorded.clear()
    with pytest.raises(redis.ResponseError):
        client.rpush("a", 1)
    span = recorded.only()
    assert attributes_of(span)["db.response.status_code"] == "WRONGTYPE"
    assert attributes_of(span)["error.type"] == "WRONGTYPE"
    assert span.status.status_code is StatusCode.ERROR


def test_a_server_out_of_reach_is_recorded_and_raised_on(recorded: Recorded) -> None:
    instrumentation.instrument(tracer_provider=recorded.provider)
    with redis.Redis(port=1, retry=Retry(NoBackoff(), 0)) as client, pytest.raises(redis.ConnectionError):
        client.get("a")
    assert attributes_of(recorded.only())["error.type"] == "redis.exceptions.ConnectionError"


async def test_asyncio_commands_and_pipelines_are_traced_alike(
    client: Any, recorded: Recorded, valkey_url: str
) -> None:
    assert client
    async with redis.asyncio.Redis.from_url(valkey_url) as connected:
        asynchronous: Any = connected
        await asynchronous.set("a", 1)
        async with asynchronous.pipeline() as pipeline:
            await pipeline.get("a").get("b").execute()
        async with asynchronous.pipeline(transaction=False) as pipeline:
            await pipeline.get("a").set("b", 1).execute()
    assert recorded.names == ["SET", "MULTI GET", "PIPELINE"]


def test_a_cluster_is_traced_without_its_nodes(recorded: Recorded, cluster_port: int) -> None:
    with redis.RedisCluster(host="127.0.0.1", port=cluster_port) as cluster:
        instrumentation.instrument(tracer_provider=recorded.provider)
        cluster.set("a", 1)
        pipeline: Any = cluster.pipeline()
        pipeline.set("a", 1)
        pipeline.get("b")
        pipeline.execute()
    assert recorded.names == ["SET", "PIPELINE"]
    attributes = attributes_of(recorded.spans[1])
    assert attributes["db.operation.batch.size"] == 2
    assert attributes["server.port"] == cluster_port


async def test_an_asyncio_cluster_is_traced_without_its_nodes(recorded: Recorded, cluster_port: int) -> None:
    async with redis.asyncio.cluster.RedisCluster(host="127.0.0.1", port=cluster_port) as connected:
        cluster: Any = connected
        await cluster.get("warm")
        instrumentation.instrument(tracer_provider=recorded.provider)
        await cluster.set("a", 1)
        async with cluster.pipeline() as pipeline:
            await pipeline.set("a", 1).get("b").execute()
    assert recorded.names == ["SET", "PIPELINE"]
    assert attributes_of(recorded.spans[1])["db.operation.batch.size"] == 2
