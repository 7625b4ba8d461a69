"""`temponest completion`."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete


class _Bash(BashComplete):
    """Bash, without a space behind `KEY=`."""

    source_template = BashComplete.source_template.replace(
        "COMPREPLY+=($value)",
        'COMPREPLY+=("$value")\n            [[ $value == *= ]] && compopt -o nospace',
    )


SHELLS: dict[str, type[ShellComplete]] = {"bash": _Bash, "fish": FishComplete, "zsh": ZshComplete}


@click.command()
@click.argument("shell", type=click.Choice(sorted(SHELLS)))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the script by which a shell completes commands, options, services, tags and traces.

    Names of services, tags and traces come from the nest; where it does not answer in half a second, none do.

    \b
    eval "$(temponest completion bash)"                          # in ~/.bashrc
    eval "$(temponest completion zsh)"                           # in ~/.zshrc, after compinit
    temponest completion fish > ~/.config/fish/completions/temponest.fish
    """
    root = ctx.find_root()
    click.echo(SHELLS[shell](root.command, {}, "temponest", "_TEMPONEST_COMPLETE").source())
