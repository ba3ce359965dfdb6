"""Ourselves: cycles that did not happen or take too long, a wrong clock, watches and detectors that are blind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from models.alert import Finding
from models.anomaly import Severity
from models.gauge import OURSELVES
from models.ourselves import (
    BEAT,
    CYCLE_S,
    FAILED_CYCLES,
    FEWEST_WITNESSES,
    LAG_S,
    LATELY,
    OFFSET_LIMIT_S,
    OFFSET_S,
    STALE,
    TOLD_FOR,
    WATCH_FAILED,
    WITHHELD,
    WITNESSES,
    Pause,
    pause_between,
)
from models.rounds import round_length
from models.wording import span, stamp
from tasks.learn import learned_until
from tasks.ourselves import latest_beginning, own_gauges
from tasks.watches._interface import Round

METRICS = (CYCLE_S, LAG_S, OFFSET_S, WITNESSES, BEAT, WATCH_FAILED, WITHHELD)
REACH = timedelta(minutes=15)  # a little more than what is told of
OF_TEN = 10  # cycles over which failures of a watch are counted

Sample = tuple[datetime, float]
Samples = dict[str, list[Sample]]
"""By metric, or by metric and subject with a colon between, oldest first."""


def watch(round_: Round) -> Iterator[Finding]:
    """Everything that is wrong with the monitor itself; nothing where time is compressed, because there it is late."""
    if round_.house.clock.speed != 1.0:
        return
    known, every = samples(round_), round_length(round_.integrations)
    for look in (paused, slow, wrong_clock, unheard, blind, discreet, forgetful):
        yield from look(round_, known, every)


def samples(round_: Round) -> Samples:
    """What was measured lately."""
    found: Samples = defaultdict(list)
    for row in own_gauges(round_.history, METRICS, round_.as_of - TOLD_FOR - REACH, round_.as_of):
        name = f"{row['metric']}:{row['subject']}" if row["subject"] else row["metric"]
        found[name].append((row["observed_at"], row["value"]))
    return found


def finding(subject: str, severity: Severity, says: str, since: datetime, advice: str) -> Finding:
    """Something about the monitor."""
    return Finding(integration_id=OURSELVES, subject=subject, severity=severity, says=says, since=since, advice=advice)


def paused(round_: Round, known: Samples, every: timedelta) -> Iterator[Finding]:
    """Cycles that never began; the latest pause is told of for an hour."""
    if pause := latest_pause(round_, known, every):
        lasted = span((pause.until - pause.since).total_seconds())
        says = (
            f"no cycle began between {stamp(pause.since)} and {stamp(pause.until)} ({lasted}, {pause.missed} missed): "
            "every integration is UNKNOWN there"
        )
        advice = "See why the monitor stood still: its log, its host, or the scheduler's page"
        yield finding("missed_cycles", Severity.HIGH, says, pause.since, advice)


def latest_pause(round_: Round, known: Samples, every: timedelta) -> Pause | None:
    """The pause before this cycle, which is not written down yet, or the latest of the last hour."""
    before = known[CYCLE_S][-1][0] if known[CYCLE_S] else latest_beginning(round_.history, round_.as_of)
    if before and (now := pause_between(before, round_.as_of, every)):
        return now
    late = [(at, pause_between(at - every - timedelta(seconds=lag), at, every)) for at, lag in known[LAG_S]]
    return next((pause for at, pause in reversed(late) if pause and round_.as_of - at < TOLD_FOR), None)


def slow(_: Round, known: Samples, every: timedelta) -> Iterator[Finding]:
    """Cycles that take longer than there is from one to the next."""
    latest = known[CYCLE_S][-LATELY:]
    if len(latest) == LATELY and all(took > every.total_seconds() for _, took in latest):
        says = f"the last {LATELY} cycles took {shown(latest)} each, and one is due every {span(every.total_seconds())}"
        advice = "Give the monitor more CPU, read less often (`probe_every`), or split the integrations"
        yield finding("slow_cycles", Severity.MEDIUM, says, latest[0][0], advice)


def shown(samples_: Sequence[Sample]) -> str:
    """The shortest and the longest of some durations."""
    values = [value for _, value in samples_]
    return f"{min(values):.0f} to {max(values):.0f} s"


def wrong_clock(_: Round, known: Samples, __: timedelta) -> Iterator[Finding]:
    """Our clock against the vendors', when enough of them were heard in each of the latest cycles."""
    witnesses = dict(known[WITNESSES])
    latest = [one for one in known[OFFSET_S] if witnesses.get(one[0], 0) >= FEWEST_WITNESSES][-LATELY:]
    if len(latest) == LATELY and all(abs(offset) > OFFSET_LIMIT_S for _, offset in latest):
        at, offset = latest[-1]
        word = "ahead of" if offset > 0 else "behind"
        says = (
            f"our clock is {abs(offset):.0f} s {word} the middle of {witnesses[at]:.0f} vendors' clocks "
            f"(limit {OFFSET_LIMIT_S:.0f} s)"
        )
        advice = "Let NTP set the clock; signed tokens are refused by a wrong one"
        yield finding("clock_offset", Severity.HIGH, says, latest[0][0], advice)


def unheard(round_: Round, known: Samples, _: timedelta) -> Iterator[Finding]:
    """A heartbeat that is asked for and does not arrive."""
    latest = known[BEAT][-FAILED_CYCLES:]
    asked = round_.house.configuration.policy.heartbeat is not None
    if asked and len(latest) == FAILED_CYCLES and not any(sent for _, sent in latest):
        says = f"the last {FAILED_CYCLES} heartbeats could not be sent: nobody would notice if the monitor stopped"
        advice = "Check `heartbeat` in policy.yaml, and the way from here to its receiver"
        yield finding("heartbeat", Severity.MEDIUM, says, latest[0][0], advice)


def blind(round_: Round, known: Samples, every: timedelta) -> Iterator[Finding]:
    """Watches that could not look, again and again: their alerts are as old as that."""
    for name in [name for name in known if name.startswith(f"{WATCH_FAILED}:")]:
        watch_name = name.partition(":")[2]
        lately = [at for at, _ in known[name] if at > round_.as_of - OF_TEN * every]
        if len(lately) >= FAILED_CYCLES:
            says = f"the watch {watch_name} could not look in {len(lately)} of the last {OF_TEN} cycles"
            advice = "The log says why; until then its alerts stay as they were"
            yield finding(f"watch.{watch_name}", Severity.HIGH, says, lately[0], advice)


def discreet(round_: Round, known: Samples, _: timedelta) -> Iterator[Finding]:
    """Notices that left without their details within the hour, because something in them looked like an identifier."""
    lately = sorted(
        at for name, one in known.items() if name.startswith(WITHHELD) for at, _ in one if round_.as_of - at < TOLD_FOR
    )
    if lately:
        says = f"{len(lately)} notices of the last hour left without their details, which may have named a patient"
        advice = "Read them with `heal explain`; whoever maintains heal must know which sentence it is"
        yield finding("withheld_notices", Severity.MEDIUM, says, lately[0], advice)


def forgetful(round_: Round, _: Samples, __: timedelta) -> Iterator[Finding]:
    """Detectors that compare with a past which ended more than a day ago; those that still learn are none."""
    learned = learned_until(round_.house.home, "baselines")
    ends = {one.id: learned[one.id] for one in round_.integrations if one.id in learned}
    stale = sorted((until, name) for name, until in ends.items() if round_.as_of - until > STALE)
    if stale:
        until, name = stale[0]
        says = f"what is usual was last learned up to {stamp(until)} for {name}"
        more = f" ({len(stale)} integrations are older than a day)" if len(stale) > 1 else ""
        advice = "Learning catches up by itself within some cycles; if it does not, the log says why"
        yield finding("stale_baselines", Severity.LOW, says + more, until + STALE, advice)
