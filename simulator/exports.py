"""What the practice exports at night: tables of synthetic people, the same bytes for the same day each time."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from simulator.people import Arrival, Practice, birth_date, patient_name

WEEKDAYS = (0, 1, 2, 3, 4)
Row = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Export:
    """One file that is written again and again."""

    operation: str
    name: str  # as strftime has it
    days: tuple[int, ...]  # of the week, 0 for Monday
    at: time  # when it lies there, on the wall of the practice
    source: str  # whose arrivals it tells of
    columns: Row
    row: Callable[[Arrival], Row]
    delimiter: str = ","
    trailer: str | None = None  # what its last line begins with
    is_sent: bool = False  # by us to the partner

    def delivered(self, day: date, zone: ZoneInfo) -> datetime:
        """When the file of a day arrives, in UTC."""
        return datetime.combine(day, self.at, zone).astimezone(UTC)

    def latest(self, now: datetime, zone: ZoneInfo, count: int) -> list[date]:
        """The days of the last deliveries up to now, newest first."""
        today = now.astimezone(zone).date()
        days = (today - timedelta(days=back) for back in range(count * 7))
        return [day for day in days if day.weekday() in self.days and self.delivered(day, zone) <= now][:count]

    def rows(self, practice: Practice, day: date, zone: ZoneInfo) -> list[Row]:
        """What came into being since the delivery before, until midnight."""
        before = next(day - timedelta(days=n) for n in range(1, 8) if (day - timedelta(days=n)).weekday() in self.days)
        since, until = (datetime.combine(one, time(), zone) for one in (before, day))
        return [self.row(arrival) for arrival in practice.arrivals(self.source, since, until)]

    def table(self, columns: Row, rows: list[Row], stated: int) -> str:
        """Header, rows and trailer as text."""
        lines = [self.delimiter.join(row) for row in (columns, *rows)]
        if self.trailer is not None:
            lines.append(f"{self.trailer}{self.delimiter}{stated}")
        return "".join(f"{line}\r\n" for line in lines)

    def packed(self, content: bytes) -> bytes:
        """As it lies in the folder; the same content packs to the same bytes."""
        return gzip.compress(content, mtime=0) if self.name.endswith(".gz") else content


def _claim(arrival: Arrival) -> Row:
    number = arrival.patient
    who = (f"TEST{number:06d}", f'"{patient_name(number)}, Synthetic"', birth_date(number))
    return (f"C{arrival.id}", *who, f"{arrival.at:%Y-%m-%d}", f"{40 + number % 90}.00", "Monture ébène")


def _member(arrival: Arrival) -> Row:
    number = arrival.patient
    return (f"TEST{number:06d}", patient_name(number), birth_date(number), f"{arrival.at:%Y-%m-%d}", "active")


def _order(arrival: Arrival) -> Row:
    number = arrival.patient
    return (f"O{arrival.id}", f"TEST{number:06d}", f"{-0.25 * (number % 16):.2f}", f"{number % 180}", "Verre teinté")


EXPORTS = (
    Export(
        operation="Claims.file",
        name="claims_%Y%m%d.csv",
        days=WEEKDAYS,
        at=time(5, 40),
        source="Appointment.search",
        columns=("claim_id", "patient_id", "name", "birth_date", "service_date", "amount", "item"),
        row=_claim,
        trailer="TRL",
    ),
    Export(
        operation="Eligibility.file",
        name="eligibility_%Y-%m-%d.txt.gz",
        days=(*WEEKDAYS, 5, 6),
        at=time(4, 30),
        source="Patient.search",
        columns=("member_id", "name", "birth_date", "checked_on", "status"),
        row=_member,
        delimiter="|",
        trailer="T",
    ),
    Export(
        operation="Orders.file",
        name="orders.csv",
        days=(*WEEKDAYS, 5),
        at=time(6, 10),
        source="VisionPrescription.search",
        columns=("order_id", "patient_id", "sphere", "axis", "lens"),
        row=_order,
        delimiter=";",
    ),
    Export(
        operation="Invoices.file",
        name="invoices_%Y%m%d.csv",
        days=WEEKDAYS,
        at=time(7, 0),
        source="VisionPrescription.search",
        columns=("order_id", "patient_id", "sphere", "axis", "lens"),
        row=_order,
        is_sent=True,
    ),
)
