"""Probe advice: the one thing to add so that a hop is seen, as lines for `integrations.yaml`.

The lines are complete but for what only people know: a date, a database, who agreed. Where a consent is needed its
line stays empty, and `heal validate` refuses it until somebody is named: a word of ours would be no consent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import NamedTuple

from models.canary import EVERY
from models.coverage import Hop, HopKind, Witness
from models.feed import Feed
from models.gauge import CURSOR, QUEUE_DEPTH
from models.integration import Environment, Integration
from models.noun import Noun

NO_NAME = re.compile(r"[^A-Za-z0-9_]")  # what a table cannot be called
INGEST = "docs/ingest.md"
Lines = tuple[str, ...]
CALLED = {  # what people call the records that the connectors here read; a file of promises has the same name
    "Patient": "patients",
    "GetPatient": "patients",
    "Appointment": "appointments",
    "GetSchedule": "appointments",
    "MedicationRequest": "prescriptions",
    "VisionPrescription": "prescriptions",
    "GetPrescriptions": "prescriptions",
    "Order": "orders",
    "Claims": "claims",
    "Eligibility": "eligibility",
}


class Can(NamedTuple):
    """What a kind of system lets be arranged."""

    canary: bool = False  # it has a harmless record to write
    canary_settings: Lines = ()  # what must stand under `settings` for it, where nothing does yet
    records: bool = False  # it hands out records to compare


class Probe(Noun):
    """What to add."""

    witness: Witness | None  # that will speak then; None: all that can be arranged is
    says: str
    yaml: str | None = None  # lines for integrations.yaml, from its first column; None: nothing is missing there


class Need(NamedTuple):
    """A hop that wants to be seen, and where it is declared."""

    hop: Hop
    one: Integration
    feed: Feed | None
    can: Can


class Way(NamedTuple):
    """How it may be: in words, and as lines of the integration's entry, or of the file."""

    says: str
    lines: Lines = ()
    of_file: Lines = ()


def probe_for(hop: Hop, one: Integration, can: Can) -> Probe:
    """The one thing to add for a hop: the first of its ways that can be gone, and that nobody has gone yet."""
    feed = next((each for each in one.feeds if each.name == hop.subject), None)
    need = Need(hop, one, feed, can)
    arranged = {each.witness for each in hop.witnesses if each.is_arranged}
    for witness, way in WAYS[hop.kind]:
        told = None if witness in arranged else way(need)
        if told is not None:
            return Probe(witness=witness, says=told.says, yaml=written(one, told))
    return Probe(witness=None, says=silence(hop))


def silence(hop: Hop) -> str:
    """Where all is arranged: what to look at when nobody speaks."""
    if not hop.silent:
        return "nothing to add: it is seen"
    if Witness.HEARTBEAT in hop.silent:
        return f"start the bridge, and let its heartbeats reach the inbox ({INGEST})"
    return f"arranged and not heard lately: {', '.join(hop.silent)}; look whether the monitor runs, and `heal flow`"


def written(one: Integration, way: Way) -> str | None:
    """The lines as they stand in integrations.yaml."""
    entry = ("integrations:", f"  - id: {one.id}", *(f"    {line}" for line in way.lines)) if way.lines else ()
    return "".join(f"{line}\n" for line in (*way.of_file, *entry)) or None


# --- the ways ---------------------------------------------------------------------------------------------------------


def news(need: Need) -> Way | None:
    """How often something new comes: from then on an old answer is told from a new one."""
    if need.feed is None:
        return None
    return Way("say how often something new comes, so that an old answer is told from a new one", feeds(need))


def feeds(need: Need) -> Lines:
    """The feed with its news; beside it all that were only assumed, because a list takes their place."""
    listed = need.one.feeds if "feeds" not in need.one.model_fields_set else (need.feed,)
    lines = ["feeds:"]
    for feed in filter(None, listed):
        lines += [f"  - name: {feed.name}", f"    resource: {feed.resource}"]
        lines.append(f"    operations: [{', '.join(feed.operations)}]")
        if feed == need.feed:
            lines.append("    every: 1h # something new comes at least this often while they are open")
    return tuple(lines)


def schedule(need: Need) -> Way:
    """When a file is due."""
    place = ("settings:", "  files:", f"    {need.hop.operations[0]}:", "      schedule:")
    return Way("say when the file is due, so that a day without it is seen", (*place, '        by: "06:00"'))


def comparison(need: Need) -> Way | None:
    """Both sides, record by record."""
    feed = need.feed
    if feed is None or not need.can.records:
        return None
    called = CALLED.get(feed.resource, feed.name)
    if any(wanted.name == called for wanted in need.one.reconcile):
        called = feed.name
    lines = (
        "reconcile:",
        f"  - name: {called}",
        f"    resource: {feed.resource}",
        f"    operation: {feed.operations[0]}",
        "    ours:",
        "      url: env:LANDED_URL # where your data land, e.g. postgresql://…",
        f"      table: {NO_NAME.sub('_', called)}",
        "    columns: # as they are called in a record of theirs (`theirs`) and in your table (`ours`); add more",
        "      - name: id",
        "        kind: code",
        "      - name: updated_at",
        "        kind: instant",
        "        theirs: meta.lastUpdated",
        "    changed: updated_at",
    )
    return Way("compare both sides, record by record", lines)


def canary(need: Need) -> Way | None:
    """A record of ours, and whether it arrives."""
    if not need.can.canary:
        return None
    settings = need.can.canary_settings
    lines = (*(("settings:",) if settings else ()), *(f"  {line}" for line in settings))
    lines += ("canary:", f"  every: {int(EVERY / timedelta(minutes=1))}m")
    if need.one.environment is Environment.PRODUCTION:
        lines += ("  consent: # who agreed that we write there, and when; it is refused until somebody is named",)
    return Way("write a harmless record of ours now and then, and look whether it arrives", lines)


def queue(need: Need) -> Way | None:
    """How many wait."""
    says = f"say how many wait: by a query to Prometheus, or by `cursor` records of the sender ({INGEST})"
    return Way(says, query(need.feed, QUEUE_DEPTH, "waiting")) if need.feed else None


def cursor(need: Need) -> Way | None:
    """How far the program that lands them has come, which says something where news are expected."""
    if need.feed is None:
        return None
    says = f"say how far what lands them has come: by a query to Prometheus, or by its `cursor` records ({INGEST})"
    expected = () if need.feed.expects_news else feeds(need)
    return Way(says, (*expected, *query(need.feed, CURSOR, "newest_landed_timestamp_seconds")))


def query(feed: Feed, metric: str, series: str) -> Lines:
    """One query to a Prometheus server, about a feed."""
    unit = ("    unit: seconds",) if metric == CURSOR else ()
    lines = (
        "metrics:",
        "  - url: https://prometheus.example.org # yours",
        f"    query: max({series}) # yours",
        f"    name: {metric}",
        f"    subject: {feed.operations[0]}",
    )
    return (*lines, *unit)


def traffic(need: Need) -> Way:
    """What the application itself says of its writes."""
    step = "accepted" if need.hop.kind is HopKind.SEND else "landed"
    lines = ("intake:", "  follow:", "    - path: /var/log/your-application/writes.jsonl # yours")
    says = f"let your application write a `{step}` record of each write ({INGEST})"
    return Way(says, of_file=(*lines, f"      integration: {need.one.id}"))


def ends(_: Need) -> Way:
    """When a credential ends."""
    lines = (
        "credentials:",
        "  - kind: client_secret # or what it is",
        "    changed: 2026-01-01 # when it was last changed",
        "    max_age: 365d # and how long it may be used",
    )
    return Way("say when the credential ends, which no system tells", lines)


WAYS: Mapping[HopKind, tuple[tuple[Witness, Callable[[Need], Way | None]], ...]] = MappingProxyType(
    {
        HopKind.CREDENTIAL: ((Witness.EXPIRY, ends),),
        HopKind.BRIDGE: (),  # a bridge that is declared is arranged
        HopKind.READ: ((Witness.FRESHNESS, news), (Witness.RECONCILIATION, comparison)),
        HopKind.FILE: ((Witness.FRESHNESS, schedule), (Witness.RECONCILIATION, comparison)),
        HopKind.LANDED: ((Witness.RECONCILIATION, comparison), (Witness.CURSOR, cursor)),
        HopKind.QUEUE: ((Witness.COUNTERS, queue),),
        HopKind.SEND: ((Witness.ACK, canary), (Witness.ACK, traffic)),
        HopKind.CONFIRM: ((Witness.LANDING, canary), (Witness.RECONCILIATION, comparison), (Witness.LANDING, traffic)),
    }
)
"""Of each hop, what may be arranged: what tells soonest and costs least comes first."""
