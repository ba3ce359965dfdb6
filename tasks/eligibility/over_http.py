"""Eligibility over HTTP: one POST with the inquiry, and the answer in the same breath."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import uuid4

from models import core_envelope
from models.classification import Judged, judge_status
from models.control import Which
from models.core_envelope import sealed
from models.credential import Credential
from models.integration import Read
from models.ladder import Ladder, Step, absent
from models.reading import Outcome, Reading, Rung
from models.token import Grant
from models.x12_answers import Again, judge_inquiry
from models.x12_answers import Verdict as Judgement
from tasks.access import FixedKey, open_access
from tasks.auth_schemes import Basic, NoAccess, itself_or_secret
from tasks.connectors._interface import Context
from tasks.connectors._open import base_url_by_route, bundle
from tasks.eligibility.desk import Asked, Desk, UpperRungs, told
from tasks.eligibility.settings import RESOURCE, Settings
from tasks.http import BoundedClient
from tasks.ladder import answered, climb_network, climb_on, granted
from tasks.oauth import Key, Tokens, as_key
from tasks.observe import Answer, Deadline, answer, reading, too_late, without_call
from tasks.secrets import resolve
from tasks.trials import Trial, over, reach_of, root, token_trial

X12 = {"Content-Type": "application/EDI-X12", "Accept": "application/EDI-X12, multipart/form-data, text/plain"}
BELOW_LOGIN = {Rung.DNS, Rung.TCP, Rung.TLS, Rung.HTTP}  # broken there, an answer tells nothing of who we are


class Exchange(NamedTuple):
    """One inquiry over HTTP."""

    answer: Answer
    verdict: Judgement
    sent_bytes: int


class OverHttp:
    """One clearinghouse or payer, as one submitter sees it."""

    def __init__(self, context: Context, settings: Settings, base_url: str) -> None:
        self._context, self._settings = context, settings
        self._id, self._clock = context.integration.id, context.clock
        self._ca_bundle = bundle(context, settings.ca_bundle)
        self._base_url = base_url_by_route(context, base_url)
        self._desk = Desk(context, settings)
        self.reach = reach_of(self._base_url, self._ca_bundle, context.integration.lookup)
        self._http = self._client()
        self._login = self._core_login()
        auth = NoAccess() if self._login else settings.auth
        self.keys = open_access(context, auth, self._http, self._base_url)
        self._final: set[tuple[str, datetime]] = set()

    async def read(self, read: Read) -> Reading:
        """Make one inquiry; a 401 is answered with one new token and one more."""
        observed_at = self._clock.now()
        deadline = Deadline(self._context.tuning.deadline_s)
        try:
            async with deadline.backstop:
                seen = await self._read(read, observed_at, deadline)
        except TimeoutError:
            seen = too_late(self._id, read, observed_at)
        return seen.model_copy(update={"resource": RESOURCE})

    def may_repeat(self, reading: Reading) -> bool:
        """Whether the other side lets this inquiry be sent again (AAA04)."""
        return (reading.operation, reading.observed_at) not in self._final

    async def climb(self) -> Ladder:
        """Try name, TCP, TLS, an answer without an inquiry, the log-in, and one inquiry of its own."""
        began, limit_s = self._clock.now(), self._context.tuning.deadline_s
        climb = _Climb(self, self._client())
        try:
            lookup = self._context.integration.lookup
            lower = await climb_network(self._base_url, self._ca_bundle, limit_s, began, lookup)
            upper = (climb.http, climb.auth, climb.rungs.scope, climb.rungs.first_read, climb.rungs.semantic)
            return Ladder.of(self._id, began, await climb_on(lower, *upper))
        finally:
            await climb.client.aclose()

    def trials(self) -> tuple[Trial, ...]:
        """What may be asked beside the inquiries, each of which names a member."""

        async def greeted(client: BoundedClient) -> Step:
            return answered(Rung.HTTP, await self.greet(client))

        tells: frozenset[Rung | None] = frozenset({Rung.HTTP})
        return (
            Trial(Which.AGAIN, "greeting", tells, over(self._client, greeted), shows=("service",)),
            root(self._client, self._base_url, self._clock),
            *token_trial(self.keys.token_url, self._client, self._clock),
        )

    async def aclose(self) -> None:
        """Close every socket."""
        await self.keys.aclose()
        await self._http.aclose()

    @property
    def open_connections(self) -> int:
        """Sockets open now."""
        return self._http.open_connections

    @property
    def patience_s(self) -> float:
        """Real seconds for one call."""
        return self._context.tuning.deadline_s

    @property
    def has_login(self) -> bool:
        """Whether an inquiry says who we are."""
        return not isinstance(self._settings.auth, NoAccess)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._id})"

    async def greet(self, client: BoundedClient) -> Answer:
        """Ask for the page of inquiries without making one; any word from an application will do."""
        fetched = await client.fetch("GET", self._base_url, headers={"Accept": X12["Accept"]})
        return answer(fetched, self._clock.now(), judge_greeting)

    async def inquire(self, client: BoundedClient, key: Key, limit_s: float) -> Exchange:
        """Make one inquiry under a new control number."""
        sent, message = await self._desk.write()
        headers, content = self._dressed(message)
        verdicts: list[Judgement] = []

        def judge(status: int, answered_with: Mapping[str, str], body: bytes) -> Judged:
            verdicts.append(judge_inquiry(status, answered_with, body, sent))
            return verdicts[-1].judged

        carried = headers | dict(key.headers)
        fetched = await client.fetch("POST", self._base_url, headers=carried, content=content, deadline_s=limit_s)
        got = answer(fetched, self._clock.now(), judge)
        verdict = verdicts[0] if verdicts else Judgement(judged=got.judged, rung=got.rung)
        return Exchange(got, verdict, len(content))

    def _client(self) -> BoundedClient:
        tuning, lookup = self._context.tuning, self._context.integration.lookup
        limit_s, afresh = tuning.deadline_s, tuning.is_afresh
        return BoundedClient(ca_bundle=self._ca_bundle, deadline_s=limit_s, lookup=lookup, afresh=afresh)

    def _core_login(self) -> dict[str, str]:
        """User and password stand in the form itself when there is one."""
        auth, context = self._settings.auth, self._context
        if self._settings.envelope != "core" or not isinstance(auth, Basic):
            return {}
        password = resolve(auth.password, context.base).get_secret_value()
        return {"UserName": itself_or_secret(auth.user, context), "Password": password}

    def _dressed(self, message: bytes) -> tuple[dict[str, str], bytes]:
        """The message in its envelope, with the headers for it."""
        if self._settings.envelope == "plain":
            return X12, message
        boundary = f"heal{uuid4().hex}"
        fields = {
            "PayloadType": core_envelope.REQUEST,
            "ProcessingMode": "RealTime",
            "PayloadID": str(uuid4()),
            "TimeStamp": self._clock.now().astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            **self._login,
            "SenderID": self._settings.sender.id,
            "ReceiverID": self._settings.receiver.id,
            "CORERuleVersion": core_envelope.VERSION,
        }
        return X12 | {"Content-Type": f"multipart/form-data; boundary={boundary}"}, sealed(fields, message, boundary)

    async def _read(self, read: Read, observed_at: datetime, deadline: Deadline) -> Reading:
        key = await self.keys.key()
        if isinstance(key, Grant):
            return without_call(self._id, read, observed_at, key)
        made = await self.inquire(self._http, key, deadline.left_s)
        if made.answer.outcome is Outcome.UNAUTHENTICATED and await self.keys.refused(key):
            key = await self.keys.key()
            if isinstance(key, Grant):
                return without_call(self._id, read, observed_at, key)
            made = await self.inquire(self._http, key, deadline.left_s)
            if made.answer.outcome is Outcome.UNAUTHENTICATED:
                await self.keys.distrust(key)
        if made.verdict.again is not Again.LATER:
            self._final.add((read.operation, observed_at))
        seen = reading(self._id, read, observed_at, [made.answer], key.age_s(observed_at), self.open_connections)
        return seen.model_copy(update={"rung": made.verdict.rung, "sent_bytes": made.sent_bytes})


class OverHttpWithTokens(OverHttp):
    """A clearinghouse whose tokens expire, and can be renewed."""

    keys: Tokens

    async def renew(self) -> Reading:
        """Obtain a new token."""
        return await self.keys.renew()

    def credential(self) -> Credential:
        """What is known of the present token."""
        return self.keys.credential()


class _Climb:
    """The upper rungs of one climb."""

    def __init__(self, over: OverHttp, client: BoundedClient) -> None:
        self._over, self.client = over, client
        self._key = Key()
        self.rungs = UpperRungs(self._inquire)

    async def http(self) -> Step:
        """Does an application speak?"""
        return answered(Rung.HTTP, await self._over.greet(self.client))

    async def auth(self) -> Step:
        """Are we known? A new token says so; what never changes is tried on the inquiry."""
        keys = self._over.keys
        if isinstance(keys, Tokens):
            grant = await keys.ask(self.client)
            if grant.value is not None:
                self._key = as_key(grant.value)
            lives = "" if grant.promised_s is None else f" for {grant.promised_s:.0f} s"
            return granted(grant, f"a new token{lives}")
        if isinstance(keys, FixedKey):
            self._key = await keys.key()
        if not self._over.has_login:
            return absent(Rung.AUTH, "this system asks nobody who they are")
        asked = await self.rungs.asked()
        if asked is None or asked.verdict.rung in BELOW_LOGIN:
            return absent(Rung.AUTH, "only an answer to the inquiry tells")
        return told(Rung.AUTH, asked, "the log-in is accepted", holds=not asked.outcome.is_auth)

    async def _inquire(self) -> Asked:
        made = await self._over.inquire(self.client, self._key, self._over.patience_s)
        return Asked(made.verdict, made.answer.fetched.timings.total_ms, made.answer.fetched.status)


def judge_greeting(status: int, headers: Mapping[str, str], _: bytes) -> Judged:
    """For an answer to no inquiry: whatever it says, short of failing, somebody speaks."""
    judged = judge_status(status, headers)
    return judged if judged.outcome in {Outcome.SERVER_ERROR, Outcome.THROTTLED} else Judged()
