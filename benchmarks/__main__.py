"""`python -m benchmarks [NAME ...] [-- OPTIONS]`: run the named benchmarks, all of them without a name."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent


def main(arguments: list[str]) -> int:
    """Run benchmarks one after another; one is a folder here whose `run.py` has `main(options)`."""
    known = sorted(path.parent.name for path in HERE.glob("*/run.py"))
    split = arguments.index("--") if "--" in arguments else len(arguments)
    names, options = arguments[:split] or known, arguments[split + 1 :]
    unknown = [name for name in names if name not in known]
    if unknown:
        print(
            f"There is no benchmark {', '.join(unknown)}. Choose from: {', '.join(known)}.", file=sys.stderr
        )
        return 2
    for name in names:
        import_module(f"benchmarks.{name}.run").main(options)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
