from __future__ import annotations

import asyncio
import os

import pytest

from mlwright.serve.control import WorkerControl
from mlwright.serve.sides import Side

ROUTES = {
    "release": 3,
    "salt": "s",
    "candidate": {"version": 2, "socket": "/x.sock", "weight": 0.1, "mirror": False},
    "deadline_ms": 500.0,
}


def with_control(here, accept):
    doors = WorkerControl(here.handler, accept).doors()
    here.private = Side(here.handler, doors, limit=1000, private=True)
    return here


@pytest.fixture
def steered(here):
    async def accept(wanted: bool) -> bool:
        return wanted

    return with_control(here, accept)


def test_status(steered):
    told = steered.one("/control/status", method="GET", private=True).value
    assert min(told.pop(name) for name in ("time", "cpu_seconds", "request_seconds")) >= 0
    assert told == {
        "model": "churn",
        "version": 1,
        "pid": os.getpid(),
        "accepting": False,
        "routes": {"release": None, "salt": "", "candidate": None, "deadline_ms": 2000.0},
        "inflight": 0,
    }


def test_accepting_and_not(steered):
    opened = steered.one("/control/accept", {"accept": True}, private=True)
    assert opened.value["accepting"] is True
    closed = steered.one("/control/accept", {"accept": False}, private=True)
    assert closed.value["accepting"] is False


def test_a_worker_without_a_socket_cannot_accept(here):
    async def accept(wanted: bool) -> bool:
        return False

    with_control(here, accept)
    reply = here.one("/control/accept", {"accept": True}, private=True)
    wanted = {"error": {"reason": "this worker has no socket to accept on"}}
    assert (reply.status, reply.value) == (409, wanted)


def test_routes_are_set_and_shown(steered):
    assert steered.one("/control/routes", ROUTES, private=True).value["routes"] == ROUTES
    assert steered.handler.router.routes.candidate.weight == 0.1
    steered.one("/control/routes", {}, private=True)
    assert steered.handler.router.routes.candidate is None


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/control/accept", {"accept": "yes"}),
        ("/control/accept", b"{"),
        ("/control/routes", {"weight": 1}),
        ("/control/routes", {**ROUTES, "deadline_ms": 0}),
        ("/control/routes", {"candidate": {"version": 2, "socket": "/x", "weight": 1.5}}),
    ],
)
def test_wrong_orders_change_nothing(steered, path, body):
    before = steered.handler.router.routes
    assert steered.one(path, body, private=True).status == 422
    assert steered.handler.router.routes is before


def test_unknown_orders(steered):
    assert steered.one("/control/nothing", private=True).status == 404
    assert steered.one("/control/status", private=True).status == 405
    assert steered.one("/control/accept", method="GET", private=True).status == 405


def test_a_new_table_leaves_the_connections_of_the_same_candidate(steered):
    async def run():
        router = steered.handler.router
        await steered.ask("/control/routes", ROUTES, private=True)
        client = router._client
        other = {**ROUTES, "candidate": {**ROUTES["candidate"], "weight": 0.5}}
        await steered.ask("/control/routes", other, private=True)
        return client is router._client

    assert asyncio.run(run())
