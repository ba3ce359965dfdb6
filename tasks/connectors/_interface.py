"""What a connector is, and the capabilities that it may have.

A connector file offers two things: `Settings`, a pydantic model that checks the `settings:` of an
integration, and `open_connector(context)`, which returns an object with the methods below. A capability is
simply had: a remedy that `needs` RenewsCredentials works on every connector that has `renew`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from models.credential import Credential
from models.credentials import PublishedKey
from models.integration import Integration, Read
from models.ladder import Ladder
from models.noun import RecordId
from models.reading import Reading
from models.reconciliation import Reconciliation
from models.sending import Answer, Sending, Word
from models.surface import Surface, Uses
from models.tuning import Tuning
from tasks.clock import Clock
from tasks.sketches import Sketches
from tasks.trials import Reach, Trial

Record = dict[str, Any]  # one record of theirs, as JSON has it; a table's row is one too


@dataclass(frozen=True)
class Context:
    """Everything a connector is opened with."""

    integration: Integration
    clock: Clock
    home: Path  # where the token store lives
    tuning: Tuning
    base: Path = Path()  # where relative files of the configuration start from: its own directory
    sketches: Sketches = field(default_factory=Sketches, compare=False, repr=False)  # shapes of good answers go here


class Connector(Protocol):
    """How we talk to one kind of system. Every trouble on the other side is a value, never a raise."""

    async def read(self, read: Read) -> Reading:
        """Make one call, once, and say how it went."""
        ...

    async def climb(self) -> Ladder:
        """Try each rung of the ladder in isolation with fresh connections."""
        ...

    async def aclose(self) -> None:
        """Close every socket."""
        ...

    @property
    def open_connections(self) -> int:
        """Sockets open now."""
        ...


@runtime_checkable
class RenewsCredentials(Protocol):
    """Can replace its token or session."""

    async def renew(self) -> Reading:
        """Give up the present token or session properly, obtain a new one, and say how that went.

        Single flight across tasks and processes: whoever waits gets the other's result.
        """
        ...

    def credential(self) -> Credential:
        """What is known of the present token."""
        ...


@runtime_checkable
class SaysWhetherAgain(Protocol):
    """Is told by the other side whether the same call may be made again."""

    def may_repeat(self, reading: Reading) -> bool:
        """Whether the call behind this reading may be repeated, unchanged."""
        ...


@runtime_checkable
class AsksInPages(Protocol):
    """Says in its reads how large a page shall be, and makes it smaller as the tuning says."""

    @property
    def page_size(self) -> int | None:
        """Records on the largest page that it asks for now; None: no read says."""
        ...


@runtime_checkable
class AsksForMediaTypes(Protocol):
    """Says which media types it takes, and takes others too where the tuning says so."""

    @property
    def accepts(self) -> str:
        """As the Accept header has it now."""
        ...


@runtime_checkable
class PublishesKey(Protocol):
    """Signs with a private key whose public half it publishes for the other side to verify with."""

    async def published_key(self) -> PublishedKey | None:
        """Go and see whether the published keys hold ours; None: it publishes none, or nobody answered."""
        ...


@runtime_checkable
class ShowsKeys(Protocol):
    """Speaks SSH: both sides have keys whose fingerprints are public, as `SHA256:` and base64; None: not seen yet."""

    @property
    def host_key_fingerprint(self) -> str | None:
        """Of the other side's key."""
        ...

    @property
    def user_key_fingerprint(self) -> str | None:
        """Of ours."""
        ...


@runtime_checkable
class ConfirmsWrites(Protocol):
    """Can write a harmless record of ours, and look whether it is there.

    A file whose connector has it says so with `CANARY`, the operation under which such a write is recorded.
    """

    async def write(self, canary: str) -> tuple[Reading, RecordId | None]:
        """Write one record that bears this key, once; how that went, and a receipt when it was accepted.

        It must harm nobody, say what it is, and stay single when the same key is written again.
        """
        ...

    async def landed(self, receipt: RecordId) -> bool | None:
        """Whether it is there; None when nobody could tell."""
        ...


@runtime_checkable
class Sends(Protocol):
    """Can bring a message over, and ask whether one is there.

    A file whose connector has it offers `letters(written)`: the messages in what an application hands over, or
    `models.noun.Advice` in a sentence that quotes nothing. Whatever goes wrong on the other side is a value.
    """

    @property
    def sending(self) -> Sending | None:
        """How it may be done; None: nothing may be sent."""
        ...

    async def send(self, content: bytes) -> Answer:
        """Send one message, once; what that came to."""
        ...

    async def ask(self, content: bytes) -> Word:
        """Ask whether this message, by its control id or identifier, is there; nothing is changed by it."""
        ...


@runtime_checkable
class SurveysSurface(Protocol):
    """Can ask the other side what it says of itself."""

    async def survey(self) -> tuple[Surface, ...]:
        """Each part that could be read, within the deadline of one call; no session or token is obtained for it."""
        ...

    def uses(self) -> Uses:
        """What of that the declared reads need."""
        ...


@runtime_checkable
class TriedInParts(Protocol):
    """Can be tried part by part, for what its ladder alone cannot tell apart (tasks.isolate)."""

    @property
    def reach(self) -> Reach | None:
        """Where it takes connections; None: no network of ours leads there."""
        ...

    def trials(self) -> tuple[Trial, ...]:
        """What may be asked beside the reads: of nobody, as nobody, or with the token in hand."""
        ...


@runtime_checkable
class ShowsRecords(Protocol):
    """Can hand out the records of a span, to be compared with what was landed (tasks.reconcile).

    A file whose connector has it may offer `record_operations(settings)`: the operations by which records can be
    read, where they are others than its reads. Whatever goes wrong on the other side is a reading. Calls go by the
    tuning, the governor and the deadline of this connector like every other.
    """

    async def count_records(self, wanted: Reconciliation, since: datetime, until: datetime) -> int | None:
        """How many records of [since, until) they have, at the cost of one small call; None: they cannot say."""
        ...

    async def records(
        self, wanted: Reconciliation, since: datetime, until: datetime, take: Callable[[list[Record]], None]
    ) -> Reading:
        """Read the records of [since, until), page by page; what was read is taken, also when the rest fails."""
        ...
