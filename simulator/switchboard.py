"""The control server: look at the faults, toggle them, read the journal and the clock."""

from __future__ import annotations

import asyncio

from pydantic import ValidationError

from models.errors import BadInput
from models.pace import Pace
from simulator.clock import Clock
from simulator.faults import describe, faults, find, parse
from simulator.messages import Request, Response, json_response
from simulator.plan import System

SETTLE_S = 0.005  # ports that shut reset their connections in the next turns of the event loop


class Switchboard:
    """Plain HTTP on loopback; refusals are 400 with one sentence under `error`."""

    def __init__(self, systems: dict[str, System], clock: Clock) -> None:
        self._systems, self._clock = systems, clock

    async def handle(self, request: Request) -> Response:
        """Serve one request; a change is in force when the answer leaves."""
        try:
            answer = self._answer(request)
        except BadInput as error:
            return json_response(400, {"error": str(error)})
        if request.method != "GET":
            await asyncio.sleep(SETTLE_S)
        return answer

    def _answer(self, request: Request) -> Response:
        match request.method, request.path.strip("/").split("/"):
            case "GET", ["faults"]:
                return self._faults()
            case "DELETE", ["faults"]:
                for service in self._systems.values():
                    service.weather.clear()
                    service.meet_weather()
            case "PUT", ["faults", system, name]:
                self._break(system, name, request)
            case "DELETE", ["faults", system, name]:
                self._find(system, name)
                self._systems[system].weather.clear(name)
                self._systems[system].meet_weather()
            case "GET", ["journal"]:
                journals = {system: service.journal() for system, service in self._systems.items()}
                return json_response(200, journals)
            case "GET", ["clock"]:
                shown = self._clock.model_dump(mode="json")
                return json_response(200, shown | {"now": self._clock.now().isoformat()})
            case "PUT", ["clock"]:
                self._clock.keep_to(pace_of(request))
            case _:
                says = "There are GET, PUT and DELETE /faults, GET /journal, GET and PUT /clock."
                return json_response(404, {"error": says})
        return self._faults()

    def _break(self, system: str, name: str, request: Request) -> None:
        self._find(system, name)
        parameters = request.json_object() if request.body else {}
        service = self._systems[system]
        service.weather.worsen(parse(system, name, parameters, service.operations))
        service.meet_weather()

    def _find(self, system: str, name: str) -> None:
        find(system, name)
        if system not in self._systems:
            raise BadInput(f"This clinic was opened without {system}; it has: {', '.join(self._systems)}.")

    def _faults(self) -> Response:
        active = {
            system: {name: fault.model_dump() for name, fault in service.weather.active.items()}
            for system, service in self._systems.items()
        }
        catalogue = {name: describe(fault) for name, fault in faults().items()}
        return json_response(200, {"faults": catalogue, "active": active})


def pace_of(request: Request) -> Pace:
    """The pace that somebody asks the clock to keep to.

    Raises:
        BadInput: it is none.
    """
    try:
        return Pace.model_validate(request.json_object())
    except ValidationError:
        raise BadInput("A pace has start, epoch and speed, and until where it is to wait.") from None
