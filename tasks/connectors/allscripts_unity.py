"""Allscripts (Veradigm) Unity over its JSON door: a session GUID on a licence with few seats.

Two habits of Unity shape this file. It answers 200 to everything, so the body decides. And a wrong log-in
may lock an account and a forgotten session keeps its seat, so a read never logs in again by itself: that is
`renew`, which hands the old session back first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from time import perf_counter

from pydantic import SecretStr

from models.classification import Judged, judge_status
from models.credential import Credential
from models.integration import Read
from models.ladder import Ladder, Step, Verdict, absent
from models.reading import Outcome, Reading, Rung
from models.surface import Surface, Uses
from models.surface_facts import server_info
from models.token import Grant, Token
from models.unity_answers import judge_unity, judge_unity_login, strange_rows, strange_server_time
from tasks.connectors._interface import Context
from tasks.connectors._open import base_url_by_route, bundle, checked_settings, misconfigured
from tasks.connectors._records import Rest
from tasks.connectors._unity_records import ShowsRows
from tasks.connectors._unity_settings import DEFAULT_ACTIONS, Action, Settings
from tasks.connectors._unity_trials import Server, unity_trials
from tasks.http import BoundedClient
from tasks.ladder import answered, climb_network, climb_on, granted, sensible
from tasks.observe import Answer, Deadline, Judge, answer, reading, refusal, too_late, without_call
from tasks.secrets import resolve
from tasks.tokens import TokenStore
from tasks.trials import Trial, reach_of

__all__ = ["AllscriptsUnity", "Settings", "open_connector", "operations", "record_operations"]

JSON = {"Content-Type": "application/json", "Accept": "application/json"}
SCRYPT_N = 1 << 14  # 16 MiB and some 50 ms for one guess at a password from its digest
RENEWAL = Read(operation="Session.renew", component="Session")


def operations(settings: Settings) -> tuple[str, ...]:
    """The reads that may be declared under these settings."""
    return tuple(sorted({*DEFAULT_ACTIONS, *settings.actions}))


def record_operations(settings: Settings) -> tuple[str, ...]:
    """Those by which the records of a span can be read."""
    known = ((name, settings.action(name)) for name in operations(settings))
    return tuple(name for name, action in known if action and action.since)


def open_connector(context: Context) -> AllscriptsUnity:
    """A connector for one integration.

    Raises:
        Misconfigured: when settings, secrets or bundle cannot be used, or a read has no action.
    """
    settings = checked_settings(context, Settings)
    lost = [read.operation for read in context.integration.reads if settings.action(read.operation) is None]
    if lost:
        raise misconfigured(context.integration.id, *(f"actions: add an entry for {name}" for name in lost))
    return AllscriptsUnity(context, settings)


class AllscriptsUnity(ShowsRows):
    """One Unity server, as one licensed application sees it."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self._context, self._settings = context, settings
        self._id, self._clock = context.integration.id, context.clock
        self._ca_bundle = bundle(context, settings.ca_bundle)
        self._base_url = base_url_by_route(context, settings.base_url)
        self._lookup = context.integration.lookup
        self.reach = reach_of(self._base_url, self._ca_bundle, self._lookup)
        self._http = self._client()
        by_reference = settings.username.startswith(("env:", "file:"))
        self._username = resolve(settings.username, context.base) if by_reference else SecretStr(settings.username)
        self._password = resolve(settings.password, context.base)
        self._ehr_password: SecretStr | None = None
        if settings.ehr_password is not None:
            self._ehr_password = resolve(settings.ehr_password, context.base)
        lifetime = settings.session_lifetime
        self._rest = Rest(context.clock)
        self._promised_s = lifetime.total_seconds() if lifetime else None
        self._tokens = TokenStore(context.home, self._id, self._clock, identity=self._login_digest)

    async def read(self, read: Read) -> Reading:
        """Ask one Magic action, once. A session that is over is reported, and left for `renew`."""
        observed_at = self._clock.now()
        deadline = Deadline(self._context.tuning.deadline_s)
        try:
            async with deadline.backstop:
                token = await self._tokens.get(self._log_in)
                if isinstance(token, Grant):
                    return without_call(self._id, read, observed_at, token)
                asked = await self._ask(self._http, read, token, deadline.left_s)
                if asked.outcome.is_auth:
                    await self._tokens.note(token)
        except TimeoutError:
            return too_late(self._id, read, observed_at)
        if asked.outcome.is_ok:
            content = asked.judged.content
            self._context.sketches.note(self._context.integration, read.operation, self._clock, content, "row")
        age_s = max(0.0, (observed_at - token.issued_at).total_seconds())
        return reading(self._id, read, observed_at, [asked], age_s, self.open_connections)

    async def renew(self) -> Reading:
        """Hand the present session back, log in once, and prove the new session with GetServerInfo."""
        observed_at = self._clock.now()
        got = await self._tokens.renew(self._log_in_again)
        if isinstance(got, Grant):
            return without_call(self._id, RENEWAL, observed_at, got)
        proof = await self._magic(self._http, Action(action="GetServerInfo"), got.value)
        return reading(self._id, RENEWAL, observed_at, [proof], 0.0, self.open_connections)

    def credential(self) -> Credential:
        """What is known of the present session."""
        return self._tokens.credential()

    async def climb(self) -> Ladder:
        """Try name, TCP, TLS, an answer without a session, the present session, its user, and the first read.

        It takes no seat of its own: when there is no session, it is the one that reads would begin. The EHR user is
        not asked for again: the log-in did so, and a second wrong password might lock the account (catalogue S23).
        """
        began, limit_s = self._clock.now(), self._context.tuning.deadline_s
        client = self._client()
        info = Action(action="GetServerInfo")
        held: list[Token] = []
        told: list[Answer] = []  # what the server says of itself, and the first read

        async def http() -> Step:
            return answered(Rung.HTTP, await self._as_nobody(client))

        async def auth() -> Step:
            token = await self._tokens.get(self._log_in)
            if isinstance(token, Grant):
                return granted(token, "")
            held.append(token)
            age_s = (self._clock.now() - token.issued_at).total_seconds()
            accepted = f"the session of {max(0.0, age_s):.0f} s is accepted"
            told.append(await self._magic(client, info, token.value))
            return answered(Rung.AUTH, told[0], accepted)

        async def first_read() -> Step:
            told.append(await self._ask(client, self._context.integration.reads[0], held[0], limit_s))
            return answered(Rung.READ, told[1], f"{told[1].judged.records} rows")

        async def semantic() -> Step:
            stopwatch, (server, rows) = perf_counter(), told
            wrong = strange_server_time(server.judged.content, server.received_at, self._context.integration.timezone)
            says = "rows are as they should be, server time and zone agree"
            return sensible(rows, wrong or strange_rows(rows.judged.content), says, stopwatch)

        try:
            lower = await climb_network(self._base_url, self._ca_bundle, limit_s, began, self._lookup)
            tried = await climb_on(lower, http, auth, self._user_rung, first_read, semantic)
            return Ladder.of(self._id, began, tried)
        finally:
            await client.aclose()

    async def survey(self) -> tuple[Surface, ...]:
        """GetServerInfo over the present session; without one, no seat is taken for it."""
        token = self._tokens.held()
        if token is None:
            return ()
        asked = await self._magic(self._http, Action(action="GetServerInfo"), token.value)
        rows = asked.judged.content if asked.outcome.is_ok else []
        said = (server_info(row, asked.fetched.received_bytes) for row in rows)
        return tuple(one for one in said if one is not None)[:1]

    def uses(self) -> Uses:
        """Unity does not say what can be asked."""
        return ()

    def trials(self) -> tuple[Trial, ...]:
        """What may be asked beside the reads: nothing that logs in, and nothing about the patient of an action."""
        asked = {read: self._settings.action(read.operation) for read in self._context.integration.reads[1:]}
        plain = [read for read, action in asked.items() if action and action.names_nobody]
        server = Server(self._base_url, self._client, self._clock, self._as_nobody, self._in_session)
        return tuple(unity_trials(server, plain))

    async def aclose(self) -> None:
        """Close every socket. The session stays, for the next process to use: each one costs a seat."""
        await self._tokens.aclose()
        await self._http.aclose()

    @property
    def open_connections(self) -> int:
        """Sockets open now."""
        return self._http.open_connections

    def __repr__(self) -> str:
        return f"AllscriptsUnity({self._id})"

    def _client(self) -> BoundedClient:
        tuning = self._context.tuning
        limit_s, afresh = tuning.deadline_s, tuning.is_afresh
        return BoundedClient(ca_bundle=self._ca_bundle, deadline_s=limit_s, lookup=self._lookup, afresh=afresh)

    async def _user_rung(self) -> Step:
        """What a session may do hangs on its EHR user; one without a user may do what the licence may."""
        if self._ehr_password is None:
            return absent(Rung.SCOPE, "no EHR user is signed on; the licence decides")
        says = "the EHR user was accepted when this session began"
        return Step(rung=Rung.SCOPE, verdict=Verdict.PASSED, says=says, outcome=Outcome.OK)

    async def _as_nobody(self, client: BoundedClient) -> Answer:
        return await self._magic(client, Action(action="GetServerInfo"), SecretStr(""))

    async def _in_session(self, client: BoundedClient, read: Read) -> Answer | None:
        token, limit_s = self._tokens.held(), self._context.tuning.deadline_s
        return await self._ask(client, read, token, limit_s) if token else None

    async def _ask(self, client: BoundedClient, read: Read, token: Token, limit_s: float) -> Answer:
        action = self._settings.action(read.operation)
        if action is None:
            raise misconfigured(self._id, f"actions: add an entry for {read.operation}")
        return await self._magic(client, action, token.value, limit_s)

    def _action(self, operation: str) -> Action | None:
        return self._settings.action(operation)

    async def _with_session(self, action: Action, limit_s: float) -> Answer | Grant:
        """One action in the present session, or the one that begins now."""
        token = await self._tokens.get(self._log_in)
        if isinstance(token, Grant):
            return token
        asked = await self._magic(self._http, action, token.value, limit_s)
        if asked.outcome.is_auth:
            await self._tokens.note(token)
        return asked

    async def _magic(
        self, client: BoundedClient, action: Action, token: SecretStr, limit_s: float | None = None
    ) -> Answer:
        body = dict.fromkeys((f"Parameter{n}" for n in range(1, 7)), "") | {"PatientID": "", "Data": ""}
        asked = {
            "Action": action.action,
            "AppUserID": self._settings.ehr_user or self._username.get_secret_value(),
            "Appname": self._settings.app_name,
            "Token": token.get_secret_value(),
        }

        def judge(status: int, headers: Mapping[str, str], content: bytes) -> Judged:
            return judge_unity(action.action, status, headers, content)

        return await self._post(client, "MagicJson", body | action.parameters | asked, judge, limit_s)

    async def _post(
        self,
        client: BoundedClient,
        door: str,
        body: Mapping[str, str],
        judge: Judge,
        limit_s: float | None = None,
    ) -> Answer:
        url, content = f"{self._base_url}/{door}", json.dumps(body).encode()
        fetched = await client.fetch("POST", url, headers=JSON, content=content, deadline_s=limit_s)
        return answer(fetched, self._clock.now(), judge)

    async def _log_in(self, old: SecretStr | None) -> Grant:
        """The ordinary log-in: the first, and the one on schedule, which hands the old seat back afterwards."""
        grant = await self._logged_in()
        if old is not None and grant.outcome.is_ok:
            await self._retire(old)
        return grant

    async def _logged_in(self) -> Grant:
        """One log-in."""
        body = {
            "Username": self._username.get_secret_value(),
            "Password": self._password.get_secret_value(),
            "Appname": self._settings.app_name,
        }
        asked = await self._post(self._http, "GetToken", body, judge_unity_login)
        grant = refusal(asked, at_home=True).model_copy(update={"promised_s": self._promised_s})
        if not asked.outcome.is_ok:
            return grant
        value = SecretStr(asked.judged.content)
        return await self._authenticated(value) or grant.model_copy(update={"value": value})

    async def _authenticated(self, session: SecretStr) -> Grant | None:
        """Why the EHR user was turned away, where one is configured; the session is handed back then."""
        if self._ehr_password is None:
            return None
        secret = {"Parameter1": self._ehr_password.get_secret_value()}
        action = Action.model_validate({"action": "GetUserAuthentication", "parameters": secret})
        asked = await self._magic(self._http, action, session)
        if asked.outcome.is_ok:
            return None
        await self._retire(session)
        return refusal(asked, at_home=True)

    async def _log_in_again(self, old: SecretStr | None) -> Grant:
        """The log-in of `renew`: the old session goes first, because it may hold the last seat."""
        if old is not None:
            retired = await self._retire(old)
            if retired.outcome.is_transport:
                return refusal(retired, at_home=True)
        grant = await self._logged_in()
        return grant.model_copy(update={"gave_up_old": old is not None})

    async def _retire(self, session: SecretStr) -> Answer:
        body = {"Token": session.get_secret_value(), "Appname": self._settings.app_name}
        return await self._post(self._http, "RetireSecurityToken", body, judge_status_only)

    def _login_digest(self) -> str:
        """Tells whether the log-in changed since it was refused; slow, so that it does not give it away."""
        salt = f"{self._settings.app_name}\n{self._username.get_secret_value()}\n{self._id}".encode()
        secret = self._password.get_secret_value()
        if self._ehr_password is not None:
            secret += "\n" + self._ehr_password.get_secret_value()
        return hashlib.scrypt(secret.encode(), salt=salt, n=SCRYPT_N, r=8, p=1, dklen=16).hex()


def judge_status_only(status: int, headers: Mapping[str, str], _: bytes) -> Judged:
    """For an answer whose body changes nothing: a session that was already gone is as good as retired."""
    return judge_status(status, headers)
