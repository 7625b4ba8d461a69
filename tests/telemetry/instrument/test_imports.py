"""Any order of imports, each in a process of its own as imports cannot be taken back."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

PROVIDER = "from tests.telemetry.instrument.recorded import Recorded\nrecorded = Recorded()\n"
INSTRUMENT = (
    "from shared.telemetry.instrument import instrument_all\n"
    "instrument_all(disabled=(), tracer_provider=recorded.provider)\n"
)
IMPORT = "from httpx import Client, MockTransport, Response\n"
CALL = (
    "with Client(transport=MockTransport(lambda _: Response(204))) as client:\n"
    "    client.get('http://shop.example/')\n"
    "print(recorded.names)\n"
)


def run(program: str) -> str:
    done = subprocess.run(  # noqa: S603 - the program is written above
        [sys.executable, "-W", "error", "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize(
    "program",
    [PROVIDER + INSTRUMENT + IMPORT + CALL, PROVIDER + IMPORT + INSTRUMENT + CALL],
    ids=["instrumented first", "imported first"],
)
def test_the_order_of_imports_is_of_no_matter(program: str) -> None:
    assert run(program) == "['GET']"


def test_nothing_is_imported_that_the_application_did_not_import() -> None:
    libraries = "{'fastapi', 'starlette', 'asyncpg', 'redis', 'httpx', 'requests', 'grpc', 'google.protobuf'}"
    program = PROVIDER + INSTRUMENT + f"import sys\nprint({libraries} & set(sys.modules))"
    assert run(program) == "set()"


def test_the_import_hook_leaves_no_trace_in_the_module() -> None:
    program = (
        PROVIDER + INSTRUMENT + "import httpx, inspect\n"
        "print(type(httpx.__spec__.loader).__name__, type(httpx.__loader__).__name__)\n"
        "print(bool(inspect.getsource(httpx)))"
    )
    assert run(program).split() == ["SourceFileLoader", "SourceFileLoader", "True"]


def test_a_library_that_is_missing_is_still_missing() -> None:
    program = (
        "from shared.telemetry.instrument.imports import when_imported\n"
        "when_imported('no_such_library', lambda: print('never'))\n"
        "try:\n    import no_such_library\nexcept ModuleNotFoundError as error:\n    print(error.name)"
    )
    assert run(program) == "no_such_library"


def test_an_import_that_fails_may_be_tried_again() -> None:
    program = (
        "import pathlib, sys, tempfile\n"
        "folder = pathlib.Path(tempfile.mkdtemp()); sys.path.insert(0, str(folder))\n"
        "from shared.telemetry.instrument.imports import when_imported\n"
        "when_imported('flaky_module', lambda: print('acted'))\n"
        "(folder / 'flaky_module.py').write_text('raise OSError')\n"
        "try:\n    import flaky_module\nexcept OSError:\n    print('failed')\n"
        "(folder / 'flaky_module.py').write_text('longer = 1')\n"
        "import importlib; importlib.invalidate_caches()\n"
        "import flaky_module"
    )
    assert run(program).split() == ["failed", "acted"]
