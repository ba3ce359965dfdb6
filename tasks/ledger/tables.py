"""The ledger's tables. A noun is stored as JSON (`document`) beside the columns that keys and queries need.

`sqlite_strict`: SQLite would otherwise take any value in any column. A change here needs a revision in
`tasks/migrations/versions`; a test compares the two.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

REVISION = "0004"  # the head of tasks/migrations, so that an up-to-date ledger opens without Alembic


class Instant(TypeDecorator[datetime]):
    """An aware instant in UTC: timestamptz on PostgreSQL, text of fixed width (it sorts as time) on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime] | TypeEngine[str]:
        """The column type of this database."""
        return DateTime(timezone=True) if dialect.name == "postgresql" else Text()

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        """To the database."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("the ledger stores aware instants only")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.isoformat(timespec="microseconds")

    def process_result_value(self, value: datetime | str | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        del dialect
        if value is None:
            return None
        return (datetime.fromisoformat(value) if isinstance(value, str) else value).astimezone(UTC)


metadata = MetaData()


def at_most_one(name: str, column: Column[str], where: str) -> Index:
    """A partial unique index: at most one row per `column` among those `where`."""
    return Index(name, column, unique=True, sqlite_where=text(where), postgresql_where=text(where))


incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("integration_id", Text, nullable=False, index=True),
    Column("fingerprint", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("detected_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
    Column("version", Integer, nullable=False),
    Column("document", Text, nullable=False),
    sqlite_strict=True,
)
at_most_one("one_incident_per_fingerprint", incidents.c.fingerprint, "state <> 'closed'")  # I1

actions = Table(
    "actions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("incident_id", Text, ForeignKey("incidents.id"), nullable=False, index=True),
    Column("integration_id", Text, nullable=False),
    Column("remedy", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("plan_hash", Text, nullable=False, unique=True),
    Column("planned_at", Instant, nullable=False),
    Column("executed_at", Instant, index=True),
    Column("document", Text, nullable=False),
    sqlite_strict=True,
)
at_most_one(  # I2; the states are those of models.remedy.NEXT that still lead somewhere
    "one_open_action_per_integration",
    actions.c.integration_id,
    "state IN ('planned', 'awaiting_approval', 'approved', 'executing', 'unknown', 'verifying', 'rolling_back')",
)

anomalies = Table(
    "anomalies",
    metadata,
    Column("id", Text, primary_key=True),
    Column("incident_id", Text, ForeignKey("incidents.id"), nullable=False),
    Column("integration_id", Text, nullable=False),
    Column("metric", Text, nullable=False),
    UniqueConstraint("incident_id", "integration_id", "metric", name="one_number_per_metric"),
    sqlite_strict=True,
)

counters = Table(  # the last NNN given out, per kind and UTC day
    "counters",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("day", Text, primary_key=True),
    Column("last", Integer, nullable=False),
    sqlite_strict=True,
)

adjustments = Table(
    "adjustments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("integration_id", Text, nullable=False, index=True),
    Column("action_id", Text, ForeignKey("actions.id"), nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    Column("reverted_at", Instant),
    Column("document", Text, nullable=False),
    sqlite_strict=True,
)

leases = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text),  # NULL: given back
    Column("token", Integer, nullable=False),
    Column("expires_at", Instant, nullable=False),
    sqlite_strict=True,
)

missed_reads = Table(
    "missed_reads",
    metadata,
    Column("id", Text, primary_key=True),
    Column("integration_id", Text, nullable=False),
    Column("incident_id", Text, ForeignKey("incidents.id"), index=True),
    Column("operation", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Index("missed_reads_by_turn", "integration_id", "state", "due_at"),
    sqlite_strict=True,
)

changes = Table(  # what was altered on either side (models.facts.Change)
    "changes",
    metadata,
    Column("integration_id", Text, primary_key=True),
    Column("at", Instant, primary_key=True),
    Column("side", Text, primary_key=True),
    Column("says", Text, primary_key=True),
    Column("kind", Text),
    Column("before", Text),
    Column("after", Text),
    sqlite_strict=True,
)

records = Table(  # a noun that is kept by its id and needs no column of its own (tasks.ledger.records)
    "records",
    metadata,
    Column("noun", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("integration_id", Text),
    Column("state", Text),  # what the noun's `state` says, where it has one
    Column("updated_at", Instant, nullable=False),
    Column("document", Text, nullable=False),
    Index("records_by_integration", "noun", "integration_id"),
    Index("records_by_state", "noun", "state"),
    sqlite_strict=True,
)

escalations = Table(
    "escalations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("incident_id", Text, ForeignKey("incidents.id"), nullable=False),
    Column("rule", Text, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("document", Text, nullable=False),
    UniqueConstraint("incident_id", "rule", name="one_call_per_rule"),
    sqlite_strict=True,
)

notices = Table(
    "notices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("incident_id", Text, nullable=False),  # or the id of an alert
    Column("seq", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("escalation_id", Text, ForeignKey("escalations.id")),
    Column("says", Text, nullable=False),
    Column("queued_at", Instant, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("holder", Text),  # who is sending it
    Column("claimed_until", Instant),
    Column("last_error", Text),
    Column("stage", Text),  # what withholds it
    Column("because", Text),
    Column("told_by", Text),  # the notice that tells of it
    Column("environment", Text),  # with route and root: its group
    Column("root", Text),
    Column("released_at", Instant),
    Column("tried_at", Instant),
    Column("sent_at", Instant),
    Column("step", Integer),  # NULL: the call itself
    Column("instead_of", Text),
    UniqueConstraint("incident_id", "seq", name="one_order_per_incident"),
    Index("notices_by_turn", "state", "not_before"),
    Index("notices_by_root", "root"),
    sqlite_strict=True,
)

sends = Table(  # messages to be brought over (models.sending); what they say is in files of the home, never here
    "sends",
    metadata,
    Column("id", Text, primary_key=True),
    Column("integration_id", Text, nullable=False),
    Column("seq", Integer, nullable=False, unique=True),
    Column("order_key", Text, nullable=False),
    Column("identity", Text, nullable=False),
    Column("content", Text, nullable=False),
    Column("place", Text, nullable=False),  # whose disk has the letter: hosts may share a ledger, and no files
    Column("letter", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("spent", Integer, nullable=False),
    Column("asks", Integer, nullable=False),
    Column("because", Text),
    Column("code", Text),
    Column("queued_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("not_before", Instant, nullable=False),
    Column("left_at", Instant),
    UniqueConstraint("integration_id", "identity", name="one_send_per_message"),
    Index("sends_by_turn", "integration_id", "state", "not_before"),
    sqlite_strict=True,
)
IN_THE_WAY = "state NOT IN ('sent', 'withdrawn')"  # models.sending.SendState.is_over
Index(
    "sends_in_the_way",
    sends.c.integration_id,
    sends.c.order_key,
    sends.c.seq,
    sqlite_where=text(IN_THE_WAY),
    postgresql_where=text(IN_THE_WAY),
)

switches = Table(  # the kill switch is a row; no row: healing is on
    "switches",
    metadata,
    Column("name", Text, primary_key=True),
    Column("reason", Text, nullable=False),
    Column("since", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    sqlite_strict=True,
)

audit = Table(
    "audit",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("rule", Text),
    Column("before_hash", Text),
    Column("after_hash", Text),
    Column("facts", Text, nullable=False),
    Column("prev", Text, nullable=False),
    Column("mac", Text, nullable=False),
    sqlite_strict=True,
)

audit_head = Table(  # one row: how long the chain is, so that a cut tail is seen
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", Integer, nullable=False),
    Column("mac", Text, nullable=False),
    Column("seal", Text, nullable=False),  # HMAC over seq and mac: a head cannot be made up either
    Column("key_id", Text, nullable=False),
    CheckConstraint("id = 1", name="only_one_head"),
    sqlite_strict=True,
)
