"""HL7 v2 over MLLP: a message out, an acknowledgement back, and the two held against each other.

There is no log-in and nothing to fetch: whether the receiver takes a message can only be learned by sending one.
Those that change nothing there (`Echo`) may go anywhere; those that do are made up, and go to a test system, or
where somebody wrote `canary: true`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from models.coverage import Carried, Witness
from models.hl7_answers import Sent
from models.hl7_messages import (
    DEFAULT_MESSAGES,
    Charset,
    Envelope,
    Message,
    Mode,
    Place,
    ProcessingId,
    Version,
    composed,
)
from models.integration import Environment, Integration, Read, SecretReference
from models.ladder import Ladder, Verdict, absent
from models.lookup import is_loopback_name
from models.noun import Noun
from models.reading import Direction, Operation, Reading, Rung
from tasks.connectors._hl7_canary import (
    CANARY,
    CANARY_SETTINGS,
    Hl7Canary,
    WritesCanaries,
    is_written,
)
from tasks.connectors._hl7_sends import Hl7Sending, SendsMessages, letters
from tasks.connectors._interface import Context
from tasks.connectors._open import base_url_by_route, bundle, checked_settings, misconfigured
from tasks.dial import place_of
from tasks.hl7_dialogue import Dialogue, Heard, fresh_id, told
from tasks.ladder import climb_to
from tasks.mllp import MllpClient
from tasks.network import tls_context
from tasks.trials import Reach, Trial

__all__ = ["CANARY", "CANARY_SETTINGS", "Hl7Mllp", "Settings", "letters", "open_connector"]

IN_THE_CLEAR = (
    "plain MLLP would send patients in the clear; leave `tls` out, or write `allow_plaintext: true` "
    "when a VPN encrypts the whole way"
)
LETTERS = "there are letters that `charset` does not have; set it to UNICODE UTF-8, or keep to ASCII"
NO_MESSAGE = "`message` names none that writes; choose ADT.A08, SIU.S12, ORM.O01, or one of `messages` that does"
NO_TLS = "plain MLLP, as the settings allow"


def check_host(value: str) -> str:
    """Refuse what is not the name or address of a machine."""
    try:
        return place_of(f"mllp://[{value}]:1" if ":" in value else f"mllp://{value}:1").host
    except ValueError:
        raise ValueError("write the name or address of a machine, such as interface.example.org") from None


def check_file(value: str) -> str:
    """Refuse a reference that is no file: TLS reads certificates from files only."""
    if not value.startswith("file:"):
        raise ValueError("a client certificate is a file: file:/PATH")
    return value


class Settings(Noun):
    """The `settings:` of an integration of this kind."""

    host: Annotated[str, AfterValidator(check_host)]
    port: Annotated[int, Field(ge=1, le=65535)]
    allow_plaintext: bool = False  # somebody vouches for the way: a VPN
    tls: bool = True
    ca_bundle: str | None = None  # PEM file, relative to the configuration
    client_certificate: Annotated[SecretReference, AfterValidator(check_file)] | None = None  # PEM, with its key
    sending_application: Place = "HEAL"
    sending_facility: Place = ""
    receiving_application: Place = ""
    receiving_facility: Place = ""
    version: Version = "2.5.1"
    processing_id: ProcessingId | None = None  # None: P in production, T in test
    charset: Charset | None = None  # None: ASCII, unsaid
    acknowledgement: Mode = Mode.ORIGINAL
    answer_version: Version | None = None  # that acknowledgements must have; None: any
    connections: Annotated[int, Field(ge=1, le=8)] = 1  # many receivers take one only
    keep_alive: bool = True  # False: the receiver hangs up after each message
    canary: bool = False  # made-up patients, appointments and orders may be sent to production
    messages: dict[Operation, Message] = Field(default_factory=dict)
    sends: Hl7Sending | None = None  # None: an application's messages are not sent here
    canary_record: Hl7Canary | None = None  # what may be written there to find out whether it arrives

    @field_validator("tls")
    @classmethod
    def _is_safe_on_the_way(cls, tls: bool, before: ValidationInfo) -> bool:
        """Refuse plain text where others can listen."""
        if not (tls or before.data.get("allow_plaintext") or is_loopback_name(before.data.get("host", ""))):
            raise ValueError(IN_THE_CLEAR)
        return tls

    @field_validator("messages")
    @classmethod
    def _can_be_written(cls, messages: dict[str, Message], before: ValidationInfo) -> dict[str, Message]:
        """Refuse letters that the charset does not have; better now than at each sending."""
        charset = before.data.get("charset")
        if not all(message.is_written_in(charset) for message in messages.values()):
            raise ValueError(LETTERS)
        return messages

    def message(self, operation: str) -> Message | None:
        """What a declared read sends."""
        return self.messages.get(operation) or DEFAULT_MESSAGES.get(operation)

    def envelope(self, environment: Environment) -> Envelope:
        """What MSH says."""
        own = self.model_dump(include=set(Envelope.model_fields) - {"processing_id"})
        usual = "P" if environment is Environment.PRODUCTION else "T"
        return Envelope(**own, processing_id=self.processing_id or usual, mode=self.acknowledgement)


def operations(settings: Settings) -> tuple[str, ...]:
    """The reads that may be declared under these settings."""
    return tuple(sorted({*DEFAULT_MESSAGES, *settings.messages}))


def carries(settings: Settings) -> dict[str, Carried]:
    """What writes goes out, and is good when it was acknowledged; what only asks after the system carries nothing."""
    asks, writes = Carried(direction=None), Carried(direction=Direction.OUT, witnesses=frozenset({Witness.ACK}))
    messages = {name: settings.message(name) for name in operations(settings)}
    return {name: writes if message.writes else asks for name, message in messages.items() if message is not None}


def check_route(value: str) -> str:
    """What the `base_url` of another route must be.

    Raises:
        ValueError: in a sentence that does not repeat it.
    """
    place_of(value)
    return value


def harmless(settings: Settings) -> tuple[str, ...]:
    """Those that change nothing at the receiver."""
    messages = {name: settings.message(name) for name in operations(settings)}
    return tuple(name for name, message in messages.items() if message is not None and not message.writes)


def objections(settings: Settings, entry: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong with an integration as a whole, each with its place in the entry."""
    reads = entry.get("reads")
    for index, read in enumerate(reads if isinstance(reads, list) else ()):
        operation = read.get("operation") if isinstance(read, dict) else None
        message = settings.message(operation) if isinstance(operation, str) else None
        if message and message.writes and not (settings.canary or entry.get("environment") == Environment.TEST):
            says = f"{operation} writes; point it at a test system (`environment: test`), or write `canary: true`"
            yield ("reads", index, "operation"), says
    wanted = settings.canary_record
    if wanted is not None and not is_written(settings.message(wanted.message)):
        yield ("settings", "canary_record", "message"), NO_MESSAGE


def tls_places(integration: Integration) -> dict[str, tuple[str, int]]:
    """Where TLS is spoken, by name, beside the routes."""
    settings = Settings.model_validate(integration.settings)
    return {"main": (settings.host, settings.port)} if settings.tls else {}


def open_connector(context: Context) -> Hl7Mllp:
    """A connector for one integration.

    Raises:
        Misconfigured: when settings or files cannot be used, or a read has no message that may be sent.
    """
    settings, integration = checked_settings(context, Settings), context.integration
    lost = [read.operation for read in integration.reads if settings.message(read.operation) is None]
    wrong = [f"messages: add an entry for {name}" for name in lost]
    wrong += [says for _, says in objections(settings, integration.model_dump())]
    if wrong:
        raise misconfigured(integration.id, *wrong)
    return Hl7Mllp(context, settings)


class Hl7Mllp(WritesCanaries, SendsMessages):
    """One MLLP receiver, as one sending application sees it."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self._context, self._settings = context, settings
        self._id, self._clock = context.integration.id, context.clock
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        main = f"mllp{'s' if settings.tls else ''}://{host}:{settings.port}"
        self._place = place_of(base_url_by_route(context, main, check_route))
        if not (self._place.is_encrypted or settings.allow_plaintext or is_loopback_name(self._place.host)):
            raise misconfigured(self._id, f"routes: {IN_THE_CLEAR}")
        certificate = settings.client_certificate
        own = None if certificate is None else str(context.base / certificate.removeprefix("file:"))
        ca_bundle = bundle(context, settings.ca_bundle)
        self._tls = tls_context(ca_bundle, own) if self._place.is_encrypted else None
        self._envelope = settings.envelope(context.integration.environment)
        self._mllp, self.sending = self._client(), settings.sends
        self.canary = settings.canary_record
        self.canary_message = settings.message(self.canary.message) if self.canary else None

    async def read(self, read: Read) -> Reading:
        """Send one message, once, and wait for what acknowledges it."""
        observed_at = self._clock.now()
        return self._reading(read, observed_at, await self._send(self._mllp, read))

    def _reading(self, read: Read, observed_at: datetime, heard: Heard) -> Reading:
        exchanged, timings = heard.exchanged, heard.exchanged.timings
        return Reading(
            integration_id=self._id,
            observed_at=observed_at,
            operation=read.operation,
            component=read.component,
            outcome=heard.outcome,
            direction=heard.message.direction,
            resource=heard.message.resource,
            rung=heard.rung,
            code=heard.code,
            latency_ms=timings.total_ms if exchanged.outcome is None else None,
            dns_ms=timings.dns_ms,
            connect_ms=timings.connect_ms,
            tls_ms=timings.tls_ms,
            first_byte_ms=timings.first_byte_ms,
            received_bytes=exchanged.received_bytes,
            sent_bytes=exchanged.sent_bytes,
            records=1 if heard.outcome.is_ok else None,
            pool_wait_ms=exchanged.pool_wait_ms,
            connections=self.open_connections,
            clock_skew_s=heard.clock_skew_s,
            request_id=heard.asked_about,
        )

    async def climb(self) -> Ladder:
        """Try name, TCP, TLS, and one message over a connection of its own: a harmless one, if any is declared."""
        began, limit_s = self._clock.now(), self._context.tuning.deadline_s
        client = self._client(settles=True)
        reads = self._context.integration.reads
        harmless = [read for read in reads if not self._message(read).writes]
        tls = self._tls or absent(Rung.TLS, NO_TLS)
        try:
            lookup = self._context.integration.lookup
            lower = await climb_to(self._place.host, self._place.port, tls, limit_s, began, lookup)
            if any(step.verdict is Verdict.FAILED for step in lower):
                return Ladder.of(self._id, began, lower)
            upper = told(await self._send(client, (*harmless, *reads)[0]))
            return Ladder.of(self._id, began, (*lower, *upper))
        finally:
            await client.aclose()

    @property
    def reach(self) -> Reach:
        """Where the receiver listens."""
        return Reach(self._place.host, self._place.port, self._tls, self._context.integration.lookup)

    def trials(self) -> tuple[Trial, ...]:
        """Nothing: whatever is asked of a receiver is a message."""
        return ()

    async def aclose(self) -> None:
        """Close every socket."""
        await self._mllp.aclose()

    @property
    def open_connections(self) -> int:
        """Sockets open now."""
        return self._mllp.open_connections

    def __repr__(self) -> str:
        return f"Hl7Mllp({self._id})"

    def _client(self, *, settles: bool = False) -> MllpClient:
        return MllpClient(
            self._place,
            self._tls,
            deadline_s=self._context.tuning.deadline_s,
            connections=self._settings.connections,
            keep_alive=self._settings.keep_alive and not self._context.tuning.is_afresh,
            settles=settles,
            lookup=self._context.integration.lookup,
        )

    def _message(self, read: Read) -> Message:
        message = self._settings.message(read.operation)
        if message is None:
            raise misconfigured(self._id, f"messages: add an entry for {read.operation}")
        return message

    async def _send(self, client: MllpClient, read: Read) -> Heard:
        return await self._exchange(client, self._message(read), fresh_id())

    async def _exchange(self, client: MllpClient, message: Message, control_id: str) -> Heard:
        content = composed(message, self._envelope, control_id, self._clock.now())
        sent = Sent(control_id.encode("ascii"), self._settings.charset, self._settings.answer_version)
        dialogue = Dialogue(sent, self._envelope, self._clock)
        exchanged = await client.exchange(content, dialogue)
        return dialogue.ended(exchanged, message)
