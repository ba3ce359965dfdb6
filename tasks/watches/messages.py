"""Messages that do not arrive: in quarantine each needs a person; what waits for an hour is held up by something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from models.alert import Finding
from models.anomaly import Severity
from models.sending import Send, SendState
from models.wording import span
from tasks.ledger.send_reads import STILL_GOING
from tasks.watches._interface import Round

MOST = 1000  # looked at
LONG = timedelta(hours=1)  # twice the longest usual restart of an interface engine


def watch(round_: Round) -> Iterator[Finding]:
    """One finding for each receiver: what is in quarantine there, else what waits for long."""
    ledger = round_.house.ledger
    stuck = by_receiver(ledger.sends(None, [SendState.QUARANTINED], MOST))
    waiting = by_receiver(ledger.sends(None, STILL_GOING, MOST))
    for name, sends in stuck.items():
        yield quarantined(name, sends, ledger.sends_behind(name))
    for name, sends in waiting.items():
        if name not in stuck and sends[0].queued_at + LONG <= round_.as_of:
            yield held_up(name, sends, round_.as_of)


def by_receiver(sends: Iterable[Send]) -> dict[str, list[Send]]:
    """Each receiver's, in their order."""
    grouped: dict[str, list[Send]] = {}
    for send in sends:
        grouped.setdefault(send.integration_id, []).append(send)
    return grouped


def quarantined(integration_id: str, stuck: list[Send], behind: int) -> Finding:
    """How many, why, and what waits."""
    reasons = Counter(str(one.because or "unknown").replace("_", " ") for one in stuck)
    whys = ", ".join(f"{many} {why}" for why, many in reasons.most_common())
    return Finding(
        integration_id=integration_id,
        subject="quarantine",
        severity=Severity.HIGH,
        says=f"messages in quarantine: {len(stuck)} ({whys}); {behind} wait behind them",
        since=min(one.changed_at for one in stuck),
        advice=f"`heal sends {integration_id}` says why; `heal redrive` brings them over after the fix",
    )


def held_up(integration_id: str, waiting: list[Send], as_of: datetime) -> Finding:
    """How many, and for how long."""
    since = waiting[0].queued_at
    return Finding(
        integration_id=integration_id,
        subject="waiting",
        severity=Severity.MEDIUM,
        says=f"messages that wait: {len(waiting)}, the first for {span((as_of - since).total_seconds())} (limit 1 h)",
        since=since,
        advice="When the receiver is well: is healing halted, or the host away that has them on its disk?",
    )
