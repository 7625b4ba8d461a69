"""The scripts in real shells: what Tab offers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.journeys.conftest import Nest

from .conftest import FIRST, SECOND

BIN = Path(sys.executable).parent

# Load the script, complete the line, print what is offered, one a line.
ASK = {
    "bash": """
eval "$(temponest completion bash)"
COMP_LINE=$1; COMP_POINT=${#COMP_LINE}
compopt() { printf 'compopt %s\\n' "$*"; }
read -ra COMP_WORDS <<< "$1"; [[ $1 == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
_temponest_completion temponest
printf '%s\\n' "${COMPREPLY[@]}"
""",
    "zsh": """
compdef() { :; }
_describe() { print -rl -- "${(@)${(@P)3}%%:*}"; }
compadd() { print -rl -- "${(@P)5}"; }
eval "$(temponest completion zsh)"
words=(${(z)1}); [[ $1 == *' ' ]] && words+=('')
CURRENT=$#words
_temponest_completion
""",
    "fish": """
temponest completion fish | source
complete -C "$argv[1]" | string split -f1 \\t
""",
}


def offered(shell: str, line: str, folder: Path) -> list[str]:
    """What a shell offers behind a line."""
    script = folder / f"ask.{shell}"
    script.write_text(ASK[shell])
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "HOME": str(folder)}
    done = subprocess.run(  # noqa: S603 - a shell that is installed, with our script
        [str(shutil.which(shell)), str(script), line],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    return done.stdout.split()


installed = pytest.mark.parametrize(
    "shell",
    [
        pytest.param(
            name, marks=pytest.mark.skipif(not shutil.which(name), reason=f"{name} is not installed")
        )
        for name in ASK
    ],
)


@installed
def test_commands(shell: str, tmp_path: Path) -> None:
    assert set(offered(shell, "temponest se", tmp_path)) >= {"search", "serve", "services"}


@installed
def test_options(shell: str, tmp_path: Path) -> None:
    assert "--service-name" in offered(shell, "temponest init --ser", tmp_path)


@installed
def test_services_come_from_the_nest(shell: str, tmp_path: Path, nest: Nest) -> None:
    line = f"temponest search --tempo {nest.url('Tempo API')} --service "
    assert "shop" in offered(shell, line, tmp_path)


@installed
def test_tags_come_from_the_nest(shell: str, tmp_path: Path, nest: Nest) -> None:
    line = f"temponest tail --tempo {nest.url('Tempo API')} --tag ro"
    assert "route=" in offered(shell, line, tmp_path)


@installed
def test_traces_come_from_the_nest(shell: str, tmp_path: Path, nest: Nest) -> None:
    line = f"temponest trace --tempo {nest.url('Tempo API')} "
    assert set(offered(shell, line, tmp_path)) >= {FIRST.hex(), SECOND.hex()}


@installed
def test_nothing_is_offered_and_nothing_said_where_no_nest_answers(shell: str, tmp_path: Path) -> None:
    assert offered(shell, "temponest search --tempo http://127.0.0.1:9 --service ", tmp_path) in ([], [""])


def test_bash_puts_no_space_behind_a_key(tmp_path: Path, nest: Nest) -> None:
    line = f"temponest tail --tempo {nest.url('Tempo API')} --tag ro"
    assert offered("bash", line, tmp_path)[:3] == ["compopt", "-o", "nospace"]
