"""F8: the audit is edited, shortened, reordered, cut or stamped anew by who has the database and not the key."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from time import perf_counter

import pytest

from tasks.ledger import audit, open_ledger, opening
from tasks.ledger.audit import GENESIS, Seal, canonical
from tests.reliability.ground import AT, new_home
from tests.reliability.survival import Mutant, Profile, Survival, break_product, total, trial

NAME, PROMISE = "F8", "whatever is done to the audit is named by its row; a whole chain raises no alarm"
TRIES = {Profile.SMALL: 8, Profile.USUAL: 40, Profile.FULL: 400}  # of each kind
GOOD = {Profile.SMALL: 10, Profile.USUAL: 100, Profile.FULL: 1000}
ROWS = 24
COLUMNS = ("at", "actor", "action", "object_id", "rule", "before_hash", "after_hash", "facts", "prev", "mac")
Tamper = Callable[[sqlite3.Connection, Random], int]  # what it did; the first row that cannot be trusted any more


def edit(db: sqlite3.Connection, random: Random) -> int:
    """One column of one row."""
    seq, column = random.randint(1, ROWS), random.choice(COLUMNS)
    other = {"at": (AT - timedelta(days=1)).isoformat(timespec="microseconds"), "facts": '{"attempt":99}'}
    db.execute(f"UPDATE audit SET {column} = ? WHERE seq = ?", (other.get(column, "x"), seq))  # noqa: S608
    return seq


def delete(db: sqlite3.Connection, random: Random) -> int:
    """One row, and sometimes the gap is closed."""
    seq = random.randint(1, ROWS)
    db.execute("DELETE FROM audit WHERE seq = ?", (seq,))
    if random.random() < 0.5:
        for later in range(seq + 1, ROWS + 1):
            db.execute("UPDATE audit SET seq = ? WHERE seq = ?", (later - 1, later))
    return seq


def reorder(db: sqlite3.Connection, random: Random) -> int:
    """Two rows."""
    one, other = sorted(random.sample(range(1, ROWS + 1), 2))
    for old, new in ((one, 9999), (other, one), (9999, other)):
        db.execute("UPDATE audit SET seq = ? WHERE seq = ?", (new, old))
    return one


def truncate(db: sqlite3.Connection, random: Random) -> int:
    """The tail, and sometimes the head is made to fit."""
    last = random.randint(0, ROWS - 1)
    db.execute("DELETE FROM audit WHERE seq > ?", (last,))
    if last and random.random() < 0.5:
        db.execute("UPDATE audit_head SET seq = ?, mac = (SELECT mac FROM audit WHERE seq = ?)", (last, last))
        return last
    return last + 1


def stamp(db: sqlite3.Connection, random: Random) -> int:
    """An edit, after which the whole chain is sealed again with another key, and the head sometimes too."""
    seq = random.randint(1, ROWS)
    db.execute("UPDATE audit SET actor = 'nobody' WHERE seq = ?", (seq,))
    seal, prev = Seal(hashlib.sha256(b"not the key").digest()), GENESIS
    db.row_factory = sqlite3.Row
    for row in db.execute("SELECT * FROM audit ORDER BY seq").fetchall():
        values = {**row, "at": datetime.fromisoformat(row["at"])}
        if row["seq"] < seq:
            prev = row["mac"]
            continue
        mac = seal.mac(canonical(values) + prev)
        db.execute("UPDATE audit SET prev = ?, mac = ? WHERE seq = ?", (prev, mac, row["seq"]))
        prev = mac
    if random.random() < 0.5:
        head = seal.head(ROWS, prev)
        db.execute("UPDATE audit_head SET mac = ?, seal = ?", (head["mac"], head["seal"]))
    return seq


TAMPERS: dict[str, Tamper] = {
    "edit": edit,
    "delete": delete,
    "reorder": reorder,
    "truncate": truncate,
    "stamp anew": stamp,
}


def run(profile: Profile, seed: int, mutant: str | None = None) -> Survival:
    """Every way so many times on copies of one chain, and whole chains looked at in between."""
    random, home = Random(seed), chain(ROWS)
    with pytest.MonkeyPatch.context() as patch:
        break_product(MUTANTS, mutant, patch)
        bad = [tampered(home, name, random) for name in TAMPERS for _ in range(TRIES[profile])]
        return total([*bad, *(whole(random) for _ in range(GOOD[profile]))])


def chain(rows: int) -> Path:
    """A home whose audit has so many rows."""
    home = new_home()
    with closing(open_ledger(home)) as ledger:
        for nth in range(rows):
            with ledger.change("monitor", AT + timedelta(seconds=nth)) as change:
                change.audit("decided", f"INC-2026-11-23-{nth:03d}", "D16", attempt=nth)
    return home


def tampered(home: Path, name: str, random: Random) -> Survival:
    """One copy, tampered with."""
    copy, began = shutil.copytree(home, home.parent / f"{home.name}-{random.getrandbits(48):x}"), perf_counter()
    try:
        with closing(sqlite3.connect(copy / opening.FILE)) as db, db:
            first_bad = TAMPERS[name](db, random)
        with closing(open_ledger(copy)) as ledger:
            verdict = ledger.verify_audit()
    finally:
        shutil.rmtree(copy)
    is_named = not verdict.intact and verdict.first_bad == first_bad
    broken = [] if is_named else [f"{name} at row {first_bad}: {verdict.first_bad}, {verdict.says}"]
    return trial(broken, took_s=perf_counter() - began)


def whole(random: Random) -> Survival:
    """A chain that nobody touched, of any length; it is looked at between two changes, and after a reopening."""
    home, broken = new_home(), []
    with closing(open_ledger(home)) as ledger:
        for nth in range(random.randint(0, 4)):
            with ledger.change("monitor", AT) as change:
                change.audit("decided", f"INC-{nth}", "D16", attempt=random.randrange(99), outcome="ok")
            broken += [] if ledger.verify_audit().intact else ["a false alarm"]
    with closing(open_ledger(home)) as ledger:
        broken += [] if ledger.verify_audit().intact else ["a false alarm after reopening"]
    shutil.rmtree(home)
    return trial(broken)


def no_hmac(patch: pytest.MonkeyPatch) -> None:
    """The chain is followed, and its seals are not checked."""

    def walk(rows, *_):
        end = audit.Anchor(seq=0, mac=GENESIS)
        for row in rows:
            if row.seq != end.seq + 1 or row.prev != end.mac:
                return (end.seq + 1, "broken"), end
            end = audit.Anchor(seq=row.seq, mac=row.mac)
        return None, end

    patch.setattr(audit, "walk", walk)


def no_head(patch: pytest.MonkeyPatch) -> None:
    """A cut tail is not compared with the head."""
    patch.setattr(audit, "against_head", lambda *_: None)


def alarm_at_one(patch: pytest.MonkeyPatch) -> None:
    """Whole chains of one row are taken for broken."""
    plain = audit.against_head
    patch.setattr(audit, "against_head", lambda head, end, seal: (1, "x") if end.seq == 1 else plain(head, end, seal))


MUTANTS: dict[str, Mutant] = {
    "the HMAC is not checked": no_hmac,
    "the head is not looked at": no_head,
    "alarm where nothing is wrong": alarm_at_one,
}
