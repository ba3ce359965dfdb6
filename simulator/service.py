"""One system behind its ports: rhythm and weather around the application, and a journal of every call."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from http import HTTPStatus
from random import Random
from typing import Any
from uuid import UUID

from simulator import rhythm
from simulator.backfire import Backfire
from simulator.clock import Clock
from simulator.faults import (
    BadCertificate,
    Forbidden,
    FormatWithdrawn,
    HtmlPage,
    Latency,
    LostAnswers,
    Maintenance,
    MalformedJson,
    ServerErrors,
)
from simulator.messages import Application, Cut, Request, Response, text_response
from simulator.people import Practice
from simulator.server import Server
from simulator.wardrobe import Wardrobe
from simulator.weather import Weather

LOG_IN_PAGE = (
    "<!DOCTYPE html><html><head><title>Sign in</title></head>"
    "<body><form method='post'><input name='user'><input name='password' type='password'></form></body>"
    "</html>"
)

MAINTENANCE_PAGE = (
    "<!DOCTYPE html><html><head><title>Scheduled maintenance</title></head>"
    "<body><h1>Scheduled maintenance</h1><p>Back soon.</p></body></html>"
)


class Service:
    """An application, its ports, its weather and its journal."""

    def __init__(
        self,
        system: str,
        *,
        application: Application,
        servers: dict[str, Server],
        practice: Practice,
        weather: Weather,
        clock: Clock,
        rng: Random,
        error_share: float,
        wardrobe: Wardrobe | None = None,
    ) -> None:
        self._system, self._application, self._practice = system, application, practice
        self.weather, self._clock, self._rng, self._error_share = weather, clock, rng, error_share
        self._wardrobe, self._worn = wardrobe, dict[str, BadCertificate | None]()  # by route
        self._calls: dict[str, Counter[str]] = defaultdict(Counter)
        self._backfire, self._under_way = Backfire(weather, clock, rng), 0
        self.servers = servers  # by route
        for server in servers.values():
            server.handle, server.cuts = self.handle, self._cuts
            server.gave_up = self._backfire.gave_up

    @property
    def operations(self) -> frozenset[str]:
        """Those that a fault may name."""
        return self._application.operations

    def meet_weather(self) -> None:
        """Open, shut or silence the ports, and show the certificates, as the active faults want it."""
        for route, server in self.servers.items():
            server.set_door(self.weather.door(route))
            shown = self.weather.find(BadCertificate, route)
            if self._wardrobe and shown != self._worn.get(route):
                server.tls, self._worn[route] = self._wardrobe.context(shown), shown

    async def stop(self) -> None:
        """Close every port."""
        for server in self.servers.values():
            await server.stop()

    async def handle(self, request: Request) -> Response | Cut:
        """Serve one request, as the day and its faults allow."""
        operation = self._application.operation(request)
        self._under_way += 1
        try:
            answer = await self._serve(request, operation)
        finally:
            self._under_way -= 1
        label = str(answer.status) if isinstance(answer, Response) else answer.value
        self._calls[operation][label] += 1
        return self._stamp(answer) if isinstance(answer, Response) else answer

    def journal(self) -> dict[str, Any]:
        """Calls by operation and status (or `reset`, `silence`), sockets open now, tokens, sessions."""
        sockets = sum(server.open_sockets for server in self.servers.values())
        calls = {operation: dict(counts) for operation, counts in self._calls.items()}
        return {"calls": calls, "open_sockets": sockets} | self._application.journal()

    def _cuts(self, route: str) -> bool:
        """Whether a new connection by this route is cut."""
        return self.weather.cuts(route) or self._backfire.cuts(route)

    async def _serve(self, request: Request, operation: str) -> Response | Cut:
        if self.weather.door(request.route) != "open":
            return Cut.SILENCE
        reset = self.weather.reset(request.route)
        is_worn = self._backfire.wears_out(request.route, request.nth)
        if reset == "before" or is_worn or self._is_its_turn(request.route, operation):
            return Cut.RESET
        await asyncio.sleep(self._latency_ms(request.route, operation) / 1000)
        bad = self._hiccup(operation) or self._backfires(request, operation)
        answer = bad or self._spoilt(request, operation)
        if answer is None:
            answer = self._broken_off(self._application.answer(request), request.route, operation)
        return Cut.RESET if reset or self._is_lost(request.route, operation) else answer

    def _is_lost(self, route: str, operation: str) -> bool:
        """Whether the answer of a call that was acted upon is lost."""
        fault = self.weather.find(LostAnswers, route, operation)
        return bool(fault and self._application.is_data(operation) and self._rng.random() < fault.share)

    def _is_its_turn(self, route: str, operation: str) -> bool:
        """Whether this call is the nth of those that are reset one by one."""
        return self._application.is_data(operation) and self.weather.resets_now(route, operation)

    def _latency_ms(self, route: str, operation: str) -> float:
        hour = self._practice.hour(self._clock.now())
        usual = rhythm.pace(operation, self._system).latency_ms(hour, self._rng)
        fault = self.weather.find(Latency, route, operation)
        return usual + (fault.add_ms if fault else 0.0)

    def _hiccup(self, operation: str) -> Response | Cut | None:
        """The small share of failures of a good day."""
        if not self._application.is_data(operation) or self._rng.random() >= self._error_share:
            return None
        if self._rng.random() < rhythm.RESET_SHARE:
            return Cut.RESET
        return self._application.problem(503, "transient", "Try again.")

    def _backfires(self, request: Request, operation: str) -> Response | Cut | None:
        """What a data call meets where a cure has made it worse."""
        if not self._application.is_data(operation):
            return None
        if self._backfire.throttles(request.route, self._under_way):
            return self._application.problem(429, "throttled", "Too many requests at once.")
        if self._backfire.refuses(request):
            return self._application.problem(503, "transient", "There is no room for more.")
        return Cut.SILENCE if self._backfire.hangs(request.route) else None

    def _spoilt(self, request: Request, operation: str) -> Response | None:
        """The answer of an active fault that keeps the call from the application, or None."""
        application, route = self._application, request.route
        if not application.is_data(operation):
            return None
        if (headers := self.weather.retry_after(route, operation)) is not None:
            return application.problem(429, "throttled", "Too many requests.").with_headers(headers)
        errors = self.weather.find(ServerErrors, route, operation)
        if errors and self._rng.random() < errors.share:
            return application.problem(errors.status, "exception", "The server failed.")
        if self.weather.find(Forbidden, route, operation):
            return application.problem(403, "forbidden", "The application may not do this.")
        plain = "application/json" in request.headers.get("accept", "")
        if self.weather.find(FormatWithdrawn, route, operation) and not plain:
            return application.problem(406, "not-supported", "This media type is not served.")
        return self._page(route, operation)

    def _page(self, route: str, operation: str) -> Response | None:
        """A page for people, where an active fault shows one."""
        if away := self.weather.find(Maintenance, route, operation):
            page = text_response(503, MAINTENANCE_PAGE, "text/html; charset=utf-8")
            return page.with_headers({"Retry-After": str(away.retry_after_s)})
        if self.weather.find(HtmlPage, route, operation):
            return text_response(200, LOG_IN_PAGE, "text/html; charset=utf-8")
        return None

    def _broken_off(self, answer: Response, route: str, operation: str) -> Response:
        fault = self.weather.find(MalformedJson, route, operation)
        if not fault or answer.status != HTTPStatus.OK or not self._application.is_data(operation):
            return answer
        return Response(answer.status, answer.body[: len(answer.body) // 2], answer.headers)

    def _stamp(self, answer: Response) -> Response:
        request_id = str(UUID(int=self._rng.getrandbits(128), version=4))
        return answer.with_headers({"X-Request-Id": request_id, "Date": self._clock.http_date()})
