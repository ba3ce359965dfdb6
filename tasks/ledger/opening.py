"""Opening the ledger: the file and its modes, the key, the engine, the tables. Safe when several do it at once."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, select, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from models.errors import BadInput, Permanent
from tasks.ledger.audit import Seal, begin_chain
from tasks.ledger.errors import translated
from tasks.ledger.ledger import Ledger
from tasks.ledger.tables import REVISION, audit_head

FILE, KEY_FILE = "ledger.sqlite", "audit.key"
KEY_BYTES = 32
BUSY_MS = 15_000  # how long a writer waits for its turn; a change itself takes about a millisecond
FROZEN_MS = 60_000  # PostgreSQL ends a transaction whose process stopped in the middle, so that others go on
MIGRATING = 0x6865616C  # "heal": the PostgreSQL advisory lock under which tables are made


def open_ledger(home: Path, url: str | None = None) -> Ledger:
    """Open the ledger, creating or migrating it when needed.

    Args:
        home: holds `ledger.sqlite` and `audit.key`, both mode 0600; made with mode 0700.
        url: `postgresql://…`; default the environment's HEAL_LEDGER_URL, else SQLite in `home`.

    Raises:
        BadInput: the URL is not a PostgreSQL URL, or its driver is not installed.
        Permanent: the key is not the ledger's, or a newer version of `heal` wrote the ledger.
        Transient: the database does not answer, or is busy for longer than 15 s.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    url = url or os.environ.get("HEAL_LEDGER_URL")
    engine = to_postgresql(url) if url else to_sqlite(home / FILE)
    try:
        with translated():
            seal = prepare(engine, home)
    except BaseException:
        engine.dispose()
        raise
    return Ledger(engine, seal)


def to_sqlite(path: Path) -> Engine:
    """An engine whose transactions begin as we say and reach the disk before they are acknowledged."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    path.chmod(0o600)  # -wal and -shm take over the mode
    engine = create_engine(URL.create("sqlite", database=str(path)), hide_parameters=True)

    @event.listens_for(engine, "connect")
    def prepare_connection(raw: DBAPIConnection, _: object) -> None:
        raw.isolation_level = None  # else Python's driver begins, and only at the first change
        cursor = raw.cursor()
        for pragma in (f"busy_timeout={BUSY_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        changing = connection.get_execution_options().get("changing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if changing else "BEGIN")

    return engine


def to_postgresql(url: str) -> Engine:
    """An engine on psycopg 3 that neither waits for ever nor keeps others waiting for ever."""
    try:
        made = make_url(url)
        if made.get_backend_name() != "postgresql":
            raise BadInput("HEAL_LEDGER_URL must begin with postgresql:// (leave it out for SQLite)")
        engine = create_engine(made.set(drivername="postgresql+psycopg"), hide_parameters=True, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError, ValueError):  # the last: a port that is no number
        raise BadInput("HEAL_LEDGER_URL is not a URL; write postgresql://user@host:5432/name") from None
    except ImportError:
        raise BadInput("PostgreSQL needs its driver: install integration-healing[postgresql]") from None

    @event.listens_for(engine, "connect")
    def prepare_connection(raw: DBAPIConnection, _: object) -> None:
        cursor = raw.cursor()
        cursor.execute(f"SET lock_timeout = {BUSY_MS}")
        cursor.execute(f"SET idle_in_transaction_session_timeout = {FROZEN_MS}")
        cursor.close()
        raw.commit()

    return engine


def prepare(engine: Engine, home: Path) -> Seal:
    """Bring the tables up to date and check the key: one transaction, so whoever comes second finds it done."""
    with engine.execution_options(changing=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATING})
        revision = revision_of(connection)
        seal = Seal(read_key(home / KEY_FILE, may_make=revision is None))
        if revision != REVISION:
            migrate(connection)
        if revision is None:
            begin_chain(connection, seal)
        key_id = connection.execute(select(audit_head.c.key_id)).scalar_one_or_none()
        if key_id not in {None, seal.key_id}:  # a missing head is for verify_audit to report
            raise Permanent(
                f"{home / KEY_FILE} is not the key this ledger was begun with; put the audit.key of the host "
                "that made the ledger in its place"
            )
    return seal


def revision_of(connection: Connection) -> str | None:
    """The revision of the tables; None: there are none yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def migrate(connection: Connection) -> None:
    """Run the revisions that are missing, inside the caller's transaction.

    Raises:
        Permanent: the ledger is newer than this program.
    """
    from alembic import command  # noqa: PLC0415  # 0.2 s that an up-to-date ledger does not pay
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, REVISION)
    except CommandError:
        raise Permanent("the ledger was written by a newer version of heal; update this one") from None


def read_key(path: Path, *, may_make: bool) -> bytes:
    """The audit key; a new one only for a new ledger, inside the transaction that makes it.

    Raises:
        Permanent: the key of an existing ledger is gone or damaged.
    """
    if may_make and not path.exists():
        write_whole(path, secrets.token_bytes(KEY_BYTES))
    if not path.exists() or len(key := path.read_bytes()) != KEY_BYTES:
        raise Permanent(f"{path} is missing or damaged: restore it, the audit cannot be continued without it")
    return key


def write_whole(path: Path, content: bytes) -> None:
    """A file of mode 0600 that is there with all its bytes or not at all."""
    draft = path.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        os.write(descriptor, content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    draft.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
