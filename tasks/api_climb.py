"""The ladder of a JSON API: credentials of its own, and one call that the upper rungs look at together."""

from __future__ import annotations

from time import perf_counter
from typing import Protocol

from models.integration import Read
from models.ladder import Step, Verdict, absent
from models.reading import Outcome, Rung
from models.scopes import Scope
from tasks.access import FixedKey
from tasks.http import BoundedClient
from tasks.ladder import answered, granted, scoped, sensible
from tasks.oauth import Key, Tokens, as_key
from tasks.observe import Answer

BELOW_LOGIN = {Rung.DNS, Rung.TCP, Rung.TLS, Rung.HTTP}  # broken there, an answer tells nothing of who we are


class Api(Protocol):
    """What a climb needs of the connector."""

    keys: FixedKey | Tokens

    @property
    def asks_who_we_are(self) -> bool:
        """Whether a call needs credentials."""
        ...

    @property
    def required(self) -> tuple[Scope, ...]:
        """The scopes that the declared reads need."""
        ...

    async def first_page(self, client: BoundedClient, read: Read, key: Key) -> Answer:
        """The first page of a read, judged with its age."""
        ...

    def checks(self, read: Read) -> str:
        """What the top rung looked at."""
        ...


class ApiClimb:
    """The upper rungs of one climb: each looks at what the one below it brought."""

    def __init__(self, api: Api, client: BoundedClient, read: Read) -> None:
        self._api, self.client, self._read = api, client, read
        self._key: Key = Key()
        self._granted: tuple[Scope, ...] | None = None
        self._page: Answer | None = None

    async def http(self) -> Step:
        """Does an application speak, whatever it thinks of a stranger: a refusal, a redirect, a log-in page?"""
        page = await self._api.first_page(self.client, self._read, Key())
        greets_strangers = page.fetched.answered and page.outcome is Outcome.MALFORMED and self._api.asks_who_we_are
        return passed(Rung.HTTP, page, "an answer to a stranger") if greets_strangers else answered(Rung.HTTP, page)

    async def auth(self) -> Step:
        """Are we known? A new token says so; a key that never changes is tried on the first read."""
        keys = self._api.keys
        if isinstance(keys, Tokens):
            grant = await keys.ask(self.client)
            self._granted = grant.scopes
            if grant.value is not None:
                self._key = as_key(grant.value)
            lives = "" if grant.promised_s is None else f" for {grant.promised_s:.0f} s"
            return granted(grant, f"a new token{lives}")
        self._key = await keys.key()
        page = await self._first_page()
        if not self._key.headers:
            return absent(Rung.AUTH, "this system asks nobody who they are")
        if page.rung in BELOW_LOGIN:
            return absent(Rung.AUTH, "only an answer to the first read tells")
        return answered(Rung.AUTH, page) if page.outcome.is_auth else passed(Rung.AUTH, page, "accepted")

    async def scope(self) -> Step:
        """Are we allowed what we need, by the words of the token and by the first answer?"""
        wanted = self._api.required
        judged = scoped(self._granted, self._api.keys.scopes, wanted)
        if judged.verdict is Verdict.FAILED:
            return judged
        page = await self._first_page()
        if page.outcome is Outcome.FORBIDDEN:
            return answered(Rung.SCOPE, page)
        return judged if wanted else absent(Rung.SCOPE, "the log-in names no scopes")

    async def first_read(self) -> Step:
        """Did something come that can be read?"""
        page = await self._first_page()
        if page.rung is not Rung.SEMANTIC:
            return answered(Rung.READ, page, counted(page))
        return passed(Rung.READ, page, counted(page))

    async def semantic(self) -> Step:
        """Does it make sense?"""
        began, page = perf_counter(), await self._first_page()
        return sensible(page, None, self._api.checks(self._read), began)

    async def _first_page(self) -> Answer:
        if self._page is None:
            self._page = await self._api.first_page(self.client, self._read, self._key)
        return self._page


def passed(rung: Rung, page: Answer, says: str) -> Step:
    """A rung that holds although one above it may not."""
    told = f"HTTP {page.fetched.status}, {says}"
    held = {"verdict": Verdict.PASSED, "outcome": Outcome.OK, "code": None, "says": told}
    return answered(rung, page).model_copy(update=held)


def counted(page: Answer) -> str:
    """How much came."""
    return "an answer" if page.judged.records is None else f"{page.judged.records} records on one page"
