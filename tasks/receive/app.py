"""The application behind the endpoint (ASGI): six addresses, and no word of detail about what went wrong.

POST /v1/records     JSON lines, see docs/ingest.md
POST /v1/heartbeats  the same, of bridges; `type` and `at` may be left out
POST /v1/problems    one report of a person
POST /v1/changes     one deploy
     /v1/ack/…       a person's answer to a call, see tasks.receive.answer
GET  /healthz        whether it is there
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from models.errors import BadInput, HealError
from models.receiver import Receiver, Sends
from tasks.changes import note_deploy
from tasks.house import House
from tasks.intake.folder import inbox_of
from tasks.receive.answer import AnswerDesk
from tasks.receive.limits import LARGEST, Pace, Trouble, body_of, unpacked
from tasks.receive.messages import Change, Problem, as_heartbeats, only_of
from tasks.receive.spool import Spool
from tasks.report_problem import report_problem
from tasks.signing import Keys, key_of, signer

log = logging.getLogger("heal")
Handler = Callable[[Receiver, str, bytes], Awaitable[Mapping[str, Any]]]


class Desk:
    """Takes what is sent, one message after another.

    Args:
        house: the configuration and the stores.

    Raises:
        Misconfigured: when a receiver's secret is not there.
    """

    def __init__(self, house: House) -> None:
        self.house = house
        policy, base = house.configuration.policy, house.configuration.path
        self.receivers = {one.name: one for one in policy.receivers}
        self.keys = [Keys(one.name, tuple(key_of(ref, base) for ref in one.secrets)) for one in policy.receivers]
        self.spool = Spool(inbox_of(house.configuration, house.home), house.clock.now())
        self.pace = Pace(perf_counter)
        self.turn = asyncio.Lock()
        self.handlers: dict[Sends, Handler] = {
            Sends.RECORDS: self.records,
            Sends.HEARTBEATS: self.heartbeats,
            Sends.PROBLEMS: self.problem,
            Sends.CHANGES: self.change,
        }

    async def take(self, request: Request) -> Response:
        """One message: believed when somebody we know signed it just now, and taken once."""
        try:
            told = await self._take(request, Sends(request.path_params["kind"]))
        except Trouble as trouble:
            return Response(status_code=trouble.status)
        except (ValueError, RecursionError, BadInput, ValidationError):
            return Response(status_code=400)
        except HealError as error:
            log.warning("a message could not be taken: %s", type(error).__name__)
            return Response(status_code=503)
        except Exception as error:  # noqa: BLE001 - raised further, the server would log it with what it says
            log.error("a message could not be taken: %s", type(error).__name__)  # noqa: TRY400 - the same
            return Response(status_code=503)
        return JSONResponse(told, status_code=202)

    async def _take(self, request: Request, kind: Sends) -> Mapping[str, Any]:
        as_sent, as_meant = LARGEST[kind]
        body = await body_of(request, as_sent)
        name = signer(self.keys, request.headers, body, self.house.clock.now())
        if name is None or kind not in self.receivers[name].sends:
            raise Trouble(401)
        mark = Spool.mark(name, request.headers["webhook-id"])
        async with self.turn:
            if self.spool.is_known(mark):
                return {"accepted": True}
            self.pace.take(name, kind)
            meant = unpacked(body, request.headers.get("content-encoding", ""), as_meant)
            told = await self.handlers[kind](self.receivers[name], mark, meant)
            await asyncio.to_thread(self.spool.note, mark, self.house.clock.now())
        return {"accepted": True, **told}

    async def records(self, receiver: Receiver, mark: str, body: bytes) -> Mapping[str, Any]:
        """Lines for the inbox."""
        await asyncio.to_thread(self.spool.put, mark, only_of(receiver.integrations, body))
        return {}

    async def heartbeats(self, receiver: Receiver, mark: str, body: bytes) -> Mapping[str, Any]:
        """Lines for the inbox, with what a bridge may leave out."""
        lines = as_heartbeats(body, self.house.clock.now())
        await asyncio.to_thread(self.spool.put, mark, only_of(receiver.integrations, lines))
        return {}

    async def problem(self, receiver: Receiver, mark: str, body: bytes) -> Mapping[str, Any]:
        """A person's report, which is written before the answer."""
        told = Problem.model_validate_json(body)
        self._may_speak_of(receiver, told.integration)
        made = await asyncio.to_thread(
            report_problem, self.house, told.integration, told.says, operation=told.operation, at=told.at, source=mark
        )
        return {"report": made.id}

    async def change(self, receiver: Receiver, _: str, body: bytes) -> Mapping[str, Any]:
        """A deploy, as `heal changes` would note it."""
        told = Change.model_validate_json(body)
        for integration in told.integrations or ():
            self._may_speak_of(receiver, integration)
        named = told.integrations or receiver.integrations or None
        at = told.at or self.house.clock.now()
        await asyncio.to_thread(note_deploy, self.house, told.component, told.version, told.previous, at, named)
        return {}

    def _may_speak_of(self, receiver: Receiver, integration_id: str) -> None:
        if receiver.integrations and integration_id not in receiver.integrations:
            raise Trouble(401)
        self.house.integration(integration_id)


def application(house: House) -> Starlette:
    """The application of one house.

    Raises:
        Misconfigured: when a receiver's secret is not there.
    """
    desk, answers = Desk(house), AnswerDesk(house)

    async def here(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def take(request: Request) -> Response:
        if request.path_params["kind"] not in set(Sends):
            return Response(status_code=404)
        return await desk.take(request)

    routes = [
        Route("/healthz", here, methods=["GET"]),
        Route("/v1/ack/{token}", answers.serve, methods=["GET", "POST"]),
        Route("/v1/{kind}", take, methods=["POST"]),
    ]
    return Starlette(routes=routes)
