"""Gaps of messages of ours that do not arrive: opened when one is stuck, closed when each went or lies aside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from models.feed import CONFIRM_WITHIN, resource_of
from models.gap import Balance, Gap, GapState, Reason, Trouble, Unit, united
from models.integration import Integration
from models.reading import Direction
from models.sending import Send, SendState, Tally
from tasks.gaps.keep import NOT_YET, keep
from tasks.house import House
from tasks.ledger import Change, Ledger
from tasks.ledger.send_reads import STILL_GOING

MOST = 1000  # messages that are looked at


def is_sending_behind(house: House) -> bool:
    """Whether a message is stuck, or a gap of messages is not over."""
    return bool(stuck(house.ledger, house.clock.now()) or message_gaps(house.ledger))


def keep_message_gaps(house: House) -> None:
    """Open, extend, end and close the gaps that messages leave which do not arrive: one transaction."""
    now, ledger = house.clock.now(), house.ledger
    found = stuck(ledger, now)
    if not found and not message_gaps(ledger):
        return
    with ledger.change("gaps", now) as change:
        for trouble in stuck_spans(house, change, found):
            keep(change, message_gaps(change), trouble, now)
        for gap in message_gaps(change):
            behind = [
                send for send in found if send.kind in gap.operations and send.integration_id == gap.integration_id
            ]
            change.keep(sent_again(change, gap, behind, now))


def stuck(ledger: Ledger | Change, now: datetime) -> tuple[Send, ...]:
    """The messages in quarantine, and those that wait for longer than a message may."""
    waiting = ledger.sends(None, STILL_GOING, MOST)
    late = (send for send in waiting if send.queued_at + CONFIRM_WITHIN <= now)
    return (*ledger.sends(None, [SendState.QUARANTINED], MOST), *late)


def message_gaps(ledger: Ledger | Change) -> tuple[Gap, ...]:
    """The gaps of messages that are not over."""
    states = (GapState.OPEN, GapState.BACKFILLING, GapState.QUARANTINED)
    return tuple(gap for state in states for gap in ledger.all_kept(Gap, state=state) if gap.unit is Unit.MESSAGES)


def stuck_spans(house: House, change: Change, found: Iterable[Send]) -> Iterator[Trouble]:
    """The spans of what is stuck and lies in no gap yet, by receiver and kind of data."""
    declared = {one.id: one for one in house.configuration.integrations}
    groups: dict[tuple[str, str], list[Send]] = {}
    for send in found:
        if integration := declared.get(send.integration_id):
            groups.setdefault((send.integration_id, resource_to(integration, send.kind)), []).append(send)
    for (integration_id, resource), sends in groups.items():
        mine = [gap for gap in change.all_kept(Gap, integration_id) if gap.resource == resource and not gap.holds]
        free = [send for send in sends if not any(holds_message(gap, send) for gap in mine)]
        incident = change.current(integration_id)
        if free:
            yield Trouble(
                integration_id=integration_id,
                resource=resource,
                direction=Direction.OUT,
                since=min(send.queued_at for send in free),
                last_at=max(send.queued_at for send in free),
                reasons=(Reason.STUCK_MESSAGES,),
                unit=Unit.MESSAGES,
                operations=united((send.kind for send in free), ()),
                incident_id=incident.id if incident and incident.state not in NOT_YET else None,
            )


def resource_to(integration: Integration, kind: str) -> str:
    """What kind of data a message carries: as its feed says, else by its name."""
    feeds = (one for one in integration.feeds if one.direction is Direction.OUT and kind in one.operations)
    return next((feed.resource for feed in feeds), resource_of(kind))


def holds_message(gap: Gap, send: Send) -> bool:
    """Whether a message was counted in a gap."""
    is_then = gap.since <= send.queued_at and (gap.until is None or send.queued_at <= gap.until)
    return gap.unit is Unit.MESSAGES and send.kind in gap.operations and is_then


def sent_again(change: Change, gap: Gap, found: Sequence[Send], now: datetime) -> Gap:
    """A gap of messages as it is now: ended when nothing of it waits any more, and counted by what arrived."""
    mine = [send for send in found if send.integration_id == gap.integration_id and send.kind in gap.operations]
    waits = any(send.state is not SendState.QUARANTINED for send in mine)
    if gap.state is GapState.OPEN and not waits:
        gap = gap.ended(gap.last_at)
    tally = change.sends_between(gap.integration_id, gap.operations, gap.since, gap.until or now)
    return gap.counted(arrived(tally), now)


def arrived(tally: Tally) -> Balance:
    """What arrived of what was to; what people withdrew was not expected to."""
    return Balance(
        expected=tally.sent + tally.waiting + tally.quarantined, delivered=tally.sent, quarantined=tally.quarantined
    )
