"""A clearinghouse for eligibility: X12 270 in; 271, 999 or TA1 out. Plain over HTTP, in CORE's form, or over folders.

It keeps what real ones insist on: a control number is accepted once (else TA1 note 025), a count that does not fit is
a 999, an unknown payer or member is an AAA of a 271.
"""

from __future__ import annotations

import base64
import hmac
import re
from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field, NonNegativeFloat

from simulator.clock import Clock
from simulator.faults import Fault
from simulator.messages import Request, Response, text_response
from simulator.weather import Weather

PLAIN_PATH, CORE_PATH = "/x12", "/core"
OPERATION = "Eligibility.inquiry"
PAYER, NPI, SUBMITTER, OURS = "TVP01", "1999999984", "HEALTEST", "CLINICCLEAR"
VERSION = "005010X279A1"
BENEFITS = ("EB*1**30", "EB*1**AL*HM*TEST VISION PLAN", "EB*C*IND*30***23*500", "EB*B**AL***27*25")
ONLY = ("clearinghouse",)


class Ta1Reject(Fault):
    """The interchange is rejected by a TA1 with this note."""

    systems: ClassVar[tuple[str, ...]] = ONLY
    note: str = Field(default="003", pattern="^0[0-3][0-9]$")


class FunctionalReject(Fault):
    """The group is rejected by a 999, with one segment and two elements in error."""

    systems: ClassVar[tuple[str, ...]] = ONLY


class Aaa(Fault):
    """The 271 rejects with an AAA of this reason and follow-up action, in this loop."""

    systems: ClassVar[tuple[str, ...]] = ONLY
    reason: str = Field(default="42", pattern="^[0-9A-Z]{2}$")
    loop: Literal["2000A", "2100A", "2100B", "2100C", "2110C"] = "2100A"
    follow_up: Literal["C", "N", "P", "R", "S", "W", "X", "Y"] = "R"


class SlowPayer(Fault):
    """The payer is waited for, real milliseconds long, and then given up (AAA 80 in loop 2100A)."""

    systems: ClassVar[tuple[str, ...]] = ONLY
    wait_ms: NonNegativeFloat = 500


class WrongTrace(Fault):
    """The 271 is the answer to somebody else's inquiry."""

    systems: ClassVar[tuple[str, ...]] = ONLY


class NoBenefits(Fault):
    """The 271 names the member, and says nothing of benefits."""

    systems: ClassVar[tuple[str, ...]] = ONLY


class Garbage(Fault):
    """What comes back is no X12."""

    systems: ClassVar[tuple[str, ...]] = ONLY


@dataclass(frozen=True, slots=True)
class Login:
    """What the submitter was given."""

    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Member:
    """The one member that this payer knows."""

    id: str = "TEST000001"
    last_name: str = "TESTMEMBER"
    first_name: str = "SYNTHETIC"
    birth_date: str = "19700101"


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is read of a 270."""

    control: str
    group: str
    transaction: str
    trace: str
    payer: str
    member: str
    is_counted: bool  # SE01 fits


class Clearinghouse:
    """The application behind the port, and behind the folders."""

    operations = frozenset({OPERATION})

    def __init__(self, login: Login, member: Member, clock: Clock, weather: Weather, rng: Random) -> None:
        self._login, self._member = login, member
        self._clock, self._weather, self._rng = clock, weather, rng
        self._used: set[str] = set()  # ISA13 of what was accepted
        self._number = 0  # our own control numbers
        self._counts = {"accepted": 0, "refused": 0}

    def operation(self, request: Request) -> str:
        """`Eligibility.inquiry`, or `unknown`."""
        return OPERATION if request.path in {PLAIN_PATH, CORE_PATH} else "unknown"

    def is_data(self, _: str) -> bool:
        """There is nothing but data: the log-in comes with it."""
        return True

    def journal(self) -> dict[str, Any]:
        """Inquiries accepted and refused."""
        return {"tokens": {}, "sessions": {}, "inquiries": dict(self._counts)}

    def problem(self, status: int, code: str, says: str) -> Response:
        """An error in plain text."""
        return text_response(status, f"{code}: {says}")

    def answer(self, request: Request) -> Response:
        """Serve one request."""
        if self.operation(request) == "unknown":
            return self.problem(404, "not-found", "There is no such service.")
        if request.method != "POST":
            return self.problem(405, "not-supported", "POST only.").with_headers({"Allow": "POST"})
        return self._core(request.body) if request.path == CORE_PATH else self._plain(request)

    def exchange(self, message: str) -> list[str]:
        """What is sent back for one 270: an interchange, or garbage."""
        if self._weather.find(Garbage):
            return ["Dear partner, TESTMEMBER is on file. Kind regards"]
        inquiry = read_inquiry(message)
        rejected = self._weather.find(Ta1Reject)
        note = rejected.note if rejected else "025" if inquiry.control in self._used else None
        self._counts["refused" if note else "accepted"] += 1
        if note:
            return [self._sealed(f"TA1*{inquiry.control}*{self._today()}*R*{note}")]
        self._used.add(inquiry.control)
        if self._weather.find(FunctionalReject) or not inquiry.is_counted:
            return [self._checked(inquiry)]
        return [self._answered(inquiry)]

    def _plain(self, request: Request) -> Response:
        if not self._knows(*_basic(request)):
            return self.problem(401, "login", "Who are you?").with_headers({"WWW-Authenticate": "Basic"})
        message = "".join(self.exchange(request.body.decode("latin-1")))
        return text_response(200, message, "application/EDI-X12")

    def _core(self, body: bytes) -> Response:
        fields = read_form(body)
        if not self._knows(fields.get("UserName", ""), fields.get("Password", "")):
            return self._form("CoreEnvelopeError", "UnAuthorized", "")
        missing = next((name for name in ("PayloadType", "PayloadID", "Payload") if not fields.get(name)), None)
        if missing:
            return self._form("CoreEnvelopeError", f"{missing}Required", "")
        return self._form(f"X12_271_Response_{VERSION}", "Success", "".join(self.exchange(fields["Payload"])))

    def _form(self, kind: str, error: str, payload: str) -> Response:
        boundary = f"clinic{UUID(int=self._rng.getrandbits(128)).hex}"
        fields = {"PayloadType": kind, "ProcessingMode": "RealTime", "SenderID": OURS, "ReceiverID": SUBMITTER}
        fields |= {"CORERuleVersion": "2.2.0", "ErrorCode": error, "ErrorMessage": "", "Payload": payload}
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in fields.items()
        ]
        return text_response(200, "".join(parts) + f"--{boundary}--\r\n", f"multipart/form-data; boundary={boundary}")

    def _knows(self, user: str, password: str) -> bool:
        return user == self._login.user and hmac.compare_digest(password, self._login.password)

    def _today(self) -> str:
        now: datetime = self._clock.now()
        return now.strftime("%y%m%d*%H%M")

    def _sealed(self, *segments: str, group: str = "") -> str:
        """One interchange of ours around these segments, in a group if they belong into one."""
        self._number += 1
        isa = (
            f"ISA*00*{'':10}*00*{'':10}*ZZ*{OURS:15}*ZZ*{SUBMITTER:15}*{self._today()}*^*00501*{self._number:09}*0*T*:"
        )
        inside = list(segments)
        if group:
            inside = [f"GS*{group}*{OURS}*{SUBMITTER}*20{self._today()}*1*X*{VERSION}", *segments, "GE*1*1"]
        return "~".join([isa, *inside, f"IEA*{1 if group else 0}*{self._number:09}", ""])

    def _checked(self, inquiry: Inquiry) -> str:
        """A 999 that rejects."""
        body = [
            "ST*999*0001*005010X231A1",
            f"AK1*HS*{inquiry.group}*{VERSION}",
            f"AK2*270*{inquiry.transaction}*{VERSION}",
            "IK3*NM1*8*2100*8",
            "IK4*3*1035*1*TESTMEMBER",
            "IK4*9*67*7*TEST000001",
            "IK5*R*5",
            "AK9*R*1*1*0",
        ]
        return self._sealed(*body, f"SE*{len(body) + 1}*0001", group="FA")

    def _answered(self, inquiry: Inquiry) -> str:
        """A 271: benefits, or the AAA that says why not."""
        rejection = self._rejection(inquiry)
        trace = "SOMEBODYELSE1" if self._weather.find(WrongTrace) else inquiry.trace
        now = f"20{self._today()}"
        loops = {
            "2000A": ["HL*1**20*1"],
            "2100A": [f"NM1*PR*2*TEST VISION PLAN*****PI*{inquiry.payer}"],
            "2000B": ["HL*2*1*21*1"],
            "2100B": [f"NM1*1P*2*TEST OPTICAL*****XX*{NPI}"],
            "2000C": ["HL*3*2*22*0", f"TRN*2*{trace}*9HEALPROBE"],
            "2100C": [f"NM1*IL*1*{self._member.last_name}*{self._member.first_name}****MI*{inquiry.member}"],
            "2110C": [] if self._weather.find(NoBenefits) else list(BENEFITS),
        }
        if rejection is not None:
            loops[rejection.loop].append(f"AAA*N**{rejection.reason}*{rejection.follow_up}")
            if rejection.loop == "2110C":
                loops["2110C"] = [BENEFITS[0], loops["2110C"][-1]]
            loops = {name: inside for name, inside in loops.items() if reaches(name, rejection.loop)}
        body = ["ST*271*0001*005010X279A1", f"BHT*0022*11*{trace}*{now}", *(s for loop in loops.values() for s in loop)]
        return self._sealed(*body, f"SE*{len(body) + 1}*0001", group="HB")

    def _rejection(self, inquiry: Inquiry) -> Aaa | None:
        if (fault := self._weather.find(Aaa)) is not None:
            return fault
        if self._weather.find(SlowPayer):
            return Aaa(reason="80", loop="2100A", follow_up="R")
        if inquiry.payer != PAYER:
            return Aaa(reason="79", loop="2100A", follow_up="C")
        if inquiry.member != self._member.id:
            return Aaa(reason="75", loop="2100C", follow_up="C")
        return None


ORDER = ("2000A", "2100A", "2000B", "2100B", "2000C", "2100C", "2110C")


def reaches(loop: str, until: str) -> bool:
    """Whether a 271 that rejects in `until` still has this loop."""
    return ORDER.index(loop) <= ORDER.index(until)


def read_inquiry(message: str) -> Inquiry:
    """What matters of a 270; what is not there is empty."""
    terminator, element = message[105:106] or "~", message[3:4] or "*"
    segments = [segment.strip().split(element) for segment in message.split(terminator) if segment.strip()]
    first: dict[str, list[str]] = {}
    for segment in segments:
        first.setdefault(f"NM1{segment[1]}" if segment[0] == "NM1" else segment[0], [*segment, *([""] * 16)])
    names = [segment[0] for segment in segments]
    length = names.index("SE") - names.index("ST") + 1 if {"SE", "ST"} <= set(names) else -1

    def element_of(name: str, at: int) -> str:
        return first.get(name, [""] * 20)[at]

    return Inquiry(
        control=element_of("ISA", 13),
        group=element_of("GS", 6),
        transaction=element_of("ST", 2),
        trace=element_of("TRN", 2),
        payer=element_of("NM1PR", 9),
        member=element_of("NM1IL", 9),
        is_counted=element_of("SE", 1) == str(length),
    )


def read_form(body: bytes) -> dict[str, str]:
    """The fields of a multipart form; its boundary is the first line."""
    text = body.decode("latin-1")
    boundary = text.split("\r\n", 1)[0]
    fields = {}
    for part in text.split(boundary)[1:-1]:
        head, _, content = part.partition("\r\n\r\n")
        if name := re.search(r'name="(\w+)"', head):
            fields[name[1]] = content.removesuffix("\r\n")
    return fields


def _basic(request: Request) -> tuple[str, str]:
    """User and password of the Authorization header; empty when it holds none."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    user, _, password = base64.b64decode(text).decode("latin-1").partition(":")
    return user, password
