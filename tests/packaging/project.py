"""A project whose tests use the fixture `telemetry` that the installed library brings."""

from __future__ import annotations

from typing import Final

SHOP: Final = '''
from fastapi import FastAPI

from shared.telemetry import TracingMiddleware, get_meter, get_tracer, setup_metrics, setup_tracing

setup_tracing(service_name="shop")
setup_metrics(service_name="shop")
app = FastAPI()
app.add_middleware(TracingMiddleware)
orders = get_meter(__name__).create_counter("orders")


def place(number: int) -> int:
    """Place an order."""
    with get_tracer(__name__).start_as_current_span("place", attributes={"order": number}):
        orders.add(1)
    return number


@app.post("/orders/{number}")
async def post(number: int) -> int:
    """Place an order over HTTP."""
    return place(number)
'''
TESTS: Final = '''
import asyncio

import httpx
import pytest
from shop import app, place

from shared.telemetry.testing import Telemetry


def test_plain(telemetry: Telemetry) -> None:
    place(7)
    assert telemetry.span("place").attributes == {"order": 7}
    assert telemetry.value("orders") == 1


@pytest.mark.parametrize("number", [1, 2])
async def test_async(telemetry: Telemetry, number: int) -> None:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:
        answers = await asyncio.gather(*(client.post(f"/orders/{number}") for _ in range(2)))
    assert [answer.json() for answer in answers] == [number, number]
    telemetry.assert_tree("""
        POST
          POST /orders/{number}
            place
        POST
          POST /orders/{number}
            place
    """)
    assert telemetry.value("orders") == 2


async def test_nothing_is_left_of_the_others(telemetry: Telemetry) -> None:
    assert telemetry.names == []
'''
SETTINGS: Final = """[pytest]
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
filterwarnings = error
"""
FILES: Final = {
    "shop.py": SHOP,
    "test_shop.py": TESTS,
    "pytest.ini": SETTINGS,
}
