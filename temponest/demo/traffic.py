"""Steady traffic on the two services: what a handful of people would do with them."""

from __future__ import annotations

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus

import httpx

PEOPLE = 3
PAUSE = (0.05, 0.5)  # seconds between two actions of one person
# On a busy machine a login takes seconds. Whoever gave up and tried again would only make more of them.
PATIENCE = 60.0  # seconds for an answer

TASKS = (
    "Summarise the incident review of last week in three sentences.",
    "Which invoices of this month are still open?",
    "Draft a friendly answer to the customer who asks for a refund.",
    "Translate the release notes into plain English.",
)
NAMES = ("Librarian", "Accountant", "Translator", "Reviewer", "Planner")


class Person:
    """One user: registers, logs in, makes agents and uses them.

    Args:
        auth: client of the auth service.
        agents: client of the agents service.
        choice: source of randomness.
    """

    def __init__(self, auth: httpx.AsyncClient, agents: httpx.AsyncClient, choice: random.Random) -> None:
        self._auth = auth
        self._agents = agents
        self._choice = choice
        self._email = f"{secrets.token_hex(4)}@example.com"
        self._password = secrets.token_urlsafe(12)
        self._headers: dict[str, str] = {}
        self._mine: list[int] = []

    async def register(self) -> None:
        """Make the account and log in."""
        user = {"email": self._email, "name": "Demo", "password": self._password}
        answer = await self._auth.post("/api/v1/users", json=user)
        # A try before may have made the account and then have lost patience with what followed.
        if answer.status_code != HTTPStatus.CONFLICT:
            answer.raise_for_status()
        await self.login()
        await self.create()

    async def login(self) -> None:
        """Log in, now and then with a wrong password first."""
        if self._choice.random() < 0.2:
            await self._auth.post("/api/v1/login", json={"email": self._email, "password": "wrong"})
        credentials = {"email": self._email, "password": self._password}
        answer = await self._auth.post("/api/v1/login", json=credentials)
        self._headers = {"Authorization": f"Bearer {answer.raise_for_status().json()['token']}"}

    async def create(self) -> None:
        """Make an agent and run it once."""
        agent = {"name": self._choice.choice(NAMES), "model": self._choice.choice(("small", "large"))}
        answer = await self._agents.post("/api/v1/agents", json=agent, headers=self._headers)
        self._mine.append(answer.raise_for_status().json()["id"])
        await self.run()

    async def run(self) -> None:
        """Run one of the agents: the request that crosses both services."""
        body = {"input": self._choice.choice(TASKS)}
        await self._agents.post(f"{self._path()}/runs", json=body, headers=self._headers)

    async def get(self) -> None:
        """Look at an agent; its latest output is cached, or not."""
        await self._agents.get(self._path(), headers=self._headers)

    async def list_agents(self) -> None:
        """Look at all agents."""
        await self._agents.get("/api/v1/agents", headers=self._headers)

    async def list_users(self) -> None:
        """Look at all users."""
        await self._auth.get("/api/v1/users", headers=self._headers)

    async def miss(self) -> None:
        """Ask for an agent that does not exist."""
        number = self._choice.randrange(10**6, 10**7)
        await self._agents.get(f"/api/v1/agents/{number}", headers=self._headers)

    async def grade(self) -> None:
        """Use the endpoint that fails now and then."""
        await self._agents.post(f"{self._path()}/grade", headers=self._headers)

    async def report(self) -> None:
        """Use the endpoint that is slow."""
        await self._agents.get(f"{self._path()}/report", headers=self._headers)

    def _path(self) -> str:
        return f"/api/v1/agents/{self._choice.choice(self._mine)}"

    async def act(self) -> None:
        """Do one thing, the common ones more often."""
        actions: Sequence[tuple[Callable[[], Awaitable[None]], int]] = (
            (self.get, 8),
            (self.run, 5),
            (self.list_agents, 3),
            (self.list_users, 1),
            (self.grade, 3),
            (self.report, 1),
            (self.miss, 1),
            (self.create, 1),
            (self.login, 1),
        )
        (action,) = self._choice.choices([call for call, _ in actions], [weight for _, weight in actions])
        await action()


async def drive(auth_url: str, agents_url: str, *, people: int = PEOPLE) -> None:
    """Keep people busy until cancelled; a service that is away is tried again later.

    Args:
        auth_url: base address of the auth service.
        agents_url: base address of the agents service.
        people: how many.
    """
    async with (
        httpx.AsyncClient(base_url=auth_url, timeout=PATIENCE) as auth,
        httpx.AsyncClient(base_url=agents_url, timeout=PATIENCE) as agents,
    ):
        everybody = [Person(auth, agents, random.Random()) for _ in range(people)]  # noqa: S311 - not a secret
        await asyncio.gather(*(_live(person) for person in everybody))


async def _live(person: Person) -> None:
    registered = False
    while True:
        try:
            if not registered:
                await person.register()
                registered = True
            await person.act()
        except httpx.HTTPError:
            # What fails is the demo's own subject: it is in the traces.
            pass
        await asyncio.sleep(random.uniform(*PAUSE))  # noqa: S311 - not a secret
