"""One large trace, for what has to stay quick."""

from __future__ import annotations

from tests.web.record import MS, SERVER, Maker, Record


def large_trace(count: int, now: int) -> list[Record]:
    """One trace of `count` spans over 24 services: wide and deep as real ones are."""
    maker = Maker(11)
    r = maker.random
    services = [f"service-{i:02}" for i in range(24)]
    root = maker.span(None, services[0], "GET /checkout", SERVER, now - 60_000 * MS, 30_000 * MS)
    spans = [root]
    frontier = [root]
    while len(spans) < count:
        parent = frontier[r.randrange(max(0, len(frontier) - 400), len(frontier))]
        service = parent.service if r.random() < 0.7 else r.choice(services)
        start = parent.start + int(r.random() * parent.duration * 0.7)
        duration = int((parent.start + parent.duration - start) * r.uniform(0.05, 0.9))
        child = maker.span(
            parent,
            service,
            f"operation {r.randrange(60)}",
            r.choice([1, 2, 3]),
            start,
            duration,
            http__route=f"/api/v1/items/{{id}}/{r.randrange(9)}",
            http__response__status_code=200,
            db__system__name="postgresql",
            db__query__text="SELECT id, name, price FROM items WHERE id = $1",
            thread__id=r.randrange(64),
            net__peer__name=f"{service}.internal",
            retry=r.randrange(3),
            cached=r.random() < 0.5,
        )
        if r.random() < 0.004:
            child.error = "deadline exceeded"
        spans.append(child)
        if duration > 20_000:
            frontier.append(child)
    return spans
