"""The rows of delivered files as records: which files tell of a span, which row counts, and what is not known."""

from __future__ import annotations

import asyncio
import gzip

import pytest

from models.reading import Outcome
from tests.callers import wanted_for
from tests.drops import Drop, wall

HEAD = "claim_id,patient_id,service_date,Paid Amount"


def table(*rows: str, stated: int | None = None) -> bytes:
    return "\n".join([HEAD, *rows, f"TRL,{len(rows) if stated is None else stated}", ""]).encode()


NEXT = "claims_20260303.csv"
SAYS_MORE = table("C2,P,2026-03-02,1", stated=9)
BROKEN_OFF = f"{HEAD}\nC2,P,2026-03-02,1\nC3,P".encode()


def read(drop, since="2026-03-02", until="2026-03-03"):
    """The reading of a span of days, the pages in which rows came, and the rows."""

    async def run():
        pages, connector = [], drop.open()
        try:
            got = await connector.records(
                wanted_for("flat_file"), wall(f"{since}T00:00"), wall(f"{until}T00:00"), pages.append
            )
        finally:
            await connector.aclose()
        return got, [row for page in pages for row in page]

    return asyncio.run(run())


def test_the_file_of_a_day_and_the_next_one_tell_of_it_and_the_later_one_counts(tmp_path):
    drop = Drop(tmp_path)
    drop.put("claims_20260227.csv", table("C0,P0,2026-02-26,1.00"))
    drop.put("claims_20260302.csv", table("C1,P1,2026-03-01,1.00", "C2,P2,2026-03-02,2.00"))
    drop.put(
        "claims_20260303.csv", table('C2,"P, 2",2026-03-02,2.50', "C3,P3,2026-03-02,3.00", "C3,P3,2026-03-02,3.00")
    )
    got, rows = read(drop)
    assert (got.outcome, got.records, got.resource) == (Outcome.OK, 4, "Claim")
    assert [(row["claim_id"], row["Paid_Amount"]) for row in rows] == [
        ("C2", "2.50"),
        ("C3", "3.00"),
        ("C3", "3.00"),  # twice in one file is what they have
        ("C1", "1.00"),
    ]
    assert rows[0]["patient_id"] == "P, 2"


@pytest.mark.parametrize(
    ("name", "content", "outcome", "code", "taken"),
    [
        pytest.param(None, b"", Outcome.PARTIAL, "file_missing", 1, id="no file"),
        pytest.param(NEXT, SAYS_MORE, Outcome.SEMANTIC, "trailer_wrong", 2, id="a trailer that says more"),
        pytest.param(NEXT, BROKEN_OFF, Outcome.PARTIAL, "truncated", 3, id="a file that breaks off"),
    ],
)
def test_a_file_that_is_not_whole_is_said_and_what_it_has_is_taken(tmp_path, name, content, outcome, code, taken):
    drop = Drop(tmp_path)
    drop.put("claims_20260302.csv", table("C1,P1,2026-03-01,1.00"))
    if name:
        drop.put(name, content)
    got, rows = read(drop)
    assert (got.outcome, got.code, len(rows)) == (outcome, code, taken)


def test_a_file_that_is_not_due_yet_is_not_missed(tmp_path):
    drop = Drop(tmp_path, now="2026-03-03T04:00")
    drop.put("claims_20260302.csv", table("C1,P1,2026-03-01,1.00"))
    got, rows = read(drop, until="2026-03-04")
    assert (got.outcome, len(rows)) == (Outcome.OK, 1)


def test_a_packed_file_without_a_header_has_numbered_columns(tmp_path):
    drop = Drop(tmp_path, name="claims_{date:%Y%m%d}.csv.gz", header="none", trailer=None)
    drop.put("claims_20260302.csv.gz", gzip.compress(b"C1,P1,2026-03-01\n"))
    drop.put("claims_20260303.csv.gz", gzip.compress(b"C2,P2,2026-03-02\n"))
    got, rows = read(drop)
    assert got.outcome is Outcome.OK
    assert rows[0] == {"c1": "C2", "c2": "P2", "c3": "2026-03-02"}
    assert len(rows) == 2  # neither has a `claim_id`, so neither takes the place of the other


def test_no_identifier_is_in_what_is_told_of_a_file(tmp_path, caplog):
    drop = Drop(tmp_path)
    drop.put("claims_20260303.csv", table("CANARY-7,P1,2026-03-02,1.00", stated=2))
    got, rows = read(drop)
    assert rows[0]["claim_id"] == "CANARY-7"
    assert "CANARY" not in f"{got!r}{caplog.text}"
