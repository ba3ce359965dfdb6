"""Report a problem: keep what a person noticed, with what was measured at that moment."""

from __future__ import annotations

from datetime import datetime, timedelta

from models.alert import Alert
from models.errors import BadInput
from models.problem import AROUND, Evidence, ProblemReport, ProblemState, redacted
from tasks.house import House
from tasks.remember import outcomes

MOST_SOURCES = 50  # marks of messages that are remembered for one report
AHEAD = timedelta(minutes=5)  # a sender's clock may be fast


def report_problem(
    house: House,
    integration_id: str,
    says: str,
    *,
    operation: str | None = None,
    at: datetime | None = None,
    source: str | None = None,
) -> ProblemReport:
    """Keep a report, or join it to one of the same problem.

    Args:
        house: the configuration and the stores.
        integration_id: which connection.
        says: in the person's own words; the plain ones of them are kept.
        operation: what it is about, one of the declared reads.
        at: when it was noticed; None: now.
        source: the mark of the message that told it; the same one again changes nothing.

    Raises:
        BadInput: no such integration or operation, no words, or a time that has not come yet.
    """
    now = house.clock.now()
    at = at or now
    check(house, integration_id, says, operation, at)
    evidence = gather(house, integration_id, operation, at)
    with house.ledger.change("report", now) as change:
        for known in change.all_kept(ProblemReport, integration_id, state=ProblemState.OPEN.value):
            if source is not None and source in known.sources:
                return known
            if known.is_alike(operation, at):
                joined = join(known, operation, at, source, evidence)
                change.keep(joined)
                return joined
        made = ProblemReport(
            id=change.next_id("PRB"),
            integration_id=integration_id,
            operation=operation,
            at=at,
            last_at=at,
            says=redacted(says),
            sources=(source,) if source else (),
            evidence=evidence,
        )
        change.keep(made)
    return made


def check(house: House, integration_id: str, says: str, operation: str | None, at: datetime) -> None:
    """Refuse what cannot be a report; nothing of it is repeated."""
    integration = house.integration(integration_id)
    declared = tuple(read.operation for read in integration.reads)
    if operation is not None and operation not in declared:
        raise BadInput(f"{integration_id} reads no such operation; it reads: {', '.join(declared)}")
    if not says.strip():
        raise BadInput('say what is wrong, e.g. heal report-problem --integration ID "appointments missing"')
    if at > house.clock.now() + AHEAD:
        raise BadInput("the time of a problem cannot lie ahead; leave --at out for now")


def join(
    known: ProblemReport, operation: str | None, at: datetime, source: str | None, evidence: Evidence
) -> ProblemReport:
    """A known problem, reported once more."""
    return known.model_copy(
        update={
            "operation": known.operation or operation,
            "at": min(known.at, at),
            "last_at": max(known.last_at, at),
            "times": known.times + 1,
            "sources": (*known.sources, *([source] if source else []))[-MOST_SOURCES:],
            "evidence": evidence,
        }
    )


def gather(house: House, integration_id: str, operation: str | None, at: datetime) -> Evidence:
    """What was measured within half an hour: calls, anomalies, alerts, incidents."""
    since, until = at - AROUND, at + AROUND
    ended = outcomes(house.home, integration_id, since, until, operation)
    failed = {outcome: calls for outcome, calls in ended.items() if not outcome.is_ok}
    incidents = [
        one
        for one in house.ledger.incidents(integration_id)
        if one.started_at <= until and (one.is_active or (one.resolved_at or one.updated_at) >= since)
    ]
    alerts = [
        f"{one.watch} ({one.finding.severity})"
        for one in house.ledger.all_kept(Alert, integration_id)
        if one.watch != "problem_reports"
        and one.raised_at <= until
        and (one.stands or (one.cleared_at or since) >= since)
    ]
    anomalies = [anomaly.description for one in incidents for anomaly in one.anomalies]
    return Evidence(
        since=since,
        until=until,
        calls=sum(ended.values()),
        failed=sum(failed.values()),
        outcomes=failed,
        anomalies=tuple(dict.fromkeys(anomalies)),
        alerts=tuple(alerts),
        incidents=tuple(one.id for one in incidents),
    )


def close_problem(house: House, report_id: str) -> ProblemReport:
    """Somebody says that it is over; closing it twice changes nothing.

    Raises:
        BadInput: when there is no such report.
    """
    now = house.clock.now()
    with house.ledger.change("report", now) as change:
        known = change.kept(ProblemReport, report_id)
        if known is None:
            raise BadInput(f"the ledger knows no report {report_id}; heal report-problem lists those that are open")
        if known.state is ProblemState.CLOSED:
            return known
        closed = known.model_copy(update={"state": ProblemState.CLOSED, "closed_at": now})
        change.keep(closed)
    return closed


def open_problems(house: House) -> tuple[ProblemReport, ...]:
    """Every report that nobody has closed, oldest first."""
    reports = house.ledger.all_kept(ProblemReport, state=ProblemState.OPEN.value)
    return tuple(sorted(reports, key=lambda report: report.at))
