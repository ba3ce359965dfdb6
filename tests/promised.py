"""Tables of feeds that keep every promise, and for each promise the edit that breaks it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

import pandas as pd

from models.calendar import DAYS, Calendar, Hours
from models.promise import Terms

AS_OF = datetime(2026, 11, 18, 20, 30, tzinfo=UTC)  # a Wednesday, 15:30 in New York
ZONE = "America/New_York"
HOURS = Hours.model_validate(dict.fromkeys(DAYS[:5], "08:00-12:00, 13:00-18:00"))
CALENDAR = Calendar(hours=HOURS, timezone=ZONE)
PLACES = ("north", "south")
TERMS = Terms(
    as_of=AS_OF,
    calendar=CALENDAR,
    timezone=ZONE,
    locations=PLACES,
    fresh_within=timedelta(hours=4),
    filled=dict.fromkeys(("pd", "pd_monocular"), 0.9),
)
GOOD_HOURS = (8, 9, 10, 11, 13, 14, 15, 16, 17)
Frame = pd.DataFrame
Edit = Callable[[Frame], None]


def ids(word: str, rows: int) -> list[str]:
    return [f"{word}-{n:06}" for n in range(rows)]


KEYS = {"patients": ids("pat", 400), "prescriptions": ids("rx", 400)}


def workday(random: Random) -> datetime:
    """An hour at which the practice is open, of the last weeks."""
    day = datetime(2026, 11, 9) - timedelta(weeks=random.randrange(40)) + timedelta(days=random.randrange(5))  # noqa: DTZ001  # a local clock
    return day.replace(hour=random.choice(GOOD_HOURS), minute=random.choice((0, 15, 30, 45)))


def changed(rows: int) -> list[str]:
    return [(AS_OF - timedelta(minutes=7 * n + 3)).isoformat() for n in range(rows)]


def patients(rows: int, random: Random) -> Frame:
    return Frame(
        {
            "id": ids("pat", rows),
            "family": [f"Family{n}" for n in range(rows)],
            "given": [random.choice(("Ada", "Ben", "Cleo")) for _ in range(rows)],
            "birth_date": [f"{random.randrange(1930, 2020)}-0{random.randrange(1, 10)}-1{n % 10}" for n in range(rows)],
            "gender": [random.choice(("male", "female", "other", "unknown")) for _ in range(rows)],
            "phone": [f"(555) {random.randrange(200, 999)}-{n:04}" for n in range(rows)],
            "postal_code": [random.choice(("02138", "02138-1234", "K1A 0B1")) for _ in range(rows)],
            "member_id": [f"XGH{n:07}" if n % 5 else None for n in range(rows)],
            "last_updated": changed(rows),
        }
    )


def appointments(rows: int, random: Random) -> Frame:
    slots = [(workday(random), random.randrange(4)) for _ in range(3 * rows)]
    slots = list(dict.fromkeys(slots))[:rows]
    assert len(slots) == rows
    return Frame(
        {
            "id": ids("app", rows),
            "status": [random.choice(("booked", "fulfilled", "arrived", "cancelled")) for _ in range(rows)],
            "start": [at.isoformat(sep=" ") for at, _ in slots],
            "end": [(at + timedelta(minutes=30)).isoformat(sep=" ") for at, _ in slots],
            "patient": [f"Patient/{random.choice(KEYS['patients'])}" for _ in range(rows)],
            "practitioner": [f"doc-{who}" for _, who in slots],
            "location": [random.choice(PLACES) for _ in range(rows)],
            "last_updated": changed(rows),
        }
    )


def prescriptions(rows: int, random: Random) -> Frame:
    written = [workday(random) for _ in range(rows // 2)]
    cylinders = [random.choice((None, 0.0, -0.25 * random.randrange(1, 24))) for _ in range(rows)]
    prisms = [random.choice((None, None, 0.0, 0.5 * random.randrange(1, 12))) for _ in range(rows)]
    return Frame(
        {
            "id": [f"rx-{n // 2:06}" for n in range(rows)],
            "patient": [KEYS["patients"][n // 2 % 400] for n in range(rows)],
            "status": ["active"] * rows,
            "prescriber": [f"doc-{n % 4}" for n in range(rows)],
            "date_written": [written[n // 2].date().isoformat() for n in range(rows)],
            "expiry_date": [(written[n // 2] + timedelta(days=730)).date().isoformat() for n in range(rows)],
            "eye": [("OD", "OS")[n % 2] for n in range(rows)],
            "sphere": [random.choice(("plano", f"{0.125 * random.randrange(-80, 60):+.2f}")) for _ in range(rows)],
            "cylinder": cylinders,
            "axis": [random.randrange(1, 181) if one else None for one in cylinders],
            "add": [0.25 * random.randrange(1, 14) if n % 3 else None for n in range(rows)],
            "pd": [random.randrange(110, 150) / 2 if n % 40 else None for n in range(rows)],
            "pd_monocular": [random.randrange(55, 75) / 2 if n % 40 else None for n in range(rows)],
            "prism_amount": prisms,
            "prism_base": [random.choice(("up", "down", "in", "out")) if one else None for one in prisms],
            "last_updated": changed(rows),
        }
    )


def orders(rows: int, random: Random) -> Frame:
    return Frame(
        {
            "id": ids("ord", rows),
            "status": [random.choice(("active", "completed", "draft")) for _ in range(rows)],
            "prescription": [random.choice(KEYS["prescriptions"]) for _ in range(rows)],
            "patient": [random.choice(KEYS["patients"]) for _ in range(rows)],
            "eye": [random.choice(("right", "left", "OU")) for _ in range(rows)],
            "quantity": [random.randrange(1, 24) for _ in range(rows)],
            "authored_on": [workday(random).strftime("%m/%d/%Y %I:%M:%S %p") for _ in range(rows)],
            "last_updated": changed(rows),
        }
    )


def claims(rows: int, random: Random) -> Frame:
    return Frame(
        {
            "id": ids("clm", rows),
            "control_number": [f"CLM{n:09}" for n in range(rows)],
            "status": [random.choice(("active", "cancelled")) for _ in range(rows)],
            "patient": [random.choice(KEYS["patients"]) for _ in range(rows)],
            "payer_id": [random.choice(("60054", "VSP01")) for _ in range(rows)],
            "member_id": [f"XGH{random.randrange(10**6):07}" for _ in range(rows)],
            "service_type": [random.choice(("AL", "AM", "AO", "98")) for _ in range(rows)],
            "service_date": [workday(random).strftime("%Y%m%d") for _ in range(rows)],
            "total": [random.randrange(100, 90_000) / 100 for _ in range(rows)],
            "created": changed(rows),
            "last_updated": changed(rows),
        }
    )


def eligibility(rows: int, random: Random) -> Frame:
    return Frame(
        {
            "id": ids("elg", rows),
            "control_number": [f"{n:09}" for n in range(rows)],
            "patient": [random.choice(KEYS["patients"]) for _ in range(rows)],
            "payer_id": [random.choice(("60054", "VSP01")) for _ in range(rows)],
            "member_id": [f"XGH{random.randrange(10**6):07}" for _ in range(rows)],
            "service_type": [random.choice(("30", "AL")) for _ in range(rows)],
            "service_date": [(workday(random) + timedelta(days=14)).strftime("%Y%m%d") for _ in range(rows)],
            "reject_reason": [random.choice((None, None, "75", "42")) for _ in range(rows)],
            "checked_at": changed(rows),
            "last_updated": changed(rows),
        }
    )


BUILDERS: dict[str, Callable[[int, Random], Frame]] = {
    "patients": patients,
    "appointments": appointments,
    "prescriptions": prescriptions,
    "orders": orders,
    "claims": claims,
    "eligibility": eligibility,
}


def good(feed: str, rows: int = 300, seed: int = 1) -> Frame:
    """A table that keeps every promise of a feed."""
    return BUILDERS[feed](rows, Random(seed))  # noqa: S311  # a pretend table


# --- what breaks each promise ----------------------------------------------------------------------------------------


def put(column: str, value: object, rows: int = 1) -> Edit:
    """Another value in the first rows of a column; `rows` as many as its limit needs."""

    def edit(frame: Frame) -> None:
        frame[column] = frame[column].astype(object)
        frame.loc[frame.index[:rows], column] = value

    return edit


def put_where(column: str, value: object, which: Callable[[Frame], pd.Series]) -> Edit:
    """Another value in the first row of which something holds."""

    def edit(frame: Frame) -> None:
        frame[column] = frame[column].astype(object)
        frame.loc[frame.index[which(frame)][0], column] = value

    return edit


def again(*columns: str, rows: int = 1) -> Edit:
    """The first rows with the values of the rows after them."""

    def edit(frame: Frame) -> None:
        for column in columns:
            frame.loc[frame.index[:rows], column] = frame[column].iloc[rows : 2 * rows].to_numpy()

    return edit


def drop(column: str) -> Edit:
    def edit(frame: Frame) -> None:
        del frame[column]

    return edit


def older(column: str, by: timedelta) -> Edit:
    """All of a column earlier."""

    def edit(frame: Frame) -> None:
        frame[column] = [(datetime.fromisoformat(one) - by).isoformat() for one in frame[column]]

    return edit


def shift(*columns: str, by: timedelta) -> Edit:
    """A constant shift, as of a zone that was mistaken."""

    def edit(frame: Frame) -> None:
        for column in columns:
            frame[column] = [(datetime.fromisoformat(one) + by).isoformat(sep=" ") for one in frame[column]]

    return edit


def doubled_slot(frame: Frame) -> None:
    """Two that are held for one provider at one time."""
    for column in ("start", "end", "practitioner"):
        frame.loc[frame.index[0], column] = frame[column].iloc[1]
    frame.loc[frame.index[:2], "status"] = "booked"


READ_AS_NUMBERS = ("sphere", "cylinder", "axis", "add", "pd", "pd_monocular", "prism_amount")
MANY = 60  # of the 300 rows of a good table: more than any limit lets be missing or strange
FUTURE = "2026-11-19T08:00:00+00:00"
STALE = older("last_updated", timedelta(days=3))
EACH: dict[str, Edit] = {
    "id_there": put("id", None),
    "last_updated_read": put("last_updated", "yesterday"),
    "last_updated_past": put("last_updated", FUTURE),
    "fresh": STALE,
}
ONCE = {"id_once": again("id")}
WHO = {"patient_known": put("patient", "pat-999999")}
PAID: dict[str, Edit] = {
    "control_number_once": again("control_number"),
    "control_number_shape": put("control_number", "9" * 51),
    "payer_id_there": put("payer_id", " "),
    "payer_id_shape": put("payer_id", "60054!"),
    "member_id_shape": put("member_id", "?"),
    "member_id_filled": put("member_id", "", MANY),
    "service_type_code": put("service_type", "ZZ"),
    "service_date_read": put("service_date", "31/31/2026"),
}
BREAKS: dict[str, dict[str, Edit]] = {
    "patients": {
        **EACH,
        **ONCE,
        "columns": drop("birth_date"),
        "birth_date_read": put("birth_date", "unknown"),
        "person_once": again("family", "given", "birth_date", "phone", rows=3),
        "birth_date_there": put("birth_date", None, 4),
        "birth_date_past": put("birth_date", "2026-11-19"),
        "birth_date_plausible": put("birth_date", "1899-12-31"),
        "gender_code": put("gender", "M"),
        "phone_shape": put("phone", "555-1234", 7),
        "postal_code_shape": put("postal_code", "2138", 7),
        "member_id_shape": put("member_id", "?"),
        "member_id_filled": put("member_id", None, 3 * MANY),
        "phone_filled": put("phone", None, MANY + 1),
    },
    "appointments": {
        **EACH,
        **ONCE,
        **WHO,
        "columns": drop("status"),
        "start_read": put("start", "noon"),
        "end_read": put("end", "25:00"),
        "status_code": put("status", "Booked"),
        "start_there": put("start", None, 7),
        "start_in_hours": shift("start", "end", by=timedelta(hours=-1)),
        "start_plausible": put("start", "2036-11-19 10:00:00"),
        "end_later": put("end", "2020-01-01 08:00:00"),
        "length_plausible": put("end", "2026-11-18 08:00:00", 4),
        "patient_there": put("patient", None, 7),
        "location_code": put("location", "east"),
        "slot_once": doubled_slot,
    },
    "prescriptions": {
        **EACH,
        **WHO,
        "columns": drop("patient"),
        **{f"{one}_read": put(one, "1,2") for one in READ_AS_NUMBERS},
        "date_written_read": put("date_written", "2026-02-30"),
        "expiry_date_read": put("expiry_date", "never"),
        "status_code": put("status", "final"),
        "patient_there": put("patient", None),
        "date_written_past": put("date_written", FUTURE),
        "date_written_in_hours": put("date_written", "2026-11-15", 16),  # a Sunday
        "expiry_date_later": put("expiry_date", "2020-01-01"),
        "eye_code": put("eye", "R"),
        "eye_there": put("eye", None),
        "eye_once": again("eye"),
        "both_eyes_alone": put("eye", "OU"),
        "sphere_range": put("sphere", "-30.25"),
        "sphere_steps": put("sphere", "-1.30"),
        "sphere_filled": put("sphere", None, 7),
        "cylinder_range": put_where("cylinder", 10.25, lambda frame: frame["axis"].notna()),
        "cylinder_steps": put_where("cylinder", -0.6, lambda frame: frame["axis"].notna()),
        "add_range": put("add", 4.25),
        "add_steps": put("add", 1.1),
        "axis_range": put_where("axis", 0, lambda frame: frame["axis"].notna()),
        "axis_with_cylinder": put_where("axis", None, lambda frame: frame["axis"].notna()),
        "axis_without_cylinder": put_where("axis", 90, lambda frame: frame["cylinder"] == 0),
        "pd_range": put("pd", 6.3),  # in cm
        "pd_filled": put("pd", None, MANY),
        "pd_monocular_range": put("pd_monocular", 63),  # of both eyes
        "pd_monocular_filled": put("pd_monocular", None, MANY),
        "prism_amount_range": put_where("prism_amount", 25, lambda frame: frame["prism_base"].notna()),
        "prism_base_code": put_where("prism_base", "north", lambda frame: frame["prism_base"].notna()),
        "prism_base_there": put_where("prism_base", None, lambda frame: frame["prism_base"].notna()),
    },
    "orders": {
        **EACH,
        **ONCE,
        **WHO,
        "columns": drop("prescription"),
        "quantity_read": put("quantity", "two"),
        "authored_on_read": put("authored_on", "13/13/2026"),
        "prescription_known": put("prescription", "rx-999999"),
        "status_code": put("status", "open"),
        "prescription_there": put("prescription", ""),
        "eye_code": put("eye", "R"),
        "quantity_range": put("quantity", 1.5),
        "authored_on_past": put("authored_on", "11/19/2026 09:00:00 AM"),
    },
    "claims": {
        **EACH,
        **ONCE,
        **WHO,
        **PAID,
        "columns": drop("total"),
        "total_read": put("total", "$12"),
        "created_read": put("created", "x"),
        "status_code": put("status", "paid"),
        "total_range": put("total", -0.01),
        "total_cents": put("total", 10.005),
        "service_date_past": put("service_date", "20261119"),
        "created_past": put("created", FUTURE),
    },
    "eligibility": {
        **EACH,
        **ONCE,
        **WHO,
        **PAID,
        "columns": drop("member_id"),
        "checked_at_read": put("checked_at", "x"),
        "reject_reason_code": put("reject_reason", "1"),
        "service_date_plausible": put("service_date", "20271231"),
        "checked_at_past": put("checked_at", FUTURE),
    },
}
