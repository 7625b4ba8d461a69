"""What an extra brings is enough for what the documentation says it is for."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

from temponest.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
# Where the module is not called as the distribution is.
MODULES = {"argon2-cffi": "argon2"}

LOAD = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from importlib import import_module
for module in modules:
    import_module(module)
"""


def _modules(requirements: list[str]) -> set[str]:
    names = {re.split(r"[\[<>=;\s]", requirement)[0] for requirement in requirements}
    return {MODULES.get(name, name.replace("-", "_")) for name in names}


def _without(absent: set[str], modules: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own code by this interpreter
        [sys.executable, "-c", f"absent, modules = {absent!r}, {modules!r}\n{LOAD}"],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_every_command_but_the_demo_loads_with_the_nest_extra_alone() -> None:
    absent = _modules(EXTRAS["demo"] + EXTRAS["mcp"]) - {"temponest"}
    modules = [module for name, (module, _) in COMMANDS.items() if name != "demo"]
    done = _without(absent, modules)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_command_says_what_to_install_where_only_the_library_is() -> None:
    done = _without(_modules(EXTRAS["nest"]), ["temponest.cli.main"])
    assert (done.returncode, done.stderr) == (
        1,
        "The commands are not installed. Try: pip install 'temponest[nest]'\n",
    )
