"""Epic over FHIR R4: SMART Backend Services for the token, searches with paging for the reads."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from http import HTTPStatus
from time import perf_counter
from typing import Annotated

from pydantic import AfterValidator, Field, PositiveInt, SecretStr

from models.classification import Judged, judge_fhir, judge_token
from models.credential import Credential
from models.credentials import PublishedKey
from models.fhir_page import implausible, newest
from models.integration import Integration, Read, SecretReference, Text
from models.ladder import Ladder, Step
from models.noun import Noun
from models.reading import Operation, Outcome, Reading, Rung
from models.scopes import Scope, granted_in, needed_for
from models.sending import Sending
from models.surface import Surface, Uses
from models.token import Grant
from tasks.connectors._fhir_canary import CANARY
from tasks.connectors._fhir_pages import ACCEPTS, following, largest, most_pages, smaller, together
from tasks.connectors._fhir_records import ShowsResources
from tasks.connectors._fhir_trials import Server, TokenPlace, fhir_trials
from tasks.connectors._fhir_writes import WritesResources, letters
from tasks.connectors._interface import Context
from tasks.connectors._open import base_url_by_route, bundle, checked_settings, misconfigured
from tasks.connectors._records import Rest
from tasks.fhir_surface import SMART_PATH, judge_smart, survey_fhir, used
from tasks.http import BaseUrl, BoundedClient, Fetched, split_origin
from tasks.jwks import look_up
from tasks.ladder import answered, climb_network, climb_on, granted, scoped, sensible
from tasks.observe import Answer, Deadline, Judge, answer, reading, refusal, too_late, without_call
from tasks.secrets import resolve
from tasks.smart import FORM, Algorithm, Signer, bearer, promised_s
from tasks.tokens import TokenStore
from tasks.trials import Trial, reach_of

__all__ = ["CANARY", "EpicFhir", "Settings", "letters", "open_connector"]

TEMPLATE = re.compile(r"^[A-Z][A-Za-z]+(?:/\$?[A-Za-z0-9._-]+)*(?:\?[A-Za-z0-9_.:=&,%|/$+-]*)?$")
DEFAULT_SEARCHES = {
    f"{kind}.search": f"{kind}?_count=50"
    for kind in ("Patient", "Appointment", "MedicationRequest", "VisionPrescription")
}
RENEWAL = Read(operation="Token.renew", component="Authorization")


def check_template(value: str) -> str:
    """Refuse a search that is not relative to the base URL."""
    if not TEMPLATE.match(value):
        raise ValueError("write a search relative to base_url, such as Patient?_count=50")
    return value


class Settings(Noun):
    """The `settings:` of an integration of this kind."""

    base_url: BaseUrl  # up to and with /R4
    token_url: BaseUrl | None = None  # None: as the server's smart-configuration says
    client_id: Text
    key_id: Text  # `kid` of the public key that Epic knows
    private_key: SecretReference  # PEM
    algorithm: Algorithm = "RS384"
    scopes: Annotated[tuple[Text, ...], Field(min_length=1)] = ("system/*.rs",)
    jwks_url: BaseUrl | None = None  # where we publish our public keys; given: it is looked at now and then
    ca_bundle: str | None = None  # PEM file, relative to the configuration
    searches: dict[Operation, Annotated[str, AfterValidator(check_template)]] = Field(default_factory=dict)
    max_pages: Annotated[PositiveInt, Field(le=50)] = 5
    sends: Sending | None = None  # None: an application's resources are not created here

    def search(self, operation: str) -> str | None:
        """The query of a declared read."""
        return self.searches.get(operation) or DEFAULT_SEARCHES.get(operation)

    def needed(self, operations: Iterable[str]) -> dict[str, Scope]:
        """The scope that each of these reads needs."""
        queries = {operation: self.search(operation) for operation in operations}
        return {operation: needed_for(query, self.scopes) for operation, query in queries.items() if query}


def operations(settings: Settings) -> tuple[str, ...]:
    """The reads that may be declared under these settings."""
    return tuple(sorted({*DEFAULT_SEARCHES, *settings.searches}))


def required_scopes(integration: Integration) -> dict[str, Scope]:
    """The scope that each declared read needs, by operation."""
    return Settings.model_validate(integration.settings).needed(read.operation for read in integration.reads)


def open_connector(context: Context) -> EpicFhir:
    """A connector for one integration.

    Raises:
        Misconfigured: when settings, key or bundle cannot be used, or a read has no search.
    """
    settings = checked_settings(context, Settings)
    lost = [read.operation for read in context.integration.reads if settings.search(read.operation) is None]
    if lost:
        raise misconfigured(context.integration.id, *(f"searches: add a query for {name}" for name in lost))
    return EpicFhir(context, settings)


class EpicFhir(WritesResources, ShowsResources):
    """One Epic FHIR server, as one client sees it."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self._context, self._settings = context, settings
        self._id, self._clock = context.integration.id, context.clock
        self._ca_bundle = bundle(context, settings.ca_bundle)
        self._base_url = base_url_by_route(context, settings.base_url)
        self._lookup = context.integration.lookup
        self.reach = reach_of(self._base_url, self._ca_bundle, self._lookup)
        self._http, self.sending = self._client(), settings.sends
        pem = resolve(settings.private_key, context.base)
        self._signer = Signer(settings.client_id, settings.key_id, pem, settings.algorithm, settings.private_key)
        self._tokens = TokenStore(context.home, self._id, self._clock)
        self._discovered: str | None = None
        self._official, self._rest = settings.base_url, Rest(context.clock)

    async def read(self, read: Read) -> Reading:
        """Make one search, all its pages, once; a 401 is answered with one new token and one more try."""
        observed_at = self._clock.now()
        deadline = Deadline(self._context.tuning.deadline_s)
        try:
            async with deadline.backstop:
                got = await self._read(read, deadline)
        except TimeoutError:
            got = too_late(self._id, read, observed_at)
        return got.model_copy(update={"resource": self._kind(read)})

    async def renew(self) -> Reading:
        """Obtain a new token; OAuth has nothing to hand the old one back to."""
        observed_at, began = self._clock.now(), perf_counter()
        got = await self._tokens.renew(self._issue)
        if not isinstance(got, Grant):
            spent_ms = (perf_counter() - began) * 1000
            got = Grant(rung=Rung.READ, status=HTTPStatus.OK, latency_ms=spent_ms)
        return without_call(self._id, RENEWAL, observed_at, got)

    def credential(self) -> Credential:
        """What is known of the present token."""
        return self._tokens.credential().model_copy(update={"required": self._required})

    async def published_key(self) -> PublishedKey | None:
        """Whether the key set that we publish holds the key that we sign with."""
        if self._settings.jwks_url is None:
            return None
        return await look_up(self._http, self._settings.jwks_url, self._settings.key_id, self._signer.fingerprint)

    async def climb(self) -> Ladder:
        """Try name, TCP, TLS, the public `/metadata`, a token of its own (not kept), its scopes, and the first read."""
        began, limit_s = self._clock.now(), self._context.tuning.deadline_s
        client, first = self._client(), self._context.integration.reads[0]
        fresh: list[Grant] = []
        read: list[Answer] = []

        async def http() -> Step:
            fetched = await client.fetch("GET", f"{self._base_url}/metadata", headers={"Accept": ACCEPTS["strict"]})
            return answered(Rung.HTTP, self._judged(fetched, judge_fhir))

        async def auth() -> Step:
            grant = await self._ask(client)
            fresh.append(grant)
            lives = "" if grant.promised_s is None else f" for {grant.promised_s:.0f} s"
            return granted(grant, f"a new token{lives}")

        async def scope() -> Step:
            return scoped(fresh[0].scopes, self._settings.scopes, self._required)

        async def first_read() -> Step:
            value = fresh[0].value or SecretStr("")
            read.extend(await self._pages(client, first, value, Deadline(limit_s), most=1))
            return answered(Rung.READ, read[0], f"{read[0].judged.records} records on one page")

        async def semantic() -> Step:
            stopwatch, page = perf_counter(), read[0]
            theirs = page.received_at + timedelta(seconds=page.clock_skew_s or 0.0)
            wrong = implausible(page.judged.content, self._kind(first), theirs)
            return sensible(page, wrong, f"{self._kind(first)} as asked, counts and dates agree", stopwatch)

        try:
            lower = await climb_network(self._base_url, self._ca_bundle, limit_s, began, self._lookup)
            return Ladder.of(self._id, began, await climb_on(lower, http, auth, scope, first_read, semantic))
        finally:
            await client.aclose()

    async def survey(self) -> tuple[Surface, ...]:
        """What the server says of itself to anybody: no token is used, and none asked for."""
        official = self._settings.token_url or self._settings.base_url
        return await survey_fhir(self._http, self._base_url, official, self._context.tuning.deadline_s)

    def uses(self) -> Uses:
        """What of that the declared reads and the log-in need."""
        searches = [self._settings.search(read.operation) or "" for read in self._context.integration.reads]
        return used(searches, self._settings.scopes, self._settings.algorithm)

    def trials(self) -> tuple[Trial, ...]:
        """What may be asked beside the reads."""
        reads = self._context.integration.reads
        server = Server(self._base_url, self._client, self._clock, self._token_place, self._page, reads)
        return tuple(fhir_trials(server))

    async def aclose(self) -> None:
        """Close every socket."""
        await self._tokens.aclose()
        await self._http.aclose()

    @property
    def open_connections(self) -> int:
        """Sockets open now."""
        return self._http.open_connections

    def __repr__(self) -> str:
        return f"EpicFhir({self._id})"

    def _client(self) -> BoundedClient:
        tuning = self._context.tuning
        limit_s, afresh = tuning.deadline_s, tuning.is_afresh
        return BoundedClient(ca_bundle=self._ca_bundle, deadline_s=limit_s, lookup=self._lookup, afresh=afresh)

    @property
    def _required(self) -> tuple[Scope, ...]:
        """What the declared reads need, each scope once."""
        reads = self._context.integration.reads
        return tuple(dict.fromkeys(self._settings.needed(read.operation for read in reads).values()))

    @property
    def page_size(self) -> int | None:
        """Records on the largest page that is asked for now."""
        return largest(self._query(read.operation) for read in self._context.integration.reads)

    def _query(self, operation: str) -> str:
        """The search behind a read, with pages as small as the tuning asks for."""
        return smaller(self._settings.search(operation) or "", self._context.tuning.page_size)

    def _kind(self, read: Read) -> str:
        """The resource type that a read asks for."""
        return re.split(r"[/?]", self._settings.search(read.operation) or read.operation)[0]

    async def _read(self, read: Read, deadline: Deadline) -> Reading:
        observed_at = self._clock.now()
        token = await self._tokens.get(self._issue)
        if isinstance(token, Grant):
            return without_call(self._id, read, observed_at, token)
        pages = await self._pages(self._http, read, token.value, deadline)
        if pages[-1].outcome is Outcome.UNAUTHENTICATED and await self._tokens.refused(token):
            token = await self._tokens.get(self._issue)
            if isinstance(token, Grant):
                return without_call(self._id, read, observed_at, token)
            pages = await self._pages(self._http, read, token.value, deadline)
            if pages[-1].outcome is Outcome.UNAUTHENTICATED:
                await self._tokens.distrust(token)
        if pages[-1].outcome.is_ok:
            content = [page.judged.content for page in pages]
            self._context.sketches.note(self._context.integration, read.operation, self._clock, content, "answer")
        age_s = max(0.0, (observed_at - token.issued_at).total_seconds())
        seen = (newest(page.judged.content, page.received_at) for page in pages)
        latest = max((moment for moment in seen if moment is not None), default=None)
        got = reading(self._id, read, observed_at, pages, age_s, self.open_connections)
        return got.model_copy(update={"newest_at": latest})

    async def _pages(
        self, client: BoundedClient, read: Read, token: SecretStr, deadline: Deadline, most: int | None = None
    ) -> list[Answer]:
        """Every page of a search, up to `most` (None: as the settings say) or the first that fails."""
        query = self._query(read.operation)
        url: str | None = f"{self._base_url}/{query}"
        headers = self._headers(token)
        seen: set[str] = set()
        got: list[Answer] = []
        while url and len(got) < (most or most_pages(self._settings.max_pages, self._context.tuning.page_size)):
            seen.add(url)
            page = await client.fetch("GET", url, headers=headers, deadline_s=deadline.left_s)
            got.append(self._judged(page, judge_fhir))
            url = following(got[-1], self._base_url, self._settings.base_url)
            if url in seen or (url is None and got[-1].judged.next_url):
                code = "paging_loop" if url else "next_link_elsewhere"
                judged = Judged(outcome=Outcome.MALFORMED, code=code, records=got[-1].judged.records)
                return [*got[:-1], got[-1]._replace(judged=judged)]
        return together(got, query, self._kind(read), is_last=url is None)

    @property
    def accepts(self) -> str:
        """As the Accept header has it now."""
        return ACCEPTS[self._context.tuning.media_type]

    def _headers(self, token: SecretStr) -> dict[str, str]:
        return {"Accept": self.accepts, "Authorization": f"Bearer {token.get_secret_value()}"}

    def _judged(self, fetched: Fetched, judge: Judge) -> Answer:
        return answer(fetched, self._clock.now(), judge)

    async def _page(self, client: BoundedClient, read: Read) -> Answer | None:
        token = self._tokens.held()
        deadline = Deadline(self._context.tuning.deadline_s)
        return (await self._pages(client, read, token.value, deadline, most=1))[0] if token else None

    async def _issue(self, _: SecretStr | None) -> Grant:
        return await self._ask(self._http)

    async def _ask(self, client: BoundedClient) -> Grant:
        """Ask for a token, once."""
        place = await self._token_place(client)
        if isinstance(place, Grant):
            return place
        at_home = split_origin(place.url)[0] == split_origin(self._base_url)[0]
        body = self._signer.request(place.audience, self._settings.scopes, self._clock.now())
        asked = self._judged(await client.fetch("POST", place.url, headers=FORM, content=body), judge_token)
        measured = refusal(asked, at_home=at_home)
        if not asked.outcome.is_ok:
            return measured
        value = bearer(asked.judged.content)
        if value is None:
            return measured.model_copy(update={"outcome": Outcome.MALFORMED, "code": "no_token"})
        promised, scopes = promised_s(asked.judged.content), granted_in(asked.judged.content.get("scope"))
        return measured.model_copy(update={"value": value, "promised_s": promised, "scopes": scopes})

    async def _token_place(self, client: BoundedClient) -> TokenPlace | Grant:
        """The token URL; over a second route when it stands on the main one's host."""
        official = self._settings.token_url or self._discovered
        if official is None:
            found = self._judged(await client.fetch("GET", self._base_url + SMART_PATH), judge_smart)
            if not found.outcome.is_ok:
                return refusal(found, at_home=True)
            official = self._discovered = found.judged.content
        origin, rest = split_origin(official)
        main, here = split_origin(self._settings.base_url)[0], split_origin(self._base_url)[0]
        return TokenPlace(url=(here if origin == main else origin) + rest, audience=official)
