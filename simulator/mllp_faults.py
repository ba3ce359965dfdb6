"""What can go wrong with an acknowledgement over MLLP."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import PositiveFloat, PositiveInt

from simulator.faults import Fault, Probability

MLLP = ("mllp",)


class AckError(Fault):
    """A share of messages is refused with `code`, and not kept; `where` says how old the receiver's HL7 is."""

    systems: ClassVar[tuple[str, ...]] = MLLP
    code: Literal["AE", "AR", "CE", "CR"] = "AE"
    error: PositiveInt | None = 207  # HL7 table 0357; None: the code alone
    where: Literal["ERR-3", "ERR-1", "MSA-6"] = "ERR-3"
    share: Probability = 1.0
    operation: str | None = None


class NoAck(Fault):
    """Messages are kept and never acknowledged; `application`: after the commit acknowledgement."""

    systems: ClassVar[tuple[str, ...]] = MLLP
    missing: Literal["all", "application"] = "all"
    operation: str | None = None


class LateAck(Fault):
    """Acknowledgements come `delay_s` real seconds late."""

    systems: ClassVar[tuple[str, ...]] = MLLP
    delay_s: PositiveFloat
    operation: str | None = None


class WrongAckId(Fault):
    """Acknowledgements name another message (MSA-2)."""

    systems: ClassVar[tuple[str, ...]] = MLLP
    operation: str | None = None


class AckGarbage(Fault):
    """What comes back is no acknowledgement: noise, an HTTP answer, one without its frame, or a frame without HL7."""

    systems: ClassVar[tuple[str, ...]] = MLLP
    kind: Literal["noise", "http", "unframed", "not_hl7"] = "noise"
    operation: str | None = None


class CloseAfterReceive(Fault):
    """Messages are kept, and the connection is closed instead of an acknowledgement."""

    systems: ClassVar[tuple[str, ...]] = MLLP
    operation: str | None = None


class IdleClose(Fault):
    """Connections on which nothing came for `after_s` real seconds are closed."""

    systems: ClassVar[tuple[str, ...]] = MLLP
    after_s: PositiveFloat


class DropAfterAck(Fault):
    """A share of messages is accepted with AA and then lost: accepted is not landed."""

    systems: ClassVar[tuple[str, ...]] = MLLP
    share: Probability = 1.0
    operation: str | None = None


class SlowAck(Fault):
    """Acknowledgements trickle in, `bytes_per_s` real."""

    systems: ClassVar[tuple[str, ...]] = MLLP
    bytes_per_s: PositiveFloat = 20.0
    operation: str | None = None


class LostAcks(Fault):
    """A share of messages ends in a cut line: `ack`, after it is kept; `message`, before; `either`, half of each."""

    systems: ClassVar[tuple[str, ...]] = MLLP
    share: Probability = 0.1
    lost: Literal["ack", "message", "either"] = "ack"
    operation: str | None = None


class Poison(Fault):
    """A message whose control id ends so makes the engine cut the line, whenever it comes; it is never kept."""

    systems: ClassVar[tuple[str, ...]] = MLLP
    id_ends: str


class KeepsCopies(Fault):
    """The engine does not look at control ids: it keeps every copy that it gets, as many do."""

    systems: ClassVar[tuple[str, ...]] = MLLP


class NoQueries(Fault):
    """The query by control id is refused: this engine has no such thing."""

    systems: ClassVar[tuple[str, ...]] = MLLP
