"""The canary that any JSON API is written: looked for first, so that it stays single, then created, then found."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from models.api_answers import judge_api
from models.api_call import Call, Codes
from models.api_canary import KEY, ApiCanary
from models.classification import Judged
from models.integration import Read
from models.noun import RecordId
from models.reading import Direction, Outcome, Reading
from models.token import Grant
from tasks.access import FixedKey
from tasks.clock import Clock
from tasks.connectors._fhir_canary import certain
from tasks.connectors._interface import Context
from tasks.connectors._open import misconfigured
from tasks.http import BoundedClient
from tasks.oauth import Tokens
from tasks.observe import Answer, Deadline, answer, reading, without_call

CANARY = Read(operation="Record.canary", component="Canary")
CANARY_SETTINGS = (
    "canary_record: # something harmless that they agreed to: a note, a task, a booking that is born cancelled",
    "  resource: Note",
    "  create:",
    "    path: notes",
    '    body: {external_id: "{key}", text: "{words}"}',
    "  look:",
    '    path: "notes?external_id={key}"',
    '    records: "data[]"',
)
JSON = {"Accept": "application/json"}


class WritesCanaries:
    """What a connector over HTTP can do beside calling."""

    _id: str
    _clock: Clock
    _context: Context
    _base_url: str
    _http: BoundedClient
    keys: FixedKey | Tokens
    canary: ApiCanary | None  # as the settings say
    codes: Codes
    headers: Mapping[str, str]

    async def write(self, canary: str) -> tuple[Reading, RecordId | None]:
        """Create one record, unless it is there already; the receipt is its key."""
        observed_at, wanted = self._clock.now(), self._wanted
        deadline = Deadline(self._context.tuning.deadline_s)
        got = await self._looked(wanted, canary, deadline)
        sent = 0
        if not isinstance(got, Grant) and is_there(wanted, got) is False:
            body = wanted.create.filled(canary, observed_at)
            got, sent = await self._created(wanted, canary, body, deadline), len(body)
        if isinstance(got, Grant):
            told = without_call(self._id, CANARY, observed_at, got)
        else:
            told = reading(self._id, CANARY, observed_at, [got], None, self._http.open_connections)
        out = {"direction": Direction.OUT, "resource": wanted.resource, "sent_bytes": sent, "records": None}
        return told.model_copy(update=out), canary if told.outcome.is_ok else None

    async def landed(self, receipt: RecordId) -> bool | None:
        """Look for that record by its key."""
        wanted = self._wanted
        got = await self._looked(wanted, receipt, Deadline(self._context.tuning.deadline_s))
        return None if isinstance(got, Grant) else is_there(wanted, got)

    @property
    def _wanted(self) -> ApiCanary:
        if self.canary is None:
            raise misconfigured(self._id, "canary_record: say what may be written there, and how it is looked for")
        return self.canary

    async def _looked(self, wanted: ApiCanary, key: str, deadline: Deadline) -> Answer | Grant:
        return await self._as_us("GET", wanted.look.path.replace(KEY, key), None, wanted.looks, deadline)

    async def _created(self, wanted: ApiCanary, key: str, body: bytes, deadline: Deadline) -> Answer | Grant:
        path = wanted.create.path.replace(KEY, key)
        made = await self._as_us(wanted.create.method, path, body, wanted.creates, deadline)
        return made if isinstance(made, Grant) else certain(made)

    async def _as_us(
        self, method: str, path: str, content: bytes | None, call: Call, deadline: Deadline
    ) -> Answer | Grant:
        """One call with our key; a 401 is answered with one new key and one more try: nothing was done."""

        def judge(status: int, headers: Mapping[str, str], body: bytes) -> Judged:
            return judge_api(call, self.codes, status, headers, body)

        kind = {} if content is None else {"Content-Type": "application/json"}
        for last in (False, True):
            key = await self.keys.key()
            if isinstance(key, Grant):
                return key
            url, ours = f"{self._base_url}/{path}", JSON | dict(self.headers) | kind | dict(key.headers)
            sent = await self._http.fetch(method, url, headers=ours, content=content, deadline_s=deadline.left_s)
            got = answer(sent, self._clock.now(), judge)
            if got.outcome is not Outcome.UNAUTHENTICATED or last or not await self.keys.refused(key):
                break
        return got


def is_there(wanted: ApiCanary, got: Answer) -> bool | None:
    """What a look found; None when nobody could tell."""
    if wanted.look.records is None and got.fetched.status == HTTPStatus.NOT_FOUND:
        return False
    if not got.outcome.is_ok:
        return None
    return True if wanted.look.records is None else bool(got.judged.records)
