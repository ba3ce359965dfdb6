""" "No data loss" is a claim of counts, and a watch over gaps that nobody closes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.gap import Balance, Gap, Unit
from models.loss import Loss, loss_lines, loss_of
from models.remedy import Approval
from models.report import build_report, check
from models.story import Backlog
from tests.builders import NOW, a_gap, an_incident, healed_story
from tests.strategies import gaps as some_gaps

ALL, NOTHING = Backlog(queued=12, processed=12), Backlog()
HOLDING = a_gap(state="backfilling", delivered=3, closed_at=None, closed_by=None)
UNKNOWN = a_gap(state="backfilling", delivered=0, expected=None, closed_at=None, closed_by=None, resource="Patient")
ASIDE = a_gap(
    state="backfilling", unit=Unit.MESSAGES, expected=None, delivered=0, closed_at=None, closed_by=None
).counted(Balance(expected=200, delivered=197, quarantined=3), NOW)
VOUCHED = HOLDING.vouched(Approval(by="Data Team", why="loaded by hand", at=NOW), 1)
SENT, SOME = "197 of 200 messages delivered, 3 in quarantine", "Appointment at all sites 08:45–09:25 (3 of 12 reads)"
RECORDS = a_gap(unit=Unit.RECORDS, closed_by="reconciliation", expected=412, delivered=412)


@pytest.mark.parametrize(
    ("backlog", "gaps", "loss", "lines"),
    [
        pytest.param(NOTHING, (), None, [], id="nothing was ever missed"),
        pytest.param(ALL, (a_gap(),), Loss.NONE, ["✅ No data loss - 12 of 12 queued reads processed"], id="all came"),
        pytest.param(
            ALL,
            (a_gap(), RECORDS, ASIDE),
            Loss.NONE,
            [f"✅ No data loss - 12 of 12 queued reads processed; 412 of 412 records reconciled; {SENT}"],
            id="each unit with its counts",
        ),
        pytest.param(
            NOTHING, (RECORDS,), Loss.NONE, ["✅ No data loss - 412 of 412 records reconciled"], id="reconciled alone"
        ),
        pytest.param(
            ALL,
            (a_gap(), HOLDING),
            Loss.OPEN,
            ["⏳ 1 gap not closed: Appointment at all sites 08:45–09:25 (3 of 12 reads)"],
            id="all reads came, and a gap is open",
        ),
        pytest.param(
            ALL,
            (HOLDING, UNKNOWN, HOLDING, HOLDING),
            Loss.OPEN,
            [f"⏳ 4 gaps not closed: {SOME}, Patient at all sites 08:45–09:25 (not known yet), {SOME}, and 1 more"],
            id="more than a line holds",
        ),
        pytest.param(
            Backlog(queued=12, processed=9, waiting=3),
            (),
            Loss.OPEN,
            ["⏳ 3 of 12 queued reads still wait to be processed (9 done)"],
            id="reads wait",
        ),
        pytest.param(
            ALL,
            (a_gap(), VOUCHED),
            Loss.VOUCHED,
            ["⚠️ 1 gap closed on a person's word, not by counts: Appointment at all sites 08:45–09:25 by Data Team"],
            id="a word is no count",
        ),
        pytest.param(
            Backlog(queued=12, processed=9),
            (a_gap(),),
            Loss.LOST,
            ["⚠️ 3 of 12 queued reads could not be processed"],
            id="three were lost",
        ),
    ],
)
def test_no_data_loss_is_said_when_every_count_says_so_and_never_else(backlog, gaps, loss, lines):
    assert loss_of(backlog, gaps) is loss
    assert list(loss_lines(backlog, gaps, "America/New_York", NOW)) == lines


backlogs = st.builds(
    lambda done, waiting, lost: Backlog(queued=done + waiting + lost, processed=done, waiting=waiting),
    *[st.integers(0, 2)] * 3,
)


@settings(max_examples=80, deadline=None)
@given(backlog=backlogs, gaps=st.lists(some_gaps, max_size=3).map(tuple))
def test_whatever_the_counts_are_the_report_says_no_more(backlog: Backlog, gaps: tuple[Gap, ...]):
    """An oracle of its own: the sum of what was expected against the sum of what is accounted for."""
    missing = (
        backlog.queued
        - backlog.processed
        + sum(1 if gap.expected is None else gap.expected - gap.delivered - gap.quarantined for gap in gaps)
    )
    by_word = any(gap.closed_by == "person" for gap in gaps)
    lasts = any(gap.until is None for gap in gaps)
    incident = an_incident(resolved_at=None, state="monitoring")
    report = build_report(healed_story(backlog=backlog, gaps=gaps, incident=incident))
    if report.x_no_data_loss:
        assert (missing, by_word, lasts) == (0, False, False)
    assert (report.x_no_data_loss is None) == (not backlog.queued and not gaps)
    assert [line for line in check(report.model_dump(mode="json")) if "x-gaps" in line or "x-noDataLoss" in line] == []
