"""A gap: it grows while its trouble lasts, and nothing closes it but counts, or people who say so."""

from __future__ import annotations

from datetime import timedelta
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from pydantic import ValidationError

from models.gap import Balance, ClosedBy, Gap, GapState, Reason, Trouble, Unit, begun, joined, touched
from models.gap_tables import figures, gaps, named, proof
from models.noun import Advice
from models.reading import Direction
from models.remedy import Approval
from tests.builders import NOW, a_gap, a_trouble

MINUTE = timedelta(minutes=1)
EARLIER = NOW - 60 * MINUTE


def at(minute: int):
    return EARLIER + minute * MINUTE


def word(by: str) -> Approval:
    return Approval(by=by, why="loaded by hand", at=NOW)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"state": "closed", "expected": 12, "delivered": 11}, "expected = delivered", id="one is missing"),
        pytest.param({"state": "closed", "expected": None}, "expected = delivered", id="nobody knows how many"),
        pytest.param({"state": "closed", "expected": 9, "delivered": 8, "quarantined": 1}, "expected =", id="not all"),
        pytest.param({"state": "quarantined", "expected": 9, "delivered": 9}, "expected =", id="nothing lies aside"),
        pytest.param({"state": "closed", "expected": 9, "delivered": 12}, "than was expected", id="more than there is"),
        pytest.param(
            {"state": "closed", "expected": 9, "delivered": 9, "closed_at": None}, "together", id="no instant"
        ),
        pytest.param({"state": "open", "closed_at": None, "closed_by": None}, "as long as", id="open, and ended"),
        pytest.param({"state": "backfilling", "until": None}, "as long as", id="over, and without an end"),
        pytest.param({"state": "vouched", "closed_by": "person"}, "has a name", id="nobody's word"),
        pytest.param({"state": "vouched", "words": (word("Data Team"),)}, "has a name", id="vouched for by a replay"),
        pytest.param({"until": EARLIER - MINUTE}, "after it begins", id="ends before it begins"),
    ],
)
def test_a_state_that_rests_on_nothing_cannot_be_made(changes, says):
    with pytest.raises(ValidationError, match=says):
        a_gap(**changes)


@pytest.mark.parametrize(
    ("before", "counts", "after"),
    [
        pytest.param({}, (12, 12, 0), GapState.CLOSED, id="all were made up for"),
        pytest.param({}, (12, 11, 0), GapState.BACKFILLING, id="one is missing"),
        pytest.param({}, (12, 10, 2), GapState.QUARANTINED, id="the rest lies aside"),
        pytest.param({}, (12, 9, 2), GapState.BACKFILLING, id="one lies nowhere"),
        pytest.param({}, (0, 0, 0), GapState.CLOSED, id="there was nothing to come"),
        pytest.param({"until": None, "state": "open"}, (12, 12, 0), GapState.OPEN, id="the trouble lasts"),
    ],
)
def test_only_equal_counts_close_a_gap_whose_trouble_is_over(before, counts, after):
    expected, delivered, quarantined = counts
    found = waiting(**before).counted(Balance(expected=expected, delivered=delivered, quarantined=quarantined), NOW)
    assert (found.state, found.expected, found.delivered, found.quarantined) == (after, *counts)
    assert found.closed_by is (ClosedBy.REPLAY if after not in {GapState.OPEN, GapState.BACKFILLING} else None)


def waiting(**changes) -> Gap:
    return a_gap(
        **{"state": "backfilling", "expected": None, "delivered": 0, "closed_at": None, "closed_by": None} | changes
    )


def test_what_lies_in_quarantine_stays_aside_until_it_is_delivered():
    """Tried again, it is neither delivered nor in quarantine for a while; that reopens nothing."""
    aside = waiting().counted(Balance(expected=12, delivered=10, quarantined=2), NOW)
    again = aside.counted(Balance(expected=12, delivered=11, quarantined=0), NOW + MINUTE)
    assert (again.state, again.delivered, again.quarantined, again.closed_at) == (GapState.QUARANTINED, 11, 1, NOW)
    whole = again.counted(Balance(expected=12, delivered=12), NOW + 2 * MINUTE)
    assert (whole.state, whole.quarantined, whole.closed_at) == (GapState.CLOSED, 0, NOW + 2 * MINUTE)


def test_a_gap_that_grew_is_counted_anew():
    """Eleven of twelve says nothing of a span that holds more than those twelve."""
    counted = waiting().counted(Balance(expected=12, delivered=11), NOW)
    trouble = a_trouble(since=counted.since, until=None, last_at=NOW)
    assert counted.grown(trouble.model_copy(update={"last_at": counted.last_at})).expected == 12
    grown = counted.grown(trouble)
    assert (grown.state, grown.until, grown.expected, grown.delivered) == (GapState.OPEN, None, None, 0)


def test_trouble_that_is_over_ends_after_the_last_thing_that_went_wrong():
    gap = waiting(until=None, state="open")
    assert gap.ended(gap.last_at + MINUTE).until == gap.last_at + MINUTE
    assert gap.ended(gap.last_at - MINUTE).until == gap.last_at
    with pytest.raises(ValueError, match="over already"):
        waiting().ended(NOW)


@pytest.mark.parametrize(
    ("gap", "people", "says"),
    [
        pytest.param({"until": None, "state": "open"}, ["a"], "still grows", id="its trouble lasts"),
        pytest.param({}, ["a", "A "], "already", id="one person twice"),
    ],
)
def test_nobody_vouches_for_what_lasts_and_nobody_twice(gap, people, says):
    found = waiting(**gap)
    for by in people[:-1]:
        found = found.vouched(word(by), 2)
    with pytest.raises(Advice, match=says):
        found.vouched(word(people[-1]), 2)


def test_it_takes_as_many_people_as_policy_says():
    once = waiting().vouched(word("Data Team"), 2)
    twice = once.vouched(word("Integration Team"), 2)
    assert (once.state, once.holds) == (GapState.BACKFILLING, True)
    assert (twice.state, twice.closed_by, twice.is_proven) == (GapState.VOUCHED, ClosedBy.PERSON, False)
    with pytest.raises(Advice, match="nothing to close"):
        twice.vouched(word("Security"), 2)


# --- spans that touch ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spans", "new", "left"),
    [
        pytest.param([(0, 10)], (10, 20), 1, id="one begins where the other ends"),
        pytest.param([(0, 10)], (11, 20), 2, id="a minute between them"),
        pytest.param([(0, 10), (20, 30)], (5, 25), 1, id="it lies over both"),
        pytest.param([(0, 10), (20, 30)], (12, 18), 3, id="it lies between them"),
        pytest.param([(20, None)], (0, 30), 1, id="one still lasts"),
        pytest.param([(0, 10)], (0, 10), 1, id="the same again"),
    ],
)
def test_spans_of_one_kind_that_touch_are_one(spans, new, left):
    known: list[Gap] = []
    for span in (*spans, new):
        known = kept(
            known, a_trouble(since=at(span[0]), until=None if span[1] is None else at(span[1]), last_at=at(span[0]))
        )
    assert len(known) == left
    ends = [minute for _, minute in (*spans, new)]
    assert max(gap.until or at(99) for gap in known) == max(at(99) if end is None else at(end) for end in ends)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"resource": "Patient"}, id="another kind of data"),
        pytest.param({"location": "north"}, id="another place"),
        pytest.param({"direction": Direction.OUT}, id="the other way"),
        pytest.param({"integration_id": "unity"}, id="another integration"),
    ],
)
def test_spans_of_different_kinds_are_never_one(other):
    first, second = a_trouble(), a_trouble(**other)
    assert len(kept(kept([], first), second)) == 2
    with pytest.raises(ValueError, match="cannot grow"):
        begun("GAP-1", first, NOW).grown(second)


def kept(known: list[Gap], trouble: Trouble) -> list[Gap]:
    """As the ledger keeps them."""
    near = touched(known, trouble)
    gap = joined(near, trouble) if near else begun(f"GAP-{len(known) + 1}-{trouble.since:%H%M}", trouble, NOW)
    return [*(one for one in known if one not in near), gap]


lengths = st.integers(-1, 12).map(lambda length: None if length < 0 else length)  # None: it lasts
spans = st.tuples(st.integers(0, 40), lengths, st.sampled_from(["Visit", "Patient"]))


@settings(max_examples=80, deadline=None)
@given(st.lists(spans, max_size=8))
def test_every_trouble_lies_in_one_gap_and_no_two_gaps_touch(found):
    known: list[Gap] = []
    for since, length, resource in found:
        until = None if length is None else at(since + length)
        known = kept(known, a_trouble(resource=resource, since=at(since), until=until, last_at=at(since)))
    for since, length, resource in found:
        held = [
            gap
            for gap in known
            if gap.resource == resource
            and gap.since <= at(since)
            and (gap.until is None or (length is not None and at(since + length) <= gap.until))
        ]
        assert len(held) == 1
    assert not any(one.touches(other) for one, other in combinations(known, 2))


# --- the machine -----------------------------------------------------------------------------------------------------


class Machine(RuleBasedStateMachine):
    """One gap under whatever may happen to it, in any order."""

    @initialize()
    def begin(self):
        self.spoken: list[str] = []
        self.gap = begun("GAP-1", a_trouble(until=None), NOW)
        self.seen = [self.gap]

    def move(self, gap: Gap):
        self.gap = gap
        self.seen.append(gap)

    @precondition(lambda self: self.gap.holds)
    @rule(earlier=st.integers(0, 9), later=st.integers(0, 9), lasts=st.booleans())
    def grow(self, earlier, later, lasts):
        until = None if lasts else self.gap.last_at + later * MINUTE
        since, last_at = self.gap.since - earlier * MINUTE, self.gap.last_at + later * MINUTE
        self.move(self.gap.grown(a_trouble(since=since, until=until, last_at=last_at)))

    @precondition(lambda self: self.gap.state is GapState.OPEN)
    @rule(after=st.integers(0, 5))
    def end(self, after):
        self.move(self.gap.ended(self.gap.last_at + after * MINUTE))

    @precondition(lambda self: not self.gap.is_over)
    @rule(parts=st.tuples(*[st.integers(0, 3)] * 3))
    def count(self, parts):
        delivered, aside, _ = parts
        self.move(self.gap.counted(Balance(expected=sum(parts), delivered=delivered, quarantined=aside), NOW))

    @precondition(lambda self: self.gap.state in {GapState.BACKFILLING, GapState.QUARANTINED})
    @rule()
    def vouch(self):
        self.spoken.append(f"Team {len(self.spoken)}")
        self.move(self.gap.vouched(word(self.spoken[-1]), 2))

    @precondition(lambda self: self.gap.is_over)
    @rule()
    def refuse(self):
        with pytest.raises(ValueError, match="cannot grow"):
            self.gap.grown(a_trouble(until=None))
        with pytest.raises(ValueError, match="not counted again"):
            self.gap.counted(Balance(expected=0, delivered=0), NOW)
        with pytest.raises(Advice, match="nothing to close"):
            self.gap.vouched(word("Somebody Else"), 1)

    @invariant()
    def counts_alone_prove(self):
        for gap in getattr(self, "seen", ())[-1:]:
            assert Gap.model_validate(gap.model_dump()) == gap
            if gap.is_proven:
                assert gap.expected == gap.delivered + gap.quarantined
            if gap.state is GapState.VOUCHED:
                assert len(gap.words) == 2

    @invariant()
    def it_only_grows_and_what_is_over_stays(self):
        for before, after in pairwise(getattr(self, "seen", ())):
            assert after.since <= before.since
            assert after.last_at >= before.last_at
            assert not before.is_over or after == before
            assert before.holds or not after.holds


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=50, stateful_step_count=10, deadline=None)


# --- in words --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gap", "says"),
    [
        pytest.param(a_gap(), "Appointment at all sites 08:45–09:25", id="on the practice's clock"),
        pytest.param(a_gap(location="north"), "Appointment at north 08:45–09:25", id="at one place"),
        pytest.param(
            a_gap(location="bb88636ba40828f7"), "Appointment at one site 08:45–09:25", id="at one without a name"
        ),
        pytest.param(waiting(until=None, state="open"), "Appointment at all sites 08:45–now", id="while it lasts"),
        pytest.param(a_gap(direction="out"), "Appointment at all sites, to them, 08:45–09:25", id="to them"),
        pytest.param(
            a_gap(since=NOW - timedelta(days=2)), "Appointment at all sites 2025-03-24 09:45–09:25", id="days ago"
        ),
    ],
)
def test_a_gap_is_named_by_what_where_and_when(gap, says):
    assert named(gap, "America/New_York", NOW) == says


@pytest.mark.parametrize(
    ("gap", "says"),
    [
        pytest.param(a_gap(), "by replayed reads: 12 of 12 reads", id="replayed"),
        pytest.param(
            a_gap(unit=Unit.RECORDS, closed_by=ClosedBy.RECONCILIATION, reference="epic/visits/20250326T100000Z"),
            "by reconciliation epic/visits/20250326T100000Z: 12 of 12 records",
            id="reconciled",
        ),
        pytest.param(
            waiting(unit=Unit.MESSAGES).counted(Balance(expected=9, delivered=7, quarantined=2), NOW),
            "by deliveries: 7 of 9 messages, 2 in quarantine",
            id="delivered",
        ),
        pytest.param(
            waiting().vouched(word("Data Team"), 1), "by word of Data Team: loaded by hand (not known yet)", id="a word"
        ),
        pytest.param(
            waiting(unit=Unit.RECORDS), "not known yet; waits for a reconciliation whose counts agree", id="nothing yet"
        ),
        pytest.param(
            waiting().vouched(word("Data Team"), 2),
            "not known yet; waits for every failed read of it replayed; 1 person vouched so far",
            id="one of two",
        ),
    ],
)
def test_what_closed_a_gap_is_said_as_it_was(gap, says):
    assert proof(gap) == says
    assert says in gaps([gap], "UTC", NOW).rows[0]


def test_figures_are_never_nicer_than_known():
    assert figures(waiting()) == "not known yet"
    assert figures(waiting(expected=12, delivered=3)) == "3 of 12 reads"
    assert a_trouble().reasons == (Reason.FAILED_READS,)
