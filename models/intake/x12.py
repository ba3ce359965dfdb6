"""Traces of X12: what an interchange was answered, at the level of envelope, acknowledgement and rejection.

    ISA*00*…*261123*0915*^*00501*000000905*0*P*:~GS*HB*…~ST*271*0001~…AAA*N**42*R~…SE*…~

Looked at are ISA-09 and -10 (when, in the practice's time zone), ST-01, TA1-04 and -05, AK9-01 and IK5-01, AAA-03;
of a member, a claim or a provider nothing. Segments end with `~` or a line's end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from models.intake._batch import Batch, Door, Unusable, Waiting, microseconds, refuse_all, traffic, within
from models.reading import Outcome, Rung
from models.vocabulary import Vocabulary
from models.words import listed

BREAKS = b"~\n\r"
CLOCK = "clock"  # what is carried: the interchange's instant, and the set that is open
SETS = listed("269 270 271 276 277 278 820 834 835 837 997 999")  # transaction sets of 45 CFR 162, and acks
CODE = re.compile(r"[0-9]{3}")
OK = (Outcome.OK.value, Rung.READ.value, None)
# X12 standard, elements 715 and 717: A accepted, E accepted with errors, P partially accepted, R, M, W, X rejected
GRADES = {"A": OK, "E": (Outcome.PARTIAL.value, Rung.SEMANTIC.value, "accepted_with_errors")} | {
    "P": (Outcome.PARTIAL.value, Rung.SEMANTIC.value, "partially_accepted"),
    **dict.fromkeys("RMWX", (Outcome.CLIENT_ERROR.value, Rung.READ.value, "rejected")),
}
# X12 005010X279A1, AAA-03: the few that say something of the connection; the others answer about a member
REJECTIONS = {
    "41": (Outcome.FORBIDDEN.value, Rung.SCOPE.value, "aaa_41"),
    "42": (Outcome.SERVER_ERROR.value, Rung.HTTP.value, "aaa_42"),
    "79": (Outcome.CLIENT_ERROR.value, Rung.READ.value, "aaa_79"),
    "80": (Outcome.SERVER_ERROR.value, Rung.HTTP.value, "aaa_80"),
    "T4": (Outcome.CLIENT_ERROR.value, Rung.READ.value, "aaa_T4"),
}


def looks_like(line: str) -> bool:
    """The head of an interchange."""
    return line.startswith("ISA") and len(line) > 100 and line.count(line[3]) >= 16  # noqa: PLR2004 - its fixed form


def parse(lines: Sequence[str], door: Door) -> Batch:
    """One reading for each transaction set and each TA1."""
    vocabulary = door.own()
    if vocabulary is None:
        return refuse_all(lines, "unknown_integration")
    batch = Batch(consumed=len(lines))
    reader = Interchange(vocabulary, door, batch)
    for place, line in enumerate(lines):
        if not line:
            continue
        try:
            reader.take(line)
        except Unusable as reason:
            batch.refused.append((place, str(reason)))
    batch.carried = reader.carried()
    return batch


class Interchange:
    """Walks through segments and remembers where it is: when, and inside which set."""

    def __init__(self, vocabulary: Vocabulary, door: Door, batch: Batch) -> None:
        self.vocabulary, self.batch, self.span = vocabulary, batch, door.span
        before = next((one for one in door.carried if one.key == CLOCK), None)
        self.at = before.at if before else 0
        self.open, _, self.worst = before.operation.partition("/") if before else ("", "", "")
        self.separator = before.direction if before else "*"

    def carried(self) -> tuple[Waiting, ...]:
        """What the next batch must know."""
        return (Waiting(CLOCK, self.at, f"{self.open}/{self.worst}", self.separator),)

    def take(self, line: str) -> None:
        """One segment.

        Raises:
            Unusable: with the reason.
        """
        if line.startswith("ISA"):
            self.begin(line)
            return
        parts = line.split(self.separator, 12)
        if not self.at:
            raise Unusable("outside_an_interchange")
        known = {"ST": self.begin_set, "SE": self.end_set, "TA1": self.envelope, "AAA": self.rejection}
        known.get(parts[0], self.acknowledgement)(parts)

    def begin(self, line: str) -> None:
        """The head: when, and which separator."""
        self.at, self.open, self.worst = 0, "", ""
        self.separator = line[3:4]
        parts = line.split(self.separator) if self.separator else []
        if len(parts) < 16:  # noqa: PLR2004 - ISA has sixteen elements
            raise Unusable("short_header")
        self.at = within(instant(parts[9] + parts[10], self.vocabulary.timezone), self.span)

    def begin_set(self, parts: list[str]) -> None:
        """A transaction set opens."""
        number = parts[1] if len(parts) > 1 else ""
        if number not in SETS:
            raise Unusable("unknown_set")
        self.open, self.worst = number, ""

    def end_set(self, _: list[str]) -> None:
        """It closes: one reading."""
        if not self.open:
            raise Unusable("outside_a_set")
        verdict = GRADES.get(self.worst) or REJECTIONS.get(self.worst) or OK
        self.batch.readings.append(traffic(self.vocabulary, self.at, f"X12.{self.open}", verdict))
        self.open, self.worst = "", ""

    def envelope(self, parts: list[str]) -> None:
        """TA1: whether the interchange itself was taken."""
        grade = GRADES.get(parts[4] if len(parts) > 4 else "")  # noqa: PLR2004 - TA1-04
        if grade is None:
            raise Unusable("bad_acknowledgement")
        note = parts[5] if len(parts) > 5 and CODE.fullmatch(parts[5]) else None  # noqa: PLR2004 - TA1-05
        verdict = grade if grade is OK or note is None else (grade[0], grade[1], f"ta1_{note}")
        self.batch.readings.append(traffic(self.vocabulary, self.at, "X12.TA1", verdict))

    def rejection(self, parts: list[str]) -> None:
        """AAA: a payer that cannot answer outweighs whatever it answers."""
        reason = parts[3] if len(parts) > 3 else ""  # noqa: PLR2004 - AAA-03
        if reason in REJECTIONS:
            self.worst = reason

    def acknowledgement(self, parts: list[str]) -> None:
        """AK9 and IK5: whether what was sent was taken; any other segment says nothing of the connection."""
        if parts[0] in {"AK9", "IK5", "AK5"} and len(parts) > 1 and parts[1] in GRADES:
            rank = "APERMWX".find
            self.worst = max(self.worst or "A", parts[1], key=rank)


def instant(stamp: str, timezone: str) -> int:
    """`YYMMDDHHMM` in the practice's time zone, in microseconds since 1970.

    Raises:
        Unusable: when there is no such instant.
    """
    if not re.fullmatch(r"[0-9]{10}", stamp):
        raise Unusable("bad_time")
    try:
        return microseconds(datetime.strptime(stamp, "%y%m%d%H%M").replace(tzinfo=ZoneInfo(timezone)))
    except (ValueError, OverflowError):
        raise Unusable("bad_time") from None
