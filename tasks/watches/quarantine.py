"""Messages in quarantine: each needs a person, and what follows for the same patient waits behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from models.alert import Finding
from models.anomaly import Severity
from models.sending import Send, SendState
from tasks.watches._interface import Round

MOST = 1000  # looked at


def watch(round_: Round) -> Iterator[Finding]:
    """One finding for each receiver."""
    ledger = round_.house.ledger
    by_receiver: dict[str, list[Send]] = {}
    for send in ledger.sends(None, [SendState.QUARANTINED], MOST):
        by_receiver.setdefault(send.integration_id, []).append(send)
    return (finding(name, stuck, ledger.sends_behind(name)) for name, stuck in by_receiver.items())


def finding(integration_id: str, stuck: list[Send], behind: int) -> Finding:
    """How many, why, and what waits."""
    reasons = Counter(str(one.because or "unknown").replace("_", " ") for one in stuck)
    whys = ", ".join(f"{many} {why}" for why, many in reasons.most_common())
    return Finding(
        integration_id=integration_id,
        subject="messages",
        severity=Severity.HIGH,
        says=f"messages in quarantine: {len(stuck)} ({whys}); {behind} wait behind them",
        since=min(one.changed_at for one in stuck),
        advice=f"`heal sends {integration_id}` says why; `heal redrive` brings them over after the fix",
    )
