"""What a load of spans takes, in cores, bytes and dollars; its table is in docs/scale.md.

Example: python deploy/sizing.py 10000 100000 1000000
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import ceil

# Ours, docs/benchmarks/ingest.md: ten-attribute spans on the wire, on Tempo's disk, in the nest.
WIRE, TEMPO_DISK = 400, 67  # bytes a span
# Splunk's sizing of its Collector: 15,000 spans a second for each core, with 2 GB. Two layers see every span.
COLLECTOR_RATE, LAYERS = 15_000, 2
# Grafana's sizing of Tempo 3, each for what one replica takes of bytes a second.
MB = 1_000_000
DISTRIBUTOR, DISTRIBUTOR_CORES = 10 * MB, 2.0
LIVE_STORE, LIVE_STORE_CORES = 6 * MB, 1.0
PARTITION, BLOCK_BUILDER_CORES = 10 * MB, 0.5
QUERIER = 2 * MB
# Amazon's list price of S3 Standard, dollars for a gigabyte and month.
PRICE = 0.023
DAY = 86_400


@dataclass(frozen=True)
class Size:
    """What one load takes.

    Attributes:
        spans: spans a second, before sampling.
        kept: share that reaches Tempo, from 0 to 1.
        days: how long it is kept.
    """

    spans: float
    kept: float
    days: int

    @property
    def network(self) -> float:
        """Bytes a second, uncompressed, that the services send."""
        return self.spans * WIRE

    @property
    def collector(self) -> int:
        """Cores of both layers of Collectors."""
        return LAYERS * ceil(self.spans / COLLECTOR_RATE)

    @property
    def tempo(self) -> float:
        """Cores of Tempo's distributors, live stores and block builders."""
        received = self.network * self.kept
        return (
            ceil(received / DISTRIBUTOR) * DISTRIBUTOR_CORES
            + ceil(received / LIVE_STORE) * LIVE_STORE_CORES
            + ceil(received / PARTITION) * BLOCK_BUILDER_CORES
        )

    @property
    def queriers(self) -> int:
        """Replicas of Tempo's querier."""
        return ceil(self.network * self.kept / QUERIER)

    @property
    def stored(self) -> float:
        """Bytes in object storage once the oldest are deleted."""
        return self.spans * self.kept * TEMPO_DISK * DAY * self.days

    @property
    def price(self) -> float:
        """Dollars a month for what is stored."""
        return self.stored / 1e9 * PRICE


def bytes_text(amount: float) -> str:
    """An amount of bytes with two digits."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if amount >= size:
            return f"{float(f'{amount / size:.2g}'):g} {unit}"
    return f"{amount / 1e3:.2g} kB"


def table(sizes: Iterable[Size]) -> Iterator[str]:
    """Lines of a Markdown table."""
    heads = "spans/s | network | Collector cores | Tempo cores | queriers | a day | stored | a month"
    yield f"| {heads} |"
    yield f"|{'---|' * len(heads.split('|'))}"
    for size in sizes:
        cells = (
            f"{size.spans:,.0f}",
            f"{bytes_text(size.network)}/s",
            f"{size.collector}",
            f"{size.tempo:g}",
            f"{size.queriers}",
            bytes_text(size.stored / size.days),
            bytes_text(size.stored),
            f"${size.price:,.0f}",
        )
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("spans", type=float, nargs="+", help="spans a second before sampling")
    parser.add_argument("--kept", type=float, default=0.07, help="share that reaches Tempo (default 0.07)")
    parser.add_argument("--days", type=int, default=14, help="how long it is kept (default 14)")
    given = parser.parse_args()
    print("\n".join(table(Size(spans, given.kept, given.days) for spans in given.spans)))


if __name__ == "__main__":
    main()
