"""`python -m benchmarks ingest`: one load for the nest and, when its binary is on PATH, Grafana Tempo.

First both in turn, small and large requests, plain and gzip, with the ratios; then each filled to the sizes
given, with every question asked; with --sustained, minutes without a pause; with --logs, log records. All by
OTLP/gRPC over four connections.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from pathlib import Path

from .compare import compare
from .growth import STEADY, measure
from .log_load import measure_logs
from .plot import plot
from .receivers import present
from .sustained import sustain


def main(options: Sequence[str]) -> None:
    """Run and print the tables asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks ingest --", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds of the comparison; 0 leaves it out")
    parser.add_argument("--block", type=int, default=200_000, help="spans of one block of the comparison")
    parser.add_argument(
        "--spans",
        type=int,
        nargs="*",
        default=[100_000, 1_000_000],
        help="sizes to fill up to; none: leave out",
    )
    parser.add_argument("--steady", type=int, default=STEADY, help="spans a second while questions are asked")
    parser.add_argument("--gzip", action="store_true", help="compress requests while filling")
    parser.add_argument("--sustained", type=float, default=0, metavar="SECONDS", help="load without a pause")
    parser.add_argument("--rate", type=int, default=0, help="spans a second of that; 0: as many as are taken")
    parser.add_argument(
        "--logs", type=int, default=0, metavar="RECORDS", help="fill a nest with log records, too"
    )
    parser.add_argument("--only", choices=present(), action="append", help="leave out the other receiver")
    parser.add_argument("--json", type=Path, help="keep the figures in a file")
    parser.add_argument("--plot", type=Path, help="draw the growth as SVG")
    chosen = parser.parse_args(options)
    names = chosen.only or present()
    if "tempo" not in names:
        print("Without Tempo: put its binary `tempo` on PATH to compare with it.\n")
    compared = compare(chosen.rounds, chosen.block, names) if chosen.rounds else []
    results = []
    for spans, name in product(chosen.spans, names):
        results.append(measure(name, spans, compress=chosen.gzip, steady=chosen.steady))
        # Drawn each time: a peer that fails at the largest size takes nothing from what was measured.
        if chosen.plot:
            chosen.plot.write_text(plot([asdict(one) for one in results]))
    if chosen.sustained:
        for name in names:
            sustain(name, chosen.sustained, chosen.rate)
    if chosen.logs:
        measure_logs(chosen.logs)
    if chosen.json:
        kept = {"compared": [asdict(one) for one in compared], "growth": [asdict(one) for one in results]}
        chosen.json.write_text(json.dumps(kept, indent=1) + "\n")
