"""Writing: all files or none, as they were shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from temponest.cli.main import main
from temponest.init.plan import plan
from temponest.init.write import ChangedError, write

from .shapes import SHAPES

MINIMAL = next(shape for shape in SHAPES if shape.name == "minimal")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return MINIMAL.write(tmp_path)


def content(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in root.iterdir()}


def run(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, ["init", *arguments], input=answer)


def test_a_file_that_changed_meanwhile_stops_all_of_it(shop: Path) -> None:
    planned = plan(shop, version="0.1.0")
    (shop / "requirements.txt").write_text("fastapi==1\n")
    before = content(shop)
    with pytest.raises(ChangedError, match=r"requirements\.txt was changed meanwhile"):
        write(planned.changes)
    assert content(shop) == before


def test_permissions_stay(shop: Path) -> None:
    (shop / "main.py").chmod(0o755)
    write(plan(shop, version="0.1.0").changes)
    assert (shop / "main.py").stat().st_mode & 0o777 == 0o755


def test_a_dry_run_shows_the_diff_and_writes_nothing(shop: Path) -> None:
    before = content(shop)
    result = run(str(shop), "--dry-run")
    assert (result.exit_code, content(shop)) == (0, before)
    assert '+setup_tracing(service_name="shop")' in result.output


def test_it_asks_first(shop: Path) -> None:
    before = content(shop)
    assert "Nothing was written" in run(str(shop), answer="n\n").output
    assert content(shop) == before
    assert "Written." in run(str(shop), answer="y\n").output
    assert content(shop) != before


def test_without_an_answer_nothing_is_written(shop: Path) -> None:
    before = content(shop)
    result = run(str(shop), answer="")
    assert (result.exit_code, content(shop)) == (1, before)
    assert "--yes" in result.output


def test_yes_asks_nothing_and_says_what_comes_next(shop: Path) -> None:
    result = run(str(shop), "--yes", "--service-name", "cart")
    assert "main:app is temponest-cart; TEMPONEST_SERVICE_PREFIX" in result.output
    assert "temponest serve" in result.output
    assert 'TracingMiddleware, service_name="cart"' in (shop / "main.py").read_text()


def test_a_service_in_src_is_named_as_its_modules_import_each_other(shop: Path) -> None:
    source = shop / "src"
    source.mkdir()
    (shop / "main.py").rename(source / "main.py")
    assert plan(shop, version="0.1.0").app == "main:app"
    (source / "users.py").write_text("from src.main import app\n")
    assert plan(shop, version="0.1.0").app == "src.main:app"


def test_json_is_a_plan_and_writes_with_yes_only(shop: Path) -> None:
    before = content(shop)
    planned = json.loads(run(str(shop), "--json").output)
    assert [change["file"] for change in planned["changes"]] == ["main.py", "requirements.txt"]
    assert (planned["written"], content(shop)) == (False, before)
    assert json.loads(run(str(shop), "--json", "--yes").output)["written"]
    assert content(shop) != before


def test_a_refusal_prints_the_lines_to_paste(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "from fastapi import FastAPI\n\n\ndef make():\n    return [FastAPI()]\n"
    )
    result = run(str(tmp_path / "main.py"))
    assert result.exit_code == 1
    assert 'app.add_middleware(TracingMiddleware, service_name="my-service")' in result.output


def test_a_name_that_is_no_text_in_source_is_refused(shop: Path) -> None:
    assert run(str(shop), "--service-name", 'x")\nimport os').exit_code == 2
