from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from temponest.nest.api import tempo
from temponest.nest.api.pages import create_app
from temponest.nest.api.pages.forward import Forward
from temponest.nest.api.server import Security
from tests.nest.memory_source import MemorySource
from tests.nest.serving import serving


async def echo(request: Request) -> Response:
    raw = request.scope["raw_path"].decode()
    return JSONResponse(
        {"path": raw, "query": str(request.url.query), "accept": request.headers.get("accept"),
         "cookie": request.headers.get("cookie"), "tenant": request.headers.get("x-scope-orgid")},
        status_code=int(request.query_params.get("status", 200)),
    )  # fmt: skip


OTHER = Starlette(routes=[Route("/{path:path}", echo, methods=["GET", "POST", "DELETE"])])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pages = tmp_path / "pages"
    (pages / "assets").mkdir(parents=True)
    (pages / "index.html").write_text("<!doctype html><title>pages</title>")
    (pages / "assets" / "app-1a2b.js").write_text("export {}")
    (tmp_path / "secret.txt").write_text("keep out")
    return pages


@pytest.fixture
def client(folder: Path) -> Iterator[httpx.Client]:
    app = create_app(
        OTHER,
        OTHER,
        folder=folder,
        describe=lambda: {"otlp_grpc": "http://127.0.0.1:4317", "last_refused": None},
    )
    with serving(app) as client:
        yield client


def test_every_answer_carries_the_strict_policy(client: httpx.Client) -> None:
    for path in ("/", "/trace/1", "/assets/app-1a2b.js", "/tempo/api/echo", "/missing.js"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/", "/services", "/trace/0123456789abcdef0123456789abcdef"])
def test_a_place_inside_of_the_pages_is_the_page(client: httpx.Client, path: str) -> None:
    reply = client.get(path)
    assert reply.headers["content-type"].startswith("text/html")
    assert reply.headers["cache-control"] == "no-cache"


def test_hashed_assets_are_kept_for_ever(client: httpx.Client) -> None:
    reply = client.get("/assets/app-1a2b.js")
    assert "immutable" in reply.headers["cache-control"]
    assert reply.headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "path", ["/../secret.txt", "/%2e%2e/secret.txt", "/assets/..%2f..%2fsecret.txt", "/%00.js"]
)
def test_nothing_outside_of_the_folder_is_served(client: httpx.Client, path: str) -> None:
    assert "keep out" not in client.get(path).text


def test_an_unknown_api_is_not_answered_with_a_page(client: httpx.Client) -> None:
    assert client.get("/api/nothing").status_code == 404


def test_another_api_beside_the_pages_sees_the_path_as_it_was_asked_for(folder: Path) -> None:
    with serving(create_app(OTHER, None, api=OTHER, folder=folder)) as client:
        assert client.get("/api/services?x=1").json()["path"] == "/api/services"
        assert client.get("/prometheus/api/v1/query").status_code == 404


def test_with_a_token_the_pages_open_and_the_data_does_not(folder: Path) -> None:
    security = Security(token="t0ken")
    app = create_app(tempo.create_app(MemorySource(), security), None, folder=folder, security=security)
    with serving(app) as client:
        assert client.get("/").status_code == 200
        assert client.get("/tempo/api/echo").status_code == 401
        with_token = {"Authorization": "Bearer t0ken"}
        assert client.get("/tempo/api/echo", headers=with_token).text == "echo"


def test_this_machine_describes_itself(client: httpx.Client) -> None:
    assert client.get("/here.json").json()["otlp_grpc"] == "http://127.0.0.1:4317"


def test_another_host_name_is_refused(client: httpx.Client) -> None:
    assert client.get("/", headers={"Host": "evil.example"}).status_code == 421


def test_without_built_pages_it_says_how_to_get_them(tmp_path: Path) -> None:
    with serving(create_app(OTHER, OTHER, folder=tmp_path / "none")) as client:
        reply = client.get("/")
        assert reply.status_code == 503
        assert "make pages" in reply.text
        assert client.get("/tempo/api/echo").status_code == 200


@pytest.fixture
def forwarded(folder: Path) -> Iterator[httpx.Client]:
    with serving(OTHER) as other:
        url = f"{other.base_url}/prefix".replace("//prefix", "/prefix")
        tempo = Forward(url, name="Tempo", headers={"X-Scope-OrgID": "1"})
        with serving(create_app(tempo, tempo, folder=folder)) as client:
            yield client


def test_a_request_is_passed_on_as_it_is_but_for_what_belongs_to_this_server(forwarded: httpx.Client) -> None:
    reply = forwarded.get(
        "/tempo/api/v2/search/tag/span.a%2Fb/values?q=%7B+%7D", headers={"Accept": "a/b", "Cookie": "c=1"}
    )
    assert reply.json() == {
        "path": "/prefix/api/v2/search/tag/span.a%2Fb/values",
        "query": "q=%7B+%7D",
        "accept": "a/b",
        "cookie": None,
        "tenant": "1",
    }


def test_the_other_servers_refusal_reaches_the_reader(forwarded: httpx.Client) -> None:
    assert forwarded.get("/tempo/api/search?status=422").status_code == 422


@pytest.mark.parametrize(
    ("method", "path"), [("DELETE", "/tempo/api/x"), ("POST", "/prometheus/api/v1/admin/tsdb")]
)
def test_only_reads_are_passed_on(forwarded: httpx.Client, method: str, path: str) -> None:
    assert forwarded.request(method, path).status_code == 405


def test_a_query_may_be_posted(forwarded: httpx.Client) -> None:
    assert forwarded.post("/prometheus/api/v1/query", data={"query": "up"}).status_code == 200


def test_a_server_that_is_away_is_named(folder: Path) -> None:
    tempo = Forward("http://127.0.0.1:9", name="Tempo")
    with serving(create_app(tempo, tempo, folder=folder)) as client:
        reply = client.get("/tempo/api/search")
        assert reply.status_code == 502
        assert "Tempo at http://127.0.0.1:9 cannot be reached" in reply.text


def test_an_address_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="--tempo needs an address"):
        Forward("localhost:3200", name="Tempo")
