"""F5: another process holds the ledger. Writers wait, say so when it takes too long, and lose nothing."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import psycopg
import pytest
from sqlalchemy import event

from models.errors import Transient
from models.incident import State
from tasks.ledger import ledger as ledger_room
from tasks.ledger import open_ledger, opening
from tests.builders import an_incident
from tests.reliability.f02_kill_writers import wait_for_more
from tests.reliability.ground import AT, SERVER, drop_schema, has_postgresql, new_home, new_schema
from tests.reliability.invariants import violations
from tests.reliability.nursery import Acks, acknowledged, born, ended
from tests.reliability.survival import Mutant, Profile, Survival, total, trial

NAME, PROMISE = "F5", "a ledger that another process holds is waited for, then said to be busy; nothing is lost"
TRIES = {Profile.SMALL: 3, Profile.USUAL: 20, Profile.FULL: 200}
WRITERS, CHANGES = 3, 4
PATIENCE_S = 0.4  # in place of the fifteen seconds that a writer waits
RESUMES_S = 5.0
STUBBORN_S = 3 * PATIENCE_S


def run(profile: Profile, seed: int, mutant: str | None = None) -> Survival:
    """Held for a while that a writer waits out, and for longer, in turn; every third time on PostgreSQL."""
    random, told = Random(seed), []
    for nth in range(TRIES[profile] if mutant is None else 2):
        url = new_schema() if nth % 3 == 2 and has_postgresql() else None
        held_s = STUBBORN_S if nth % 2 else random.uniform(0.2, 0.5) * PATIENCE_S
        try:
            told.append(tell(held_s, url, mutant))
        finally:
            drop_schema(url)
    return total(told)


def tell(held_s: float, url: str | None, mutant: str | None) -> Survival:
    """Several writers, and one who keeps them waiting."""
    home = new_home()
    acks, broken = home / "acks", []
    with closing(open_ledger(home, url)) as ledger:
        where = {"home": home, "url": url, "acks": acks}
        writers = [born(__name__, "write", mutant, **where, number=number) for number in range(WRITERS)]
        wait_for_more(acks, WRITERS)
        with held(home, url):
            (home / "go on").touch()
            time.sleep(held_s)
            early = [one for one in acknowledged(acks) if one["did"] == "opened"]
        freed = time.perf_counter()
        broken += [f"a writer ended with {code}" for code in map(ended, writers) if code != 0]
        resumed_s = time.perf_counter() - freed
        told = acknowledged(acks)
        names = {one.fingerprint for one in ledger.incidents()}
        gone = [one for one in told if one["did"] == "opened" and one["name"] not in names]
        refused = [one for one in told if one["did"] == "busy"]
        broken += violations(ledger)
    is_long = held_s > PATIENCE_S
    broken += ["something was written past the lock"] * bool(early)
    broken += (
        [] if len(names) == WRITERS * CHANGES else [f"{len(names)} of {WRITERS * CHANGES} were written in the end"]
    )
    broken += ["it was not said to be busy"] * (is_long and not refused)
    broken += ["a short wait was not waited out"] * (not is_long and bool(refused))
    broken += [f"{one['waited_s']:.2f} s were waited" for one in refused if one["waited_s"] > 4 * PATIENCE_S]
    broken += [f"busy after {one['waited_s']:.2f} s" for one in refused if one["waited_s"] < 0.8 * PATIENCE_S]
    broken += [] if resumed_s <= RESUMES_S else [f"it took {resumed_s:.1f} s to go on"]
    return trial([f"held {held_s:.2f} s: {says}" for says in broken], lost=len(gone), took_s=resumed_s)


@contextmanager
def held(home: Path, url: str | None) -> Iterator[None]:
    """Nobody else can write meanwhile."""
    if url is None:
        with closing(sqlite3.connect(home / opening.FILE, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("COMMIT")
        return
    with psycopg.connect(SERVER) as server:
        server.execute(f"SET search_path = {url.rpartition('%3D')[2]}")
        server.execute("SELECT * FROM audit_head FOR UPDATE")
        yield


def write(home: Path, url: str | None, acks: Path, number: int) -> None:
    """Open a few incidents; what was refused because the ledger is busy is tried again, as the next cycle would."""
    opening.BUSY_MS = int(PATIENCE_S * 1000)
    told = Acks(acks)
    ledger = open_ledger(home, url)
    told.note("ready")
    while not (home / "go on").exists():
        time.sleep(0.001)
    for nth in range(CHANGES):
        name = f"w{number}-{nth}"
        while not opened(ledger, name, told):
            pass


def opened(ledger: ledger_room.Ledger, name: str, told: Acks) -> bool:
    """Whether it was written."""
    began = time.perf_counter()
    try:
        with ledger.change("writer", AT) as change:
            change.open_incident(
                an_incident(fingerprint=name, integration_id=name, state=State.SUSPECTED, moments=(), detected_at=AT)
            )
    except Transient as busy:
        told.note("busy" if "busy" in str(busy) else "failed", waited_s=time.perf_counter() - began)
        return False
    told.note("opened", name=name)
    return True


def wait_for_nobody(patch: pytest.MonkeyPatch) -> None:
    plain = opening.to_sqlite

    def to_sqlite(path):
        engine = plain(path)
        event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA busy_timeout=0"))
        return engine

    patch.setattr(opening, "to_sqlite", to_sqlite)


def begin_deferred(patch: pytest.MonkeyPatch) -> None:
    """BEGIN instead of BEGIN IMMEDIATE: two who have read cannot both write."""
    plain = opening.create_engine

    def create(*arguments, **options):
        engine = plain(*arguments, **options)

        @event.listens_for(engine, "before_cursor_execute", retval=True)
        def deferred(_, __, statement, parameters, *___):
            return ("BEGIN" if statement == "BEGIN IMMEDIATE" else statement), parameters

        return engine

    patch.setattr(opening, "create_engine", create)


def swallow_busy(patch: pytest.MonkeyPatch) -> None:
    """What could not be written is taken for written."""

    plain = ledger_room.Ledger.change

    @contextmanager
    def change(self, actor, at):
        began = False
        try:
            with plain(self, actor, at) as one:
                began = True
                yield one
        except Transient:
            if not began:
                yield type("Nothing", (), {"open_incident": lambda *_: None})()

    patch.setattr(ledger_room.Ledger, "change", change)


MUTANTS: dict[str, Mutant] = {
    "BEGIN DEFERRED": begin_deferred,
    "wait for nobody": wait_for_nobody,
    "swallow what could not be written": swallow_busy,
}
