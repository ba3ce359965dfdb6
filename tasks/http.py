"""The bounded fetch: the one way we speak HTTP.

httpx limits each read, not the whole call, and decodes as much as it is sent: a peer that drips keeps a call
alive for minutes, and a small gzip body becomes gigabytes. Here one deadline covers everything from the name
to the last byte, and both the received and the decoded bytes are capped. Trouble on the other side is a
value, never a raise.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from time import perf_counter
from typing import Annotated

import httpx
from pydantic import AfterValidator, Field, NonNegativeInt

from models.errors import Transient
from models.lookup import ANYWHERE, Lookup, is_loopback_name
from models.noun import Noun
from models.reading import Code, Outcome, Rung
from tasks.headers import kept_headers
from tasks.network import Trouble, addresses, tls_context, trouble_of
from tasks.trace import Timings, Trace
from tasks.unpack import TooLarge, Unpacker, Unreadable

LARGEST_BODY = 1 << 20  # bytes, before and after decompression (spec: security, 3.5)
DEADLINE_S = 10.0
POOL_SIZE = 8  # connections per host
KEPT_ALIVE_S = 30.0
USER_AGENT = "integration-healing/0.1"
for _name in ("httpx", "httpcore"):  # they write URLs and headers into the log
    logging.getLogger(_name).setLevel(logging.WARNING)


def check_base_url(value: str) -> str:
    """Refuse what we may not talk to, in a sentence that does not repeat it.

    Raises:
        ValueError: unless it is https (http for a loopback host only) with a host and nothing secret in it.
    """
    try:
        url = httpx.URL(value)
    except httpx.InvalidURL:
        raise ValueError("this is not a URL; write it like https://fhir.example.org/api/FHIR/R4") from None
    if url.scheme not in {"https", "http"} or not url.host:
        raise ValueError("write a full URL that begins with https:// and names a host")
    if url.userinfo or url.query or url.fragment:
        raise ValueError("leave user, password, query and fragment out of the URL; secrets go by reference")
    if url.scheme == "http" and not is_loopback_name(url.host):
        raise ValueError("plain http would send credentials in the clear; use https (http is for localhost)")
    return value.rstrip("/")


def split_origin(url: str) -> tuple[str, str]:
    """Origin (`https://host`, the port when it is not the usual one) and the rest; empty when it is no URL."""
    try:
        parts = httpx.URL(url)
    except httpx.InvalidURL:
        return "", ""
    if parts.userinfo or not parts.host:
        return "", ""
    return f"{parts.scheme}://{parts.netloc.decode('ascii')}", parts.raw_path.decode("ascii")


BaseUrl = Annotated[str, AfterValidator(check_base_url)]


class Fetched(Noun):
    """What one HTTP call brought: an answer, or the trouble that kept it from coming."""

    outcome: Outcome | None = None  # None: something answered, and its status says the rest
    code: Code | None = None
    rung: Rung  # the one that broke, or HTTP
    status: NonNegativeInt | None = None
    headers: Mapping[str, str] = Field(default_factory=dict, repr=False)  # lower-case names, allow-listed
    body: bytes = Field(default=b"", repr=False)
    timings: Timings = Timings()
    received_bytes: NonNegativeInt = 0  # of the body, before decompression

    @property
    def answered(self) -> bool:
        """Whether a whole answer came."""
        return self.outcome is None


@dataclass(frozen=True)
class _Call:
    """One call, before an address is chosen for it."""

    method: str
    url: httpx.URL
    headers: dict[str, str] = field(repr=False)
    content: bytes | None = field(repr=False)
    limit_s: float

    @property
    def host(self) -> str:
        """Name and port, as the Host header has them."""
        return self.url.netloc.decode("ascii")

    @property
    def port(self) -> int:
        """The port, stated or implied."""
        return self.url.port or (443 if self.url.scheme == "https" else 80)

    def to(self, address: str) -> httpx.Request:
        """The request, addressed to one machine behind the name."""
        own = {"Host": self.host, "User-Agent": USER_AGENT, "Accept-Encoding": "gzip"}
        url = self.url.copy_with(host=address)
        return httpx.Request(self.method, url, headers=own | self.headers, content=self.content)


class BoundedClient:
    """Keeps connections alive, one pool per host, and makes bounded calls over them.

    Args:
        ca_bundle: PEM file of the authorities to trust instead of the public ones; None: the public ones.
        deadline_s: real seconds for one whole call, unless the call says otherwise.
        largest_body: bytes, for the body as received and as decoded.
        lookup: how names are looked up, and where they may lead.
        pool_size: connections per host; a call that finds all of them in use waits, and its answer says how long.
        afresh: open a connection for each call, and keep none alive.

    Raises:
        Misconfigured: when the bundle cannot be read.
    """

    def __init__(
        self,
        *,
        ca_bundle: str | None = None,
        deadline_s: float = DEADLINE_S,
        largest_body: int = LARGEST_BODY,
        lookup: Lookup = ANYWHERE,
        pool_size: int = POOL_SIZE,
        afresh: bool = False,
    ) -> None:
        self._lookup = lookup
        self._tls = tls_context(ca_bundle)
        self._deadline_s = deadline_s
        self._largest_body = largest_body
        self._pool_size, self._kept_alive = pool_size, 0 if afresh else pool_size
        # One pool per host: a shared one slows with the number of idle connections in it.
        self._pools: dict[str, httpx.AsyncHTTPTransport] = {}
        # httpcore does not tell how long a call waited in its pool, so nobody gets to wait there.
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._last_address: dict[str, str] = {}
        self.calls = 0  # begun so far, for who counts what they cost the other side

    async def fetch(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        deadline_s: float | None = None,
    ) -> Fetched:
        """Make one call; never follows a redirect, never reads the environment.

        Raises:
            Transient: when it is our own machine that cannot (no file descriptors, no memory).
        """
        trace = Trace()
        self.calls += 1
        limit_s = self._deadline_s if deadline_s is None else max(0.0, deadline_s)
        call = _Call(method, httpx.URL(url), dict(headers or {}), content, limit_s)
        try:
            async with asyncio.timeout(limit_s):
                return await self._reach(call, trace)
        except (httpx.HTTPError, OSError) as error:  # a passed deadline is an OSError too
            trouble = trouble_of(error, trace.rung, answering=trace.answering)
            if trace.is_queued:  # it never left the house
                trouble = Trouble(Outcome.TIMEOUT, "pool_exhausted", Rung.TCP)
        finally:
            await trace.abandon()
        return _troubled(trouble, trace)

    async def aclose(self) -> None:
        """Close every socket."""
        pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            await pool.aclose()

    @property
    def open_connections(self) -> int:
        """Sockets open now, idle ones included."""
        pools = (pool._pool for pool in self._pools.values())  # noqa: SLF001 - httpx publishes no count
        return sum(not connection.is_closed() for pool in pools for connection in pool.connections)

    def __repr__(self) -> str:
        return f"BoundedClient(hosts={len(self._pools)}, open_connections={self.open_connections})"

    async def _reach(self, call: _Call, trace: Trace) -> Fetched:
        found = await addresses(call.url.host, call.port, self._lookup)
        trace.ms["dns_ms"] = (perf_counter() - trace.began) * 1000
        if isinstance(found, Trouble):
            return _troubled(found, trace)
        trace.rung = Rung.TCP
        # The address used last comes first, so that its kept-alive connections are used.
        *others, last = sorted(found[:3], key=lambda address: address != self._last_address.get(call.host))
        for address in others:
            try:
                return await self._exchange(call, address, trace, call.limit_s / len(found[:3]))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                if trace.rung is not Rung.TCP:
                    raise
        return await self._exchange(call, last, trace, None)

    def _pool(self, host: str) -> httpx.AsyncHTTPTransport:
        if host not in self._pools:
            limits = httpx.Limits(
                max_connections=self._pool_size,
                max_keepalive_connections=self._kept_alive,
                keepalive_expiry=KEPT_ALIVE_S,
            )
            self._pools[host] = httpx.AsyncHTTPTransport(verify=self._tls, limits=limits, trust_env=False)
        return self._pools[host]

    async def _exchange(self, call: _Call, address: str, trace: Trace, connect_s: float | None) -> Fetched:
        request = call.to(address)
        request.extensions = {
            "sni_hostname": call.url.host,  # what the certificate must name
            "trace": trace,
            "timeout": {"connect": connect_s},
        }
        slot = self._slots.setdefault(call.host, asyncio.Semaphore(self._pool_size))
        async with trace.holding(slot):
            response = await self._pool(call.host).handle_async_request(request)
            self._last_address[call.host] = address
            return await self._received(response, trace)

    async def _received(self, response: httpx.Response, trace: Trace) -> Fetched:
        """The answer to its last byte, or as much of it as we want."""
        unpacker = Unpacker(response.headers.get("content-encoding", ""), self._largest_body)
        trouble: Trouble | None = None
        try:
            async for chunk in response.aiter_raw():
                unpacker.feed(chunk)
            unpacker.finish()
        except TooLarge:
            trouble = Trouble(Outcome.MALFORMED, "body_too_large", Rung.HTTP)
        except Unreadable:
            trouble = Trouble(Outcome.MALFORMED, "bad_encoding", Rung.HTTP)
        finally:
            await response.aclose()
        return Fetched(
            outcome=trouble.outcome if trouble else None,
            code=trouble.code if trouble else None,
            rung=Rung.HTTP,
            status=response.status_code,
            headers=kept_headers(response.headers),
            body=b"" if trouble else bytes(unpacker.body),
            timings=trace.timings,
            received_bytes=unpacker.received,
        )


def _troubled(trouble: Trouble, trace: Trace) -> Fetched:
    if trouble.is_ours:
        raise Transient("this machine is out of file descriptors or memory; raise its limits, then try again")
    return Fetched(outcome=trouble.outcome, code=trouble.code, rung=trouble.rung, timings=trace.timings)
