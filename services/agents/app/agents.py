"""Agents: create, list, get."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Query
from pydantic import BaseModel, Field

from .dependencies import Cache, Caller, Database
from .results import result_key

# PostgreSQL's bigint ends there.
AgentId = Annotated[int, Path(ge=1, le=2**63 - 1)]

routes = APIRouter(prefix="/api/v1/agents", tags=["agents"])


class NewAgent(BaseModel):
    """What creating an agent sends."""

    name: str = Field(min_length=1, max_length=100)
    model: str = Field(default="small", pattern="^(small|large)$")
    instructions: str = Field(default="", max_length=4000)


class Agent(NewAgent):
    """An agent with the output of its latest run, when that is still cached."""

    id: int
    owner_id: int
    created_at: datetime
    latest_output: str | None = None


@routes.post("", status_code=HTTPStatus.CREATED)
async def create(agent: NewAgent, caller: Caller, database: Database) -> Agent:
    """Add an agent that belongs to the caller."""
    row = await database.fetchrow(
        "INSERT INTO agents (owner_id, name, model, instructions) VALUES ($1, $2, $3, $4) RETURNING *",
        caller.id,
        agent.name,
        agent.model,
        agent.instructions,
    )
    return Agent.model_validate(dict(row or {}))


@routes.get("")
async def list_agents(
    caller: Caller, database: Database, limit: Annotated[int, Query(ge=1, le=100)] = 20
) -> list[Agent]:
    """The caller's newest agents."""
    rows = await database.fetch(
        "SELECT * FROM agents WHERE owner_id = $1 ORDER BY id DESC LIMIT $2", caller.id, limit
    )
    return [Agent.model_validate(dict(row)) for row in rows]


@routes.get("/{agent_id}")
async def get(agent_id: AgentId, caller: Caller, database: Database, cache: Cache) -> Agent:
    """One of the caller's agents; 404 for anybody else's."""
    cached = await cache.get(result_key(agent_id))
    row = await database.fetchrow("SELECT * FROM agents WHERE id = $1 AND owner_id = $2", agent_id, caller.id)
    if row is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, "You have no agent with this number.")
    return Agent.model_validate({**row, "latest_output": cached})
