"""Any JSON API, described in the configuration: what to call, and how to tell a good answer from a bad one."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from urllib.parse import urljoin

from pydantic import AfterValidator, Field, StringConstraints

from models.api_answers import STALE, is_repeated, is_stale, judge_api
from models.api_call import Call, Codes, with_parameter
from models.api_canary import ApiCanary
from models.classification import Judged
from models.control import Which
from models.coverage import Carried, Witness
from models.credential import Credential
from models.integration import Integration, Read
from models.ladder import Ladder, Step
from models.noun import Advice, Noun
from models.reading import Operation, Outcome, Reading, Rung
from models.scopes import Scope
from models.token import Grant
from models.wording import span
from tasks.access import open_access
from tasks.api_climb import ApiClimb
from tasks.auth_schemes import Access, Basic, HeaderName, NoAccess
from tasks.connectors._api_canary import CANARY, CANARY_SETTINGS, WritesCanaries
from tasks.connectors._interface import Context
from tasks.connectors._open import base_url_by_route, bundle, checked_settings, misconfigured
from tasks.http import BaseUrl, BoundedClient, Fetched, split_origin
from tasks.ladder import answered, climb_network, climb_on
from tasks.oauth import Key, Tokens
from tasks.observe import Answer, Deadline, answer, reading, too_late, without_call
from tasks.trials import ABOVE, MOST_SIBLINGS, OF_READS, Ask, Trial, in_hand, over, reach_of, root, token_trial

__all__ = ["CANARY", "CANARY_SETTINGS", "HttpApi", "Settings", "open_connector"]

JSON = {"Accept": "application/json"}
OURS = {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "content-type", "te", "upgrade"}
CREDENTIAL = re.compile(r"auth|cookie|key|token|secret|passw|signature", re.IGNORECASE)
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e](?:[\x20-\x7e]{0,510}[\x21-\x7e])?$")]


def check_headers(value: dict[str, str]) -> dict[str, str]:
    """Refuse headers that are ours to write, or that look like a credential.

    Raises:
        Advice: with a sentence that does not repeat a value.
    """
    if any(name.lower() in OURS for name in value):
        raise Advice("Host, Content-Type and those of the connection itself are written by heal; leave them out")
    if any(CREDENTIAL.search(name) for name in value):
        raise Advice("what says who we are goes under auth, by reference; leave it out of headers")
    return value


class Settings(Noun):
    """The `settings:` of an integration of this kind."""

    base_url: BaseUrl
    auth: Access = NoAccess()
    headers: Annotated[dict[HeaderName, HeaderValue], AfterValidator(check_headers)] = Field(default_factory=dict)
    ca_bundle: str | None = None  # PEM file, relative to the configuration
    codes: Codes = Field(default_factory=dict)  # of the vendor's, that may leave
    calls: Annotated[dict[Operation, Call], Field(min_length=1)]
    canary_record: ApiCanary | None = None  # what may be written there to find out whether it arrives


def operations(settings: Settings) -> tuple[str, ...]:
    """The reads that may be declared under these settings."""
    return tuple(sorted(settings.calls))


def carries(settings: Settings) -> dict[str, Carried]:
    """Which way each call goes. One whose answers may be so old and no older calls no stale answer good."""
    fresh = frozenset({Witness.FRESHNESS})
    return {
        name: Carried(direction=call.direction, witnesses=fresh if call.fresh_within else frozenset())
        for name, call in settings.calls.items()
    }


def required_scopes(integration: Integration) -> dict[str, Scope]:
    """The scope that each declared read needs, by operation, as far as its call names one."""
    calls = Settings.model_validate(integration.settings).calls
    needed = {read.operation: calls[read.operation].scope for read in integration.reads}
    return {operation: scope for operation, scope in needed.items() if scope is not None}


def open_connector(context: Context) -> HttpApi:
    """A connector for one integration; it renews credentials when the API's tokens expire.

    Raises:
        Misconfigured: when settings, secrets or bundle cannot be used, or a read has no call.
    """
    settings = checked_settings(context, Settings)
    lost = [read.operation for read in context.integration.reads if read.operation not in settings.calls]
    if lost:
        raise misconfigured(context.integration.id, *(f"calls: add an entry for {name}" for name in lost))
    expires = settings.auth.scheme in {"oauth2", "private_key_jwt"}
    return (HttpApiWithTokens if expires else HttpApi)(context, settings)


class HttpApi(WritesCanaries):
    """One API, as one client sees it."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self._context, self._settings = context, settings
        self._id, self._clock = context.integration.id, context.clock
        self._ca_bundle = bundle(context, settings.ca_bundle)
        self._base_url = base_url_by_route(context, settings.base_url)
        self.reach = reach_of(self._base_url, self._ca_bundle, context.integration.lookup)
        self._http = self._client()
        self.keys = open_access(context, settings.auth, self._http, self._base_url)
        self.canary, self.codes, self.headers = settings.canary_record, settings.codes, settings.headers

    async def read(self, read: Read) -> Reading:
        """Make one call, all its pages, once; a 401 is answered with one new token and one more try."""
        observed_at = self._clock.now()
        deadline = Deadline(self._context.tuning.deadline_s)
        call = self._settings.calls[read.operation]
        try:
            async with deadline.backstop:
                seen = await self._read(read, call, observed_at, deadline)
        except TimeoutError:
            seen = too_late(self._id, read, observed_at)
        if seen.outcome.is_ok and is_stale(call, seen.newest_at, observed_at):
            seen = seen.model_copy(update={"outcome": Outcome.STALE, "code": STALE, "rung": Rung.SEMANTIC})
        return seen.model_copy(update={"direction": call.direction, "resource": call.resource})

    async def climb(self) -> Ladder:
        """Try name, TCP, TLS, an answer without credentials, credentials of its own (not kept), and the first read."""
        began, limit_s = self._clock.now(), self._context.tuning.deadline_s
        climb = ApiClimb(self, self._client(), self._context.integration.reads[0])
        try:
            lookup = self._context.integration.lookup
            lower = await climb_network(self._base_url, self._ca_bundle, limit_s, began, lookup)
            steps = (climb.http, climb.auth, climb.scope, climb.first_read, climb.semantic)
            return Ladder.of(self._id, began, await climb_on(lower, *steps))
        finally:
            await climb.client.aclose()

    def trials(self) -> tuple[Trial, ...]:
        """What may be asked beside the reads; only calls that ask, and none with a password."""
        asking = [one for one in self._context.integration.reads if self._settings.calls[one.operation].method == "GET"]
        if isinstance(self._settings.auth, Basic):
            asking = []
        again = [
            Trial(Which.HELD_TOKEN, one.operation, ABOVE, self._with_key(one), shows=("API read",)) for one in asking
        ]
        others = [Trial(Which.SIBLING, one.operation, OF_READS, self._with_key(one)) for one in asking]
        first = self._context.integration.reads[0].operation
        return (
            Trial(Which.AGAIN, first, frozenset({Rung.HTTP}), over(self._client, self._as_nobody), shows=("service",)),
            root(self._client, self._base_url, self._clock),
            *token_trial(self.keys.token_url, self._client, self._clock),
            *(one for one in again if one.subject == first),
            *[one for one in others if one.subject != first][:MOST_SIBLINGS],
        )

    async def aclose(self) -> None:
        """Close every socket."""
        await self.keys.aclose()
        await self._http.aclose()

    @property
    def required(self) -> tuple[Scope, ...]:
        """What the declared reads need; all that is asked for, when no call names its own."""
        named = required_scopes(self._context.integration)
        return tuple(dict.fromkeys(named.values())) or self.keys.scopes

    @property
    def asks_who_we_are(self) -> bool:
        """Whether a call needs credentials."""
        return not isinstance(self._settings.auth, NoAccess)

    def checks(self, read: Read) -> str:
        """What the top rung looked at."""
        call = self._settings.calls[read.operation]
        keys = f", all required keys ({len(call.require)}) are there" if call.require else ""
        age = f", newest record within {span(call.fresh_within.total_seconds())}" if call.fresh_within else ""
        return f"no error inside{keys}{age}"

    @property
    def open_connections(self) -> int:
        """Sockets open now."""
        return self._http.open_connections

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._id})"

    def _client(self) -> BoundedClient:
        tuning, lookup = self._context.tuning, self._context.integration.lookup
        limit_s, afresh = tuning.deadline_s, tuning.is_afresh
        return BoundedClient(ca_bundle=self._ca_bundle, deadline_s=limit_s, lookup=lookup, afresh=afresh)

    async def _read(self, read: Read, call: Call, observed_at: datetime, deadline: Deadline) -> Reading:
        key = await self.keys.key()
        if isinstance(key, Grant):
            return without_call(self._id, read, observed_at, key)
        pages = await self._pages(self._http, call, key, deadline)
        if pages[-1].outcome is Outcome.UNAUTHENTICATED and await self.keys.refused(key):
            key = await self.keys.key()
            if isinstance(key, Grant):
                return without_call(self._id, read, observed_at, key)
            pages = await self._pages(self._http, call, key, deadline)
            if pages[-1].outcome is Outcome.UNAUTHENTICATED:
                await self.keys.distrust(key)
        if pages[-1].outcome.is_ok and call.reads_json:
            content = [page.judged.content for page in pages]
            self._context.sketches.note(self._context.integration, read.operation, self._clock, content, "answer")
        seen = reading(self._id, read, observed_at, pages, key.age_s(observed_at), self.open_connections)
        return seen.model_copy(update={"sent_bytes": len(body_of(call) or b"") * len(pages)})

    async def _as_nobody(self, client: BoundedClient) -> Step:
        return answered(Rung.HTTP, await self.first_page(client, self._context.integration.reads[0], Key()))

    def _with_key(self, read: Read) -> Ask:
        async def work(client: BoundedClient) -> Step | str:
            key = self.keys.held()
            return in_hand(await self.first_page(client, read, key) if key else None)

        return over(self._client, work)

    async def first_page(self, client: BoundedClient, read: Read, key: Key) -> Answer:
        """The first page of a read, judged with its age."""
        call = self._settings.calls[read.operation]
        page = (await self._pages(client, call, key, Deadline(self._context.tuning.deadline_s), most=1))[0]
        if page.outcome.is_ok and is_stale(call, page.judged.newest_at, page.received_at):
            return page._replace(judged=Judged(outcome=Outcome.STALE, code=STALE, records=page.judged.records))
        return page

    async def _pages(
        self, client: BoundedClient, call: Call, key: Key, deadline: Deadline, most: int | None = None
    ) -> list[Answer]:
        """Every page of an answer, up to `most` (None: as the call says) or the first that fails."""
        path = call.written(self._clock.now(), self._context.integration.timezone)
        url: str | None = f"{self._base_url}/{path}"
        seen: set[str] = set()
        got: list[Answer] = []
        while url and len(got) < (most or call.max_pages):
            seen.add(url)
            got.append(self._judged(await self._fetch(client, call, url, key, deadline.left_s), call))
            url = self._following(got[-1], call, path, url)
            if url in seen or (url is None and got[-1].judged.next_url):
                code = "paging_loop" if url else "next_link_elsewhere"
                judged = Judged(outcome=Outcome.MALFORMED, code=code, records=got[-1].judged.records)
                return [*got[:-1], got[-1]._replace(judged=judged)]
        if len(got) > 1 and got[-1].outcome.is_ok and is_repeated(call, [page.judged.content for page in got]):
            judged = Judged(outcome=Outcome.SEMANTIC, code="page_repeated", records=got[-1].judged.records)
            return [*got[:-1], got[-1]._replace(judged=judged)]
        return got

    async def _fetch(self, client: BoundedClient, call: Call, url: str, key: Key, limit_s: float) -> Fetched:
        content = body_of(call)
        kind = {} if content is None else {"Content-Type": "application/json"}
        headers = JSON | self._settings.headers | kind | dict(key.headers)
        return await client.fetch(call.method, url, headers=headers, content=content, deadline_s=limit_s)

    def _following(self, page: Answer, call: Call, path: str, url: str) -> str | None:
        """The next page, by our route; None when there is none, or when it is not on this server."""
        link = page.judged.next_url
        if link is None or page.outcome is not Outcome.OK:
            return None
        if call.cursor is not None:
            return f"{self._base_url}/{with_parameter(path, call.cursor, link)}"
        try:
            origin, rest = split_origin(urljoin(url, link))
        except ValueError:
            return None
        here = split_origin(self._base_url)[0]
        return here + rest if origin in {here, split_origin(self._settings.base_url)[0]} else None

    def _judged(self, fetched: Fetched, call: Call) -> Answer:
        def judge(status: int, headers: Mapping[str, str], body: bytes) -> Judged:
            return judge_api(call, self._settings.codes, status, headers, body)

        return answer(fetched, self._clock.now(), judge)


def body_of(call: Call) -> bytes | None:
    """What a call sends; None when it only asks."""
    return json.dumps(call.body).encode() if call.method == "POST" else None


class HttpApiWithTokens(HttpApi):
    """An API whose tokens expire, and can be renewed."""

    keys: Tokens

    async def renew(self) -> Reading:
        """Obtain a new token."""
        return await self.keys.renew()

    def credential(self) -> Credential:
        """What is known of the present token."""
        return self.keys.credential().model_copy(update={"required": self.required})
