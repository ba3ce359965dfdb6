"""What is created on a FHIR server: canaries of ours, and an application's resources.

Each is created with `If-None-Exist` on its identifier (FHIR R4, 3.1.0.8.1) and found again by it. A server may ignore
that header; the search is what proves that nothing is created twice.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from urllib.parse import quote

from pydantic import SecretStr

from models.classification import judge_fhir
from models.letter import fhir_letters as letters
from models.letter import token_of
from models.noun import RecordId
from models.reading import Outcome, Reading, Rung
from models.send_answers import http_answer
from models.sending import Answer as Sent
from models.sending import Ask, Sending, Word
from models.token import Grant
from models.waiting import retry_after_s
from tasks.clock import Clock
from tasks.connectors import _fhir_canary as canaries
from tasks.connectors._fhir_canary import CANARY
from tasks.connectors._interface import Context
from tasks.http import BoundedClient, Fetched
from tasks.observe import Answer, Deadline, Judge, reading, without_call
from tasks.tokens import TokenStore

__all__ = ["WritesResources", "letters"]

ASK_LATER = frozenset({Outcome.SERVER_ERROR, Outcome.THROTTLED, Outcome.UNAUTHENTICATED, Outcome.MALFORMED})


class WritesResources:
    """What a connector over FHIR can do beside reading."""

    _id: str
    _clock: Clock
    _context: Context
    _base_url: str
    _http: BoundedClient
    _tokens: TokenStore
    sending: Sending | None  # as the settings say

    async def write(self, canary: str) -> tuple[Reading, RecordId | None]:
        """Create an appointment of ours that takes place nowhere; the receipt is its identifier."""
        observed_at = self._clock.now()
        body, headers = canaries.appointment(canary), canaries.once(canary)
        got = await self._created(canaries.RESOURCE, headers, body)
        if isinstance(got, Grant):
            return without_call(self._id, CANARY, observed_at, got).model_copy(update=canaries.GOES_OUT), None
        told = reading(self._id, CANARY, observed_at, [got], None, self._http.open_connections)
        seen = told.model_copy(update=canaries.GOES_OUT | {"sent_bytes": len(body)})
        return seen, canary if got.outcome.is_ok else None

    async def landed(self, receipt: RecordId) -> bool | None:
        """Look for that appointment by its identifier."""
        found = await self._found(canaries.search(receipt))
        return None if isinstance(found, Grant) or not found.outcome.is_ok else bool(found.judged.records)

    async def send(self, content: bytes) -> Sent:
        """Create one resource, unless one with its identifier is there; a 401 is answered with one new token."""
        kind, token = named(content)
        headers = {"Content-Type": "application/fhir+json", "If-None-Exist": f"identifier={token}"}
        got = await self._created(kind, headers, content)
        if isinstance(got, Grant):
            return http_answer(got.outcome, got.code, may_have_left=False, retry_after_s=got.retry_after_s)
        wait_s = retry_after_s(got.fetched.headers, got.received_at)
        may_have_left = got.fetched.rung not in {Rung.DNS, Rung.TCP, Rung.TLS}
        answer = http_answer(got.outcome, got.code, may_have_left=may_have_left, retry_after_s=wait_s)
        was_there = got.outcome.is_ok and got.fetched.status == HTTPStatus.OK
        return answer.model_copy(update={"code": "already_there"}) if was_there else answer

    async def ask(self, content: bytes) -> Word:
        """Search for it by its identifier."""
        if self.sending is None or self.sending.ask is Ask.NONE:
            return Word.CANNOT_KNOW
        if self.sending.ask is Ask.DEDUPLICATES:
            return Word.REPEATABLE
        kind, token = named(content)
        found = await self._found(f"{kind}?identifier={token}&_count=1")
        if isinstance(found, Grant) or found.outcome.is_transport or found.outcome in ASK_LATER:
            return Word.LATER
        if not found.outcome.is_ok or found.judged.records is None:
            return Word.CANNOT_KNOW
        return Word.FOUND if found.judged.records else Word.NOT_FOUND

    async def _created(self, kind: str, headers: dict[str, str], body: bytes) -> Answer | Grant:
        """What answers to one create, tried again with a new token when the first is not accepted."""
        made = await self._as_us("POST", kind, headers, body, canaries.judge_create)
        return made if isinstance(made, Grant) else canaries.certain(made)

    async def _found(self, search: str) -> Answer | Grant:
        return await self._as_us("GET", search, {}, None, judge_fhir)

    async def _as_us(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None, judge: Judge
    ) -> Answer | Grant:
        """One call with our token; a 401 is answered with one new token and one more try: nothing was done."""
        deadline = Deadline(self._context.tuning.deadline_s)
        for last in (False, True):
            token = await self._tokens.get(self._issue)
            if isinstance(token, Grant):
                return token
            url = path if "://" in path else f"{self._base_url}/{path}"  # a page is named by its server
            ours = self._headers(token.value) | headers
            sent = await self._http.fetch(method, url, headers=ours, content=body, deadline_s=deadline.left_s)
            got = self._judged(sent, judge)
            if got.outcome is not Outcome.UNAUTHENTICATED or last or not await self._tokens.refused(token):
                break
        return got

    async def _issue(self, _: SecretStr | None) -> Grant:
        raise NotImplementedError

    def _headers(self, token: SecretStr) -> dict[str, str]:
        raise NotImplementedError

    def _judged(self, fetched: Fetched, judge: Judge) -> Answer:
        raise NotImplementedError


def named(content: bytes) -> tuple[str, str]:
    """The kind of a resource, and its identifier as a search parameter."""
    resource = json.loads(content)
    return resource["resourceType"], quote(token_of(resource) or "", safe="")
