"""The eligibility inquiry: one X12 270 (005010X279A1) for one test member, as a real-time transaction."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, StringConstraints

from models.noun import Advice, Noun
from models.x12 import Sent

VERSION = "005010X279A1"
ORIGIN = "9HEALPROBE"  # TRN03: who gave the trace, ten characters; 9: by agreement between the parties
LAST_CONTROL = 999_999_999  # ISA13 has nine digits
BASIC = re.compile(r"^[A-Z0-9!\"&'()+,./;?=@ %_{}\[\]|<>#$-]*$")  # X12's basic and extended sets less our delimiters
BIRTH_DATE = re.compile(r"^[0-9]{8}$")

Code2 = Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{2}$")]
PartyId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,14}$")]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9 .,'&/-]{0,59}$")]
PayerId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{2,80}$")]
ServiceType = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{1,2}$")]


def check_npi(value: str) -> str:
    """Refuse a number that its own check digit does not fit (45 CFR 162.406: Luhn, with 80840 before it).

    Raises:
        Advice: with a sentence that does not repeat it.
    """
    digits = [int(digit) for digit in f"80840{value}"] if re.fullmatch("[0-9]{10}", value) else [1]
    doubled = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))]  # noqa: PLR2004
    if sum(doubled) % 10:
        raise Advice("this is no NPI: ten digits, of which the last fits the others; put it in quotes")
    return value


class Party(Noun):
    """One side of the interchange, as ISA and GS name it."""

    id: PartyId
    qualifier: Code2 = "ZZ"  # mutually defined
    group: PartyId | None = None  # GS02 or GS03; None: the same as `id`


class Payer(Noun):
    """Who is asked (NM1*PR)."""

    name: Name
    id: PayerId
    qualifier: Code2 = "PI"


class Provider(Noun):
    """Who asks (NM1*1P)."""

    name: Name
    npi: Annotated[str, AfterValidator(check_npi)]


class Subscriber(Noun):
    """The test member. Its number, name and birth date come by reference and are never shown."""

    member_id: SecretStr = Field(repr=False)
    last_name: SecretStr = Field(repr=False)
    first_name: SecretStr = Field(repr=False)
    birth_date: SecretStr = Field(repr=False)  # YYYYMMDD

    def mistakes(self) -> tuple[str, ...]:
        """Which of its parts cannot stand in a message; their names only."""
        wrong = [
            name
            for name in Subscriber.model_fields
            if not BASIC.match(self._plain(name)) or not 1 <= len(self._plain(name)) <= 60  # noqa: PLR2004 - NM103
        ]
        if not BIRTH_DATE.match(self._plain("birth_date")):
            wrong.append("birth_date")
        return tuple(dict.fromkeys(wrong))

    def _plain(self, name: str) -> str:
        value: SecretStr = getattr(self, name)
        return value.get_secret_value().upper()

    def segments(self, trace: str) -> tuple[str, ...]:
        """The subscriber's loop, 2000C."""
        return (
            "HL*3*2*22*0",
            f"TRN*1*{trace}*{ORIGIN}",
            f"NM1*IL*1*{self._plain('last_name')}*{self._plain('first_name')}****MI*{self._plain('member_id')}",
            f"DMG*D8*{self._plain('birth_date')}",
        )


class Inquiry(Noun):
    """Everything about the inquiry that does not change from one to the next."""

    sender: Party
    receiver: Party
    payer: Payer
    provider: Provider
    service_type: ServiceType = "30"  # health benefit plan coverage; AL: vision
    usage: Literal["P", "T"] = "T"

    def written(self, member: Subscriber, sent: Sent, as_of: datetime) -> bytes:
        """The message.

        Args:
            member: whom it is about.
            sent: its control number, which was never used before, and its trace.
            as_of: now, in the time zone that the message shall speak.
        """
        control, day, hour = sent.control, as_of.strftime("%Y%m%d"), as_of.strftime("%H%M")
        sender, receiver = self.sender, self.receiver
        isa = (
            f"ISA*00*{'':10}*00*{'':10}*{sender.qualifier}*{sender.id:15}*{receiver.qualifier}*{receiver.id:15}"
            f"*{day[2:]}*{hour}*^*00501*{control:09}*0*{self.usage}*:"
        )
        groups = f"{sender.group or sender.id}*{receiver.group or receiver.id}"
        body = (
            f"ST*270*{control:09}*{VERSION}",
            f"BHT*0022*13*{sent.trace}*{day}*{hour}",
            "HL*1**20*1",
            f"NM1*PR*2*{self.payer.name.upper()}*****{self.payer.qualifier}*{self.payer.id}",
            "HL*2*1*21*1",
            f"NM1*1P*2*{self.provider.name.upper()}*****XX*{self.provider.npi}",
            *member.segments(sent.trace),
            f"DTP*291*D8*{day}",
            f"EQ*{self.service_type}",
        )
        segments = (
            isa,
            f"GS*HS*{groups}*{day}*{hour}*{control}*X*{VERSION}",
            *body,
            f"SE*{len(body) + 1}*{control:09}",
            f"GE*1*{control}",
            f"IEA*1*{control:09}",
        )
        return "~".join((*segments, "")).encode("ascii")


def following(control: int | None, as_of: datetime) -> int:
    """The control number after this one.

    Without one (the first inquiry, or its file is lost) the count begins at the seconds of the clock: higher than
    what inquiries at most once a second have used up before.
    """
    if control is None or not 0 < control <= LAST_CONTROL:
        return int(as_of.timestamp()) % LAST_CONTROL or 1
    return control % LAST_CONTROL + 1
