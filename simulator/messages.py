"""Request, Response and Cut: what a port hands to a service, and what it gets back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request, read to its end."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]  # names in lower case; the last of several wins
    body: bytes
    route: str  # the port it came in by: main or second
    nth: int = 1  # request of its connection

    def json_object(self) -> dict[str, Any] | None:
        """The body as a JSON object; None when it is anything else."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return None
        return value if isinstance(value, dict) else None


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP response."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

    def with_headers(self, headers: dict[str, str]) -> Response:
        """The same response with these headers added."""
        return replace(self, headers={**self.headers, **headers})


class Cut(StrEnum):
    """How a conversation can end without an answer."""

    RESET = "reset"  # TCP RST: the peer sees ECONNRESET
    SILENCE = "silence"  # nothing more is ever said


class Application(Protocol):
    """A pretend vendor system: Epic or Unity."""

    operations: frozenset[str]  # those that faults may name

    def operation(self, request: Request) -> str:
        """What is asked, as a template without identifiers."""
        ...

    def is_data(self, operation: str) -> bool:
        """Whether it is neither log-in nor discovery."""
        ...

    def answer(self, request: Request) -> Response:
        """Serve it."""
        ...

    def problem(self, status: int, code: str, says: str) -> Response:
        """An error in this vendor's own format."""
        ...

    def journal(self) -> dict[str, Any]:
        """Counts of tokens and sessions."""
        ...


def json_response(status: int, value: object, content_type: str = "application/json") -> Response:
    """A value as compact JSON."""
    body = json.dumps(value, separators=(",", ":")).encode()
    return Response(status, body, {"Content-Type": content_type})


def text_response(status: int, text: str, content_type: str = "text/plain; charset=utf-8") -> Response:
    """Plain text, or a page of HTML."""
    return Response(status, text.encode(), {"Content-Type": content_type})
