"""Traces of a small shop of services, the same for every run but for their times."""

from __future__ import annotations

import json

from tests.web.large import large_trace
from tests.web.record import CLIENT, INTERNAL, MS, SERVER, Maker, Record

STACKTRACE = """Traceback (most recent call last):
  File "app/runs.py", line 88, in run
    answer = await model.complete(prompt)
TimeoutError: upstream model timed out after 2.0 s
"""


# An attribute with an object in it, and one that is too long to be shown whole.
ANSWER = {"model": "small", "choices": [{"text": "<b>forty-two</b>", "tokens": 3}], "done": True}
PROMPT = "word " * 400


class Shop(Maker):
    """Makes the traces of its requests from one seed."""

    def run_agent(self, start: int) -> list[Record]:
        """POST /api/v1/agents/{id}/run: verifies the token at auth, queries, runs tools, posts a webhook."""
        r = self.random
        slow = r.random() < 0.12
        version = "1.5.0-rc1" if slow and r.random() < 0.9 else "1.4.2"
        unit = r.lognormvariate(0, 0.35) * MS
        failed = r.random() < 0.06
        root = self.span(
            None,
            "temponest-agents",
            "POST /api/v1/agents/{agent_id}/run",
            SERVER,
            start,
            0,
            http__request__method="POST",
            http__route="/api/v1/agents/{agent_id}/run",
            http__response__status_code=502 if failed else 200,
            url__path=f"/api/v1/agents/{r.randrange(40)}/run",
            user_agent__original="python-httpx/0.28.1",
            enduser__tier=r.choice(["free", "free", "pro", "team"]),
        )
        spans = [root]
        root.resource["service.version"] = version
        at = start + int(0.4 * unit)
        call = self.span(
            root,
            "temponest-agents",
            "GET",
            CLIENT,
            at,
            int(6.2 * unit),
            http__request__method="GET",
            url__full="http://localhost:9002/api/v1/token/verify",
            server__address="localhost",
            server__port=9002,
            http__response__status_code=200,
        )
        verify = self.span(
            call,
            "temponest-auth",
            "GET /api/v1/token/verify",
            SERVER,
            at + int(0.7 * unit),
            int(4.6 * unit),
            http__route="/api/v1/token/verify",
            http__response__status_code=200,
        )
        hit = r.random() < 0.7
        cache = self.span(
            verify,
            "temponest-auth",
            "GET",
            CLIENT,
            verify.start + int(0.5 * unit),
            int(0.6 * unit),
            db__system__name="redis",
            db__operation__name="GET",
            cache__hit=hit,
        )
        spans += [call, verify, cache]
        if not hit:
            spans.append(
                self.span(
                    verify,
                    "temponest-auth",
                    "SELECT users",
                    CLIENT,
                    cache.start + cache.duration + int(0.2 * unit),
                    int(2.4 * unit),
                    db__system__name="postgresql",
                    db__operation__name="SELECT",
                    db__query__text="SELECT id, email, role FROM users WHERE id = $1",
                    db__namespace="auth",
                )
            )
        at = call.start + call.duration + int(0.3 * unit)
        load = self.span(
            root,
            "temponest-agents",
            "SELECT agents",
            CLIENT,
            at,
            int(1.9 * unit),
            db__system__name="postgresql",
            db__operation__name="SELECT",
            db__query__text="SELECT id, name, model, prompt FROM agents WHERE id = $1",
            db__namespace="agents",
        )
        run = self.span(
            root,
            "temponest-agents",
            "run agent",
            INTERNAL,
            load.start + load.duration + int(0.2 * unit),
            0,
            agent__model=r.choice(["small", "small", "large"]),
            agent__steps=3,
        )
        spans += [load, run]
        at = run.start + int(0.3 * unit)
        for step in range(3):
            took = int(r.uniform(2.5, 6) * unit * (9 if slow and step == 1 else 1))
            tool = self.span(
                run,
                "temponest-agents",
                f"step {['plan', 'search', 'answer'][step]}",
                INTERNAL,
                at,
                took,
                agent__step=step,
                gen_ai__operation__name="execute_tool",
            )
            spans.append(tool)
            if step == 1:
                n = r.randrange(12, 40)
                gap = took // (n + 1)
                spans += [
                    self.span(
                        tool,
                        "temponest-agents",
                        "SELECT documents",
                        CLIENT,
                        at + gap // 2 + i * gap,
                        int(gap * 0.8),
                        db__system__name="postgresql",
                        db__operation__name="SELECT",
                        db__namespace="agents",
                        db__query__text="SELECT body FROM documents WHERE id = $1",
                    )
                    for i in range(n)
                ]
            at += took + int(0.2 * unit)
        if failed:
            spans[-1].error = "upstream model timed out"
            run.error = "upstream model timed out"
            root.error = "502 Bad Gateway"
            run.events.append(
                (
                    at - int(0.1 * unit),
                    "exception",
                    {
                        "exception.type": "TimeoutError",
                        "exception.message": "upstream model timed out after 2.0 s",
                        "exception.stacktrace": STACKTRACE,
                    },
                )
            )
        run.duration = at - run.start
        run.events.append(
            (run.start + run.duration // 2, "model.selected", {"model": str(run.attributes["agent.model"])})
        )
        save = self.span(
            root,
            "temponest-agents",
            "INSERT runs",
            CLIENT,
            at + int(0.2 * unit),
            int(2.2 * unit),
            db__system__name="postgresql",
            db__operation__name="INSERT",
            db__query__text="INSERT INTO runs (agent_id, status, output) VALUES ($1, $2, $3)",
        )
        put = self.span(
            root,
            "temponest-agents",
            "SET",
            CLIENT,
            save.start + save.duration,
            int(0.5 * unit),
            db__system__name="redis",
            db__operation__name="SET",
        )
        root.duration = put.start + put.duration + int(0.4 * unit) - start
        hook = self.span(
            root,
            "temponest-agents",
            "POST",
            CLIENT,
            root.start + root.duration - int(0.2 * unit),
            int(8 * unit),
            http__request__method="POST",
            url__full="https://hooks.example.com/agents",
            server__address="hooks.example.com",
            http__response__status_code=204,
        )
        return [*spans, save, put, hook]

    def small(self, start: int) -> list[Record]:
        """A login, a list of agents, or a 404."""
        r = self.random
        unit = r.lognormvariate(0, 0.5) * MS
        service, name, status, took = r.choice(
            [
                ("temponest-auth", "POST /api/v1/login", 200, 48.0),
                ("temponest-auth", "GET /api/v1/users", 200, 3.1),
                ("temponest-agents", "GET /api/v1/agents", 200, 5.2),
                ("temponest-agents", "GET /api/v1/agents", 200, 4.1),
                ("temponest-agents", "GET /api/v1/agents/{agent_id}", 404, 2.2),
            ]
        )
        method, _, route = name.partition(" ")
        root = self.span(
            None,
            service,
            name,
            SERVER,
            start,
            int(took * unit),
            http__request__method=method,
            http__route=route,
            http__response__status_code=status,
            enduser__tier=r.choice(["free", "pro", "team"]),
        )
        query = self.span(
            root,
            service,
            "SELECT users" if "auth" in service else "SELECT agents",
            CLIENT,
            start + int(0.4 * unit),
            int(1.4 * unit),
            db__system__name="postgresql",
            db__operation__name="SELECT",
        )
        return [root, query]


def demo_traces(now: int, count: int = 260, window_s: int = 3300) -> list[list[Record]]:
    """Traces that ended before `now` (unix nanoseconds), spread over the window, newest last."""
    maker = Shop(7)
    times = sorted(maker.random.uniform(3, window_s) for _ in range(count))
    return [
        (maker.run_agent if maker.random.random() < 0.5 else maker.small)(now - int(before * 1e9))
        for before in reversed(times)
    ]


def odd_traces(now: int) -> dict[str, list[Record]]:
    """Traces that have something to show, by what it is; older than the others, within the same hour."""
    shop = Shop(23)
    # A run with all of its calls each, so that there is something to take away or to turn around.
    odd = {
        name: next(spans for _ in range(99) if len(spans := shop.run_agent(at)) > 20)
        for name, at in (
            ("orphans", now - 3420 * 10**9),
            ("circle", now - 3440 * 10**9),
            ("skew", now - 3460 * 10**9),
        )
    }
    orphans, circle, skew = odd["orphans"], odd["circle"], odd["skew"]
    orphans.remove(next(span for span in orphans if span.name == "run agent"))
    circle[1].parent_id, circle[2].parent_id = circle[2].span_id, circle[1].span_id
    for span in skew:
        if span.service == "temponest-auth":
            span.resource["host.name"] = "nest-2"
            span.start -= 4 * 10**9
    odd["values"] = values = shop.small(now - 3480 * 10**9)
    values[0].attributes |= {"answer": json.dumps(ANSWER), "prompt": PROMPT, "tags": ["a", "b"]}
    values[0].links.append((values[1].trace_id, values[1].span_id))
    return odd


def late_traces(now: int) -> dict[str, list[Record]]:
    """A run that is still going on at `now`, whose last span comes later, and a trace of many spans."""
    return {"running": Shop(31).run_agent(now - 10**9), "large": large_trace(400, now)}
