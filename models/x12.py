"""X12: the few facts that a 271, 999 or TA1 tells about a connection, read from whatever a peer sends.

Only what is looked for is kept: codes from closed lists, counts, and whether control numbers are ours. No name, no
member number and no text of a message gets into what this page returns. Nothing here raises.

ASC X12 005010: interchange control structure (X12.5, X12.6), 271 as of 005010X279A1, 999 as of 005010X231A1.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, NamedTuple

from pydantic import NonNegativeInt, StringConstraints

from models.noun import Noun

LARGEST = 1 << 20  # bytes of one body
MOST_SEGMENTS = 20_000  # a 271 for one member has some hundred
MOST_ELEMENTS = 60  # of one segment; the longest of these guides, EB, has 13
MOST_REJECTIONS = 50  # kept; a guide allows nine at each place
ISA_LENGTH = 106  # bytes with the segment terminator: the only segment of fixed width
ISA_SEPARATORS = (3, 6, 17, 20, 31, 34, 50, 53, 69, 76, 81, 83, 89, 99, 101, 103)  # where they must stand
COMPONENT_AT, TERMINATOR_AT = 104, 105
LEVELS = {
    "20": "a",
    "21": "b",
    "22": "c",
    "23": "d",
}  # HL03: source (payer), receiver (provider), subscriber, dependent
DIGITS = re.compile(r"^[0-9]{1,9}$")

Letter = Annotated[str, StringConstraints(pattern=r"^[A-Z]$")]
Loop = Annotated[str, StringConstraints(pattern=r"^(?:2000|2100|2110|2120)[a-d]$|^header$")]


class Sent(NamedTuple):
    """By what our inquiry can be told from others: its control numbers, which are no secret."""

    control: int  # ISA13, GS06 and ST02
    trace: str  # TRN02 and BHT03


class Acknowledged(Noun):
    """One TA1: what became of an interchange."""

    is_ours: bool  # TA101 is the number that we sent
    verdict: Letter | None = None  # A accepted, E with errors, R rejected; None: something else
    note: Annotated[str, StringConstraints(pattern=r"^[0-9]{3}$")] | None = None

    @property
    def refuses(self) -> bool:
        """Whether nothing of the interchange was taken."""
        return self.verdict == "R"


class Checked(Noun):
    """One 999 (or 997): what became of a functional group."""

    is_ours: bool  # AK102 is the number that we sent
    verdict: Letter | None = None  # AK901: A, E, P partially, R rejected, M, W, X
    segments_in_error: NonNegativeInt = 0  # IK3 (AK3)
    elements_in_error: NonNegativeInt = 0  # IK4 (AK4)

    @property
    def refuses(self) -> bool:
        """Whether nothing of the group was taken."""
        return self.verdict in {"R", "M", "W", "X"}


class Rejection(Noun):
    """One AAA of a 271: who could not answer, and why."""

    loop: Loop
    reason: Annotated[str, StringConstraints(pattern=r"^[0-9A-Z]{2}$")] | None = None  # AAA03
    follow_up: Letter | None = None  # AAA04


class Told(Noun):
    """Everything that one body tells."""

    interchanges: NonNegativeInt = 0
    is_whole: bool = True  # every interchange, group and transaction ends as its trailer says
    acknowledged: tuple[Acknowledged, ...] = ()
    checked: tuple[Checked, ...] = ()
    answers: NonNegativeInt = 0  # 271 transactions
    others: NonNegativeInt = 0  # transactions of another kind
    is_ours: bool | None = None  # the trace of a 271 is the one that we sent; None: no 271 carries one
    rejections: tuple[Rejection, ...] = ()
    benefits: NonNegativeInt = 0  # EB

    @property
    def refusals(self) -> tuple[Acknowledged | Checked, ...]:
        """What took nothing of an inquiry, the lower layer first."""
        acknowledged = [one for one in self.acknowledged if one.refuses]
        return (*acknowledged, *(one for one in self.checked if one.refuses))

    @property
    def own_refusals(self) -> tuple[Acknowledged | Checked, ...]:
        """Those of our own inquiry; a file may hold others' too."""
        return tuple(one for one in self.refusals if one.is_ours)


def read_x12(body: bytes, sent: Sent) -> Told | None:
    """What a body tells; None when it is no X12 at all, or too much of it."""
    if len(body) > LARGEST:
        return None
    text, reader = body.decode("latin-1"), _Reader(sent)
    at = _skip(text, 0)
    while at < len(text):
        marks = _marks(text, at)
        if marks is None:
            return reader.told(broken=True) if reader.interchanges else None
        at = _skip(text, _listen(reader, text, at, *marks))
        if reader.segments >= MOST_SEGMENTS:
            return None
    return reader.told() if reader.interchanges else None


def _skip(text: str, at: int) -> int:
    """Where something begins: past line ends, and the byte order mark that some editors write."""
    while at < len(text) and text[at] in "\r\n \t\x00\xef\xbb\xbf":
        at += 1
    return at


def _marks(text: str, at: int) -> tuple[str, str] | None:
    """The element separator and segment terminator of the ISA that begins here; None when none does."""
    header = text[at : at + ISA_LENGTH]
    if len(header) < ISA_LENGTH or not header.startswith("ISA"):
        return None
    element, component, terminator = header[ISA_SEPARATORS[0]], header[COMPONENT_AT], header[TERMINATOR_AT]
    differ = len({element, component, terminator}) == 3  # noqa: PLR2004 - all three
    are_marks = not any(map(str.isalnum, (element, component, terminator)))
    in_place = all(header[place] == element for place in ISA_SEPARATORS)
    return (element, terminator) if differ and are_marks and in_place else None


def _listen(reader: _Reader, text: str, at: int, element: str, terminator: str) -> int:
    """Hand over the segments of one interchange; returns where it ends."""
    while at < len(text) and reader.segments < MOST_SEGMENTS:
        found = text.find(terminator, at)
        end = len(text) if found < 0 else found
        segment = text[at:end].strip("\r\n ")
        at = end + 1
        if segment:
            reader.take(segment.split(element, MOST_ELEMENTS))
        if segment.startswith(f"IEA{element}"):
            break
    reader.close()
    return at


class _Reader:
    """Goes through the segments once, and remembers where it is."""

    def __init__(self, sent: Sent) -> None:
        self._sent = sent
        self.segments = self.interchanges = 0
        self._is_whole = True
        self._control: str | None = None  # ISA13 of the interchange that is open
        self._kind: str | None = None  # ST01 of the transaction that is open
        self._began_at = 0  # its ST, as a count of segments
        self._level: str | None = None
        self._loop = "header"
        self._acknowledged: list[Acknowledged] = []
        self._checked: list[Checked] = []
        self._group_is_ours = False
        self._errors = [0, 0]
        self._answers = self._others = self._benefits = 0
        self._rejections: list[Rejection] = []
        self._traces: list[bool] = []  # TRN02 of a trace that is given back (TRN01 = 2)
        self._references: list[bool] = []  # BHT03

    def take(self, segment: list[str]) -> None:
        """One segment, as its elements; of those that are not looked for, only the count."""
        self.segments += 1
        name, elements = segment[0], [*segment[1:], *([""] * 13)]
        if (heard := HEARD.get(name)) is not None:
            heard(self, elements)

    def close(self) -> None:
        """The interchange is over, with or without its IEA."""
        self._is_whole &= self._control is None and self._kind is None
        self._control = self._kind = None

    def told(self, *, broken: bool = False) -> Told:
        """Everything so far."""
        traces = self._traces or self._references
        return Told(
            interchanges=self.interchanges,
            is_whole=self._is_whole and not broken,
            acknowledged=tuple(self._acknowledged),
            checked=tuple(self._checked),
            answers=self._answers,
            others=self._others,
            is_ours=any(traces) if traces else None,
            rejections=tuple(self._rejections),
            benefits=self._benefits,
        )

    def _is_control(self, text: str) -> bool:
        return bool(DIGITS.match(text)) and int(text) == self._sent.control

    def isa(self, elements: list[str]) -> None:
        """Interchange header."""
        self.interchanges += 1
        self._control = elements[12]

    def iea(self, elements: list[str]) -> None:
        """Interchange trailer."""
        self._is_whole &= elements[1] == self._control
        self._control = None

    def ta1(self, elements: list[str]) -> None:
        """Interchange acknowledgment."""
        verdict, note = elements[3], elements[4]
        self._acknowledged.append(
            Acknowledged(
                is_ours=self._is_control(elements[0]),
                verdict=verdict if verdict in {"A", "E", "R"} else None,
                note=note if re.fullmatch("[0-9]{3}", note) else None,
            )
        )

    def st(self, elements: list[str]) -> None:
        """Transaction header."""
        self._is_whole &= self._kind is None
        self._kind, self._began_at = elements[0], self.segments
        self._level, self._loop = None, "header"
        if self._kind == "271":
            self._answers += 1
        elif self._kind not in {"999", "997"}:
            self._others += 1

    def se(self, elements: list[str]) -> None:
        """Transaction trailer, with the number of its segments."""
        count = self.segments - self._began_at + 1
        self._is_whole &= self._kind is not None and elements[0].lstrip("0") == str(count)
        self._kind = None

    def ak1(self, elements: list[str]) -> None:
        """Which group a 999 is about."""
        self._group_is_ours, self._errors = self._is_control(elements[1]), [0, 0]

    def ik3(self, _: list[str]) -> None:
        """A segment in error."""
        self._errors[0] += 1

    def ik4(self, _: list[str]) -> None:
        """An element in error."""
        self._errors[1] += 1

    def ak9(self, elements: list[str]) -> None:
        """What became of that group."""
        if self._kind not in {"999", "997"}:
            return
        verdict = elements[0] if elements[0] in set("AEPRMWX") else None
        segments, parts = self._errors
        self._checked.append(
            Checked(is_ours=self._group_is_ours, verdict=verdict, segments_in_error=segments, elements_in_error=parts)
        )

    def hl(self, elements: list[str]) -> None:
        """A new level."""
        self._level = LEVELS.get(elements[2])
        self._go("2000")

    def nm1(self, _: list[str]) -> None:
        """The name at a level begins its 2100 loop."""
        if not self._loop.startswith("2110"):  # a benefit may name a further entity, in 2120
            self._go("2100")

    def eb(self, _: list[str]) -> None:
        """One benefit."""
        if self._kind == "271":
            self._benefits += 1
            self._go("2110")

    def _go(self, loop: str) -> None:
        self._loop = f"{loop}{self._level}" if self._level else "header"

    def trn(self, elements: list[str]) -> None:
        """A trace; `2` is one that is given back."""
        if self._kind == "271" and elements[0] == "2":
            self._traces.append(elements[1] == self._sent.trace)

    def bht(self, elements: list[str]) -> None:
        """The reference that the inquiry had."""
        if self._kind == "271" and elements[2]:
            self._references.append(elements[2] == self._sent.trace)

    def aaa(self, elements: list[str]) -> None:
        """A rejection, where it stands."""
        if self._kind != "271" or len(self._rejections) >= MOST_REJECTIONS:
            return
        reason, follow_up = elements[2], elements[3]
        self._rejections.append(
            Rejection(
                loop=self._loop,
                reason=reason if re.fullmatch("[0-9A-Z]{2}", reason) else None,
                follow_up=follow_up if re.fullmatch("[A-Z]", follow_up) else None,
            )
        )


HEARD: dict[str, Callable[[_Reader, list[str]], None]] = {
    "ISA": _Reader.isa,
    "IEA": _Reader.iea,
    "TA1": _Reader.ta1,
    "ST": _Reader.st,
    "SE": _Reader.se,
    "AK1": _Reader.ak1,
    "IK3": _Reader.ik3,
    "AK3": _Reader.ik3,
    "IK4": _Reader.ik4,
    "AK4": _Reader.ik4,
    "AK9": _Reader.ak9,
    "HL": _Reader.hl,
    "NM1": _Reader.nm1,
    "EB": _Reader.eb,
    "TRN": _Reader.trn,
    "BHT": _Reader.bht,
    "AAA": _Reader.aaa,
}
"""What is listened to; the rest of a message goes by unheard."""
