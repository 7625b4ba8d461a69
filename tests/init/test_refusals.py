"""Where the right edit is not certain nothing is changed, and the reason is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from temponest.init.plan import ConflictError, plan
from temponest.init.source import UnsureError

APP = "from fastapi import FastAPI\n\napp = FastAPI()\n"

UNSURE = {
    "no application": ({"main.py": "print(1)\n"}, "no FastAPI application was found"),
    "several": ({"one.py": APP, "two.py": APP}, "--app one.py:app"),
    "returned inside of another": (
        {"main.py": "from fastapi import FastAPI\n\n\ndef make():\n    return Wrapper(FastAPI())\n"},
        "returns an application without giving it a name",
    ),
    "returned in two branches": (
        {
            "main.py": "from fastapi import FastAPI\n\n\ndef make(x):\n"
            "    if x:\n        app = FastAPI()\n        return app\n"
            "    else:\n        app = FastAPI(debug=True)\n        return app\n"
        },
        "make() returns several applications",
    ),
    "returned twice": (
        {
            "main.py": "from fastapi import FastAPI\n\n\ndef make(x):\n"
            "    if x:\n        return FastAPI()\n    return FastAPI(debug=True)\n"
        },
        "make() returns several applications",
    ),
    "two statements on a line": (
        {"main.py": "from fastapi import FastAPI\napp = FastAPI(); x = 1\n"},
        "two statements on one line",
    ),
    "body of a class": (
        {"main.py": "from fastapi import FastAPI\nclass A:\n    app = FastAPI()\n"},
        "in the body of a class",
    ),
    "no Python": ({"main.py": "from fastapi import FastAPI\napp = FastAPI(\nprint 1\n"}, "cannot be read"),
    "a name that is taken": (
        {"main.py": "from fastapi import FastAPI\nfrom mine import setup_tracing\napp = FastAPI()\n"},
        "has a setup_tracing of its own",
    ),
}
IN_THE_WAY = {
    "official instrumentation": (
        {
            "main.py": APP,
            "tracing.py": "from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor\n",
        },
        "tracing.py:1 imports opentelemetry.instrumentation.fastapi.FastAPIInstrumentor",
    ),
    "official SDK": (
        {"main.py": f"from opentelemetry.sdk.trace import TracerProvider\n{APP}"},
        "the official SDK is set up",
    ),
    "official SDK by its module": (
        {"main.py": f"from opentelemetry.sdk import trace\n{APP}"},
        "the official SDK is set up",
    ),
    "logfire": ({"main.py": f"import logfire\n{APP}"}, "logfire sets up the official SDK"),
    "launcher": (
        {"main.py": APP, "Dockerfile": 'FROM x\nCMD ["opentelemetry-instrument", "uvicorn", "main:app"]\n'},
        "Dockerfile starts the service by opentelemetry-instrument",
    ),
    "a package called shared": (
        {"main.py": APP, "shared/__init__.py": ""},
        "shared is a package of this project",
    ),
}


def project(folder: Path, files: dict[str, str]) -> dict[Path, str]:
    written = {folder / name: text for name, text in ({"requirements.txt": "fastapi\n"} | files).items()}
    for path, text in written.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return written


@pytest.mark.parametrize("case", UNSURE)
def test_an_unclear_place_is_refused(case: str, tmp_path: Path) -> None:
    files, said = UNSURE[case]
    project(tmp_path, files)
    with pytest.raises(UnsureError) as refused:
        plan(tmp_path, version="0.1.0")
    assert said in str(refused.value)


@pytest.mark.parametrize("case", IN_THE_WAY)
def test_another_tracer_is_named(case: str, tmp_path: Path) -> None:
    files, said = IN_THE_WAY[case]
    project(tmp_path, files)
    with pytest.raises(ConflictError) as refused:
        plan(tmp_path, version="0.1.0")
    assert said in str(refused.value)


@pytest.mark.parametrize("wanted", ["two.py:app", "two:app"])
def test_one_of_several_can_be_chosen(wanted: str, tmp_path: Path) -> None:
    project(tmp_path, {"one.py": APP, "two.py": APP})
    planned = plan(tmp_path, app=wanted, version="0.1.0")
    assert planned.changes[0].name == "two.py"


def test_agents_of_vendors_stand_beside(tmp_path: Path) -> None:
    project(tmp_path, {"main.py": f"import ddtrace.auto\n{APP}"})
    assert "Datadog's tracer stands beside" in plan(tmp_path, version="0.1.0").notes[0]


def test_tests_and_environments_are_not_the_service(tmp_path: Path) -> None:
    project(
        tmp_path,
        {"main.py": APP, "tests/main.py": APP, "mine/pyvenv.cfg": "", "mine/app.py": APP, "test_app.py": APP},
    )
    assert plan(tmp_path, version="0.1.0").app == "main:app"
