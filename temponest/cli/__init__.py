"""The command line: what the extra `nest` brings, not the library alone."""

try:
    import click  # noqa: F401 - every command needs it; asked for here to say so in one line
except ModuleNotFoundError:
    raise SystemExit("The commands are not installed. Try: pip install 'temponest[nest]'") from None
