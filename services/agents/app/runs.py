"""Runs: start one, follow it, grade it, report on all of an agent."""

from __future__ import annotations

import time
from datetime import datetime
from http import HTTPStatus

from fastapi import APIRouter, BackgroundTasks, HTTPException
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from shared.telemetry import get_meter, get_tracer

from .agents import AgentId
from .dependencies import Cache, Caller, Database, Pool
from .models import complete, grade
from .results import CACHE_SECONDS, result_key
from .webhooks import notify

tracer = get_tracer(__name__)
meter = get_meter(__name__)
runs_counter = meter.create_counter(name="agents.runs", description="Runs that ended", unit="{run}")
run_duration = meter.create_histogram(name="agents.run.duration", description="Time a run took", unit="s")

routes = APIRouter(prefix="/api/v1/agents/{agent_id}", tags=["runs"])


class NewRun(BaseModel):
    """What starting a run sends."""

    input: str = Field(min_length=1, max_length=10_000)


class Run(BaseModel):
    """A run and, once it has ended, its output."""

    id: int
    agent_id: int
    status: str
    output: str | None
    started_at: datetime
    finished_at: datetime | None


class Grade(BaseModel):
    """How good the latest output is, from 0 to 1."""

    score: float


class Report(BaseModel):
    """What an agent's runs add up to."""

    runs: int
    finished: int
    words: int


async def _model_of(agent_id: int, owner_id: int, database: Pool) -> str:
    model: str | None = await database.fetchval(
        "SELECT model FROM agents WHERE id = $1 AND owner_id = $2", agent_id, owner_id
    )
    if model is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "You have no agent with this number.")
    return model


@routes.post("/runs", status_code=HTTPStatus.ACCEPTED)
async def start(
    agent_id: AgentId, run: NewRun, caller: Caller, database: Database, cache: Cache, tasks: BackgroundTasks
) -> Run:
    """Run an agent on an input; the answer is the run, which goes on in the background."""
    model = await _model_of(agent_id, caller.id, database)
    with tracer.start_as_current_span("run agent") as span:
        span.set_attribute("agent.id", agent_id)
        span.set_attribute("agent.model", model)
        row = await database.fetchrow(
            "INSERT INTO runs (agent_id, input) VALUES ($1, $2) RETURNING *", agent_id, run.input
        )
        started = Run.model_validate(dict(row or {}))
        span.set_attribute("run.id", started.id)
    await run_in_threadpool(notify, caller.id, f"Run {started.id} has started.")
    tasks.add_task(_finish, started, run.input, model, database, cache)
    return started


async def _finish(run: Run, text: str, model: str, database: Pool, cache: Cache) -> None:
    """Ask the model, keep the answer, cache it and count the run."""
    began = time.perf_counter()
    with tracer.start_as_current_span("finish run") as span:
        span.set_attribute("run.id", run.id)
        output = await complete(model, text)
        span.set_attribute("run.output.length", len(output))
        await database.execute(
            "UPDATE runs SET status = 'finished', output = $2, finished_at = now() WHERE id = $1",
            run.id,
            output,
        )
        await cache.set(result_key(run.agent_id), output, ex=CACHE_SECONDS)
    runs_counter.add(1, {"model": model})
    run_duration.record(time.perf_counter() - began, {"model": model})


@routes.get("/runs/{run_id}")
async def follow(agent_id: AgentId, run_id: AgentId, caller: Caller, database: Database) -> Run:
    """How a run stands."""
    await _model_of(agent_id, caller.id, database)
    row = await database.fetchrow("SELECT * FROM runs WHERE id = $1 AND agent_id = $2", run_id, agent_id)
    if row is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "This agent has no run with this number.")
    return Run.model_validate(dict(row))


@routes.post("/grade")
async def grade_latest(agent_id: AgentId, caller: Caller, database: Database, cache: Cache) -> Grade:
    """Grade the latest output; 404 before the first one, 500 when the grading model fails."""
    await _model_of(agent_id, caller.id, database)
    output = await cache.get(result_key(agent_id))
    if output is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "Nothing to grade yet: run the agent first.")
    return Grade(score=await grade(str(output)))


@routes.get("/report")
async def report(agent_id: AgentId, caller: Caller, database: Database) -> Report:
    """Add up an agent's runs, one query a run: slow by design, as a first draft often is."""
    await _model_of(agent_id, caller.id, database)
    ids = await database.fetch("SELECT id FROM runs WHERE agent_id = $1 ORDER BY id DESC LIMIT 40", agent_id)
    finished = words = 0
    for row in ids:
        output = await database.fetchval("SELECT output FROM runs WHERE id = $1", row["id"])
        if output is not None:
            finished += 1
            words += len(output.split())
    await database.execute("SELECT pg_sleep(0.25)")
    return Report(runs=len(ids), finished=finished, words=words)
