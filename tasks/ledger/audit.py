"""The audit chain: every change leaves a row that is sealed with a key and with the row before it.

``mac = HMAC-SHA256(key, canonical JSON ‖ prev)`` (spec: security, 3.4). Editing, deleting or reordering rows
breaks a mac; cutting the tail contradicts the head row, which is sealed too. What no chain inside a database
can show is the whole database set back to an older copy: for that, keep an `Anchor` elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import NonNegativeInt
from sqlalchemy import Connection, Row, RowMapping, func, insert, select, update

from models.errors import Permanent
from models.noun import Noun
from tasks.ledger.tables import audit, audit_head

Scalar = str | int | float | bool | None
Flaw = tuple[int, str]  # the first bad row, and what is wrong

GENESIS = "0" * 64  # what stands before the first row
CODE = re.compile(r"[\w.:/@+-]{1,160}")  # identifiers and codes; a sentence has spaces and does not pass
ACTOR = re.compile(r"[\w.:/@+ -]{1,120}")
FACTS = frozenset(
    {
        "attempt",
        "attempts",
        "count",
        "error_class",
        "expires_at",
        "fault_domain",
        "from_state",
        "holder",
        "integration_id",
        "kind",
        "mode",
        "outcome",
        "plan_hash",
        "policy_version",
        "remedy",
        "route",
        "setting",
        "severity",
        "side",
        "state",
        "token",
        "verdict",
        "version",
    }
)  # the names a row may carry; whatever else somebody wants to write stays out


class Anchor(Noun):
    """How far the chain had come, to be kept where the ledger cannot be changed."""

    seq: NonNegativeInt
    mac: str


class AuditVerdict(Noun):
    """Whether the chain is whole; `first_bad` is the first row that cannot be trusted."""

    intact: bool
    rows: NonNegativeInt
    first_bad: NonNegativeInt | None
    says: str
    head: Anchor | None


@dataclass(frozen=True)
class Seal:
    """The key of the chain. Not printable."""

    _key: bytes

    def __repr__(self) -> str:
        """Never the key."""
        return "Seal(…)"

    def mac(self, words: str) -> str:
        """HMAC-SHA256, hex."""
        return hmac.new(self._key, words.encode(), hashlib.sha256).hexdigest()

    @property
    def key_id(self) -> str:
        """Which key this is, without telling it."""
        return self.mac("key-id")[:16]

    def head(self, seq: int, mac: str) -> dict[str, Any]:
        """The head row after `seq` rows."""
        return {"id": 1, "seq": seq, "mac": mac, "seal": self.mac(f"head {seq} {mac}"), "key_id": self.key_id}


def begin_chain(connection: Connection, seal: Seal) -> None:
    """Write the head of an empty chain; once, when the ledger is created."""
    connection.execute(insert(audit_head).values(**seal.head(0, GENESIS)))


def hold_head(connection: Connection, seal: Seal) -> Anchor:
    """The end of the chain, held until the transaction ends: on PostgreSQL this is what makes changes take turns.

    Raises:
        Permanent: the head is gone, or sealed with another key.
    """
    head = connection.execute(select(audit_head).with_for_update()).one_or_none()
    if head is None:
        raise Permanent("the ledger's audit head is missing: somebody changed the ledger; restore a backup")
    if head.key_id != seal.key_id:
        raise Permanent(
            "audit.key is not the key this ledger was begun with; put the audit.key of the host that made the "
            "ledger into the home directory"
        )
    return Anchor(seq=head.seq, mac=head.mac)


def append(
    connection: Connection,
    seal: Seal,
    end: Anchor,
    *,
    at: datetime,
    actor: str,
    action: str,
    object_id: str,
    rule: str | None,
    hashes: tuple[str | None, str | None],
    facts: Mapping[str, Scalar],
) -> Anchor:
    """Add one row behind `end`, and return the new end; `move_head` before the transaction ends.

    Raises:
        ValueError: a fact that is not on the allow-list, or words where a code is expected.
    """
    for code in (action, object_id, *([rule] if rule else [])):
        check(CODE, code)
    check(ACTOR, actor)
    row: dict[str, Any] = {
        "seq": end.seq + 1,
        "at": at,
        "actor": actor,
        "action": action,
        "object_id": object_id,
        "rule": rule,
        "before_hash": hashes[0],
        "after_hash": hashes[1],
        "facts": json.dumps(allowed(facts), sort_keys=True, separators=(",", ":")),
        "prev": end.mac,
    }
    row["mac"] = seal.mac(canonical(row) + end.mac)
    connection.execute(insert(audit).values(**row))
    return Anchor(seq=row["seq"], mac=row["mac"])


def move_head(connection: Connection, seal: Seal, end: Anchor) -> None:
    """Let the head name the last row."""
    connection.execute(update(audit_head).values(**seal.head(end.seq, end.mac)))


def check(pattern: re.Pattern[str], words: str) -> None:
    """Refuse what is not a code, without repeating it."""
    if not pattern.fullmatch(words):
        raise ValueError("the audit takes identifiers and codes only, no sentences")


def allowed(facts: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """The facts, if every name is on the allow-list and every value a number or a code."""
    if unknown := sorted(set(facts) - FACTS):
        raise ValueError(f"the audit has no place for {', '.join(unknown)}; see tasks.ledger.audit.FACTS")
    for value in facts.values():
        if isinstance(value, str):
            check(CODE, value)
    return {name: str(value) if isinstance(value, str) else value for name, value in facts.items()}


def canonical(row: Mapping[str, Any] | RowMapping) -> str:
    """One spelling of a row: sorted keys, no blanks, the instant in UTC with microseconds."""
    spelt = {name: row[name] for name in row if name not in {"mac", "prev"}}
    spelt["at"] = row["at"].astimezone(UTC).isoformat(timespec="microseconds")
    return json.dumps(spelt, sort_keys=True, separators=(",", ":"))


def verify(connection: Connection, seal: Seal, anchor: Anchor | None = None) -> AuditVerdict:
    """Walk the whole chain, then compare its end with the head row and, if given, with an anchor."""
    head = connection.execute(select(audit_head)).one_or_none()
    count = connection.execute(select(func.count()).select_from(audit)).scalar_one()
    if head is None:
        return bad(count, 1, "the head row is missing", None)
    seen = Anchor(seq=head.seq, mac=head.mac)
    rows = connection.execution_options(yield_per=1000).execute(select(audit).order_by(audit.c.seq))
    broken, end = walk(rows, seal, anchor)
    broken = broken or against_head(head, end, seal) or against_anchor(anchor, end)
    if broken:
        return bad(count, *broken, seen)
    return AuditVerdict(intact=True, rows=count, first_bad=None, says=f"{count} rows, unbroken", head=seen)


def walk(rows: Iterable[Row[Any]], seal: Seal, anchor: Anchor | None) -> tuple[Flaw | None, Anchor]:
    """The first broken row with the reason, if any, and the end of the chain so far."""
    end = Anchor(seq=0, mac=GENESIS)
    for row in rows:
        expected = end.seq + 1
        if row.seq != expected:
            return (expected, f"row {expected} is missing"), end
        if row.prev != end.mac or row.mac != seal.mac(canonical(row._mapping) + row.prev):  # noqa: SLF001  # SQLAlchemy's documented name
            return (expected, f"row {expected} was changed or moved"), end
        if anchor and anchor.seq == row.seq and anchor.mac != row.mac:
            return (expected, f"row {expected} is not the one that the anchor names"), end
        end = Anchor(seq=row.seq, mac=row.mac)
    return None, end


def against_head(head: Row[Any], end: Anchor, seal: Seal) -> Flaw | None:
    """What the head row says against the end of the chain, if anything."""
    if not hmac.compare_digest(head.seal, seal.head(head.seq, head.mac)["seal"]):
        return end.seq, "the head row was made up, or audit.key is not the key of this ledger"
    if head.seq != end.seq:
        return min(head.seq, end.seq) + 1, f"the head counts {head.seq} rows, there are {end.seq}"
    return None if head.mac == end.mac else (end.seq, "the last row is not the one that the head names")


def against_anchor(anchor: Anchor | None, end: Anchor) -> Flaw | None:
    """Whether the chain is shorter than it once was."""
    if anchor is None or anchor.seq <= end.seq:
        return None
    return end.seq + 1, f"the anchor was taken at row {anchor.seq}: rows are gone"


def bad(rows: int, first: int, says: str, head: Anchor | None) -> AuditVerdict:
    """A chain that is not whole."""
    return AuditVerdict(intact=False, rows=rows, first_bad=first, says=says, head=head)
