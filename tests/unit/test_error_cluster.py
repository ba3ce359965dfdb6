"""Error clusters: counted by minute, told over a span, and which of them are new."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.error_cluster import (
    ERROR,
    MINUTE,
    MOST,
    REPEATED,
    SLOTS,
    Counted,
    ErrorCount,
    Tally,
    cluster_id,
    clusters,
    generalised,
    new_since,
)
from models.error_words import WORDS
from tests.builders import EPIC, UNITY

ONSET = datetime(2026, 11, 23, 9, tzinfo=UTC)
AT = int(ONSET.timestamp()) * 1_000_000
HOUR = 3_600_000_000


def met(template, at=AT, lines=1, integration_id=EPIC, last=None):
    return Counted(integration_id, template, f"shown {template}", lines, at, at if last is None else last)


def told(found):
    return [(one.template, one.lines) for one in found]


# --- which template belongs to which ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("templates", "general"),
    [
        pytest.param(["queue <*> full", "queue outbound full"], "queue <*> full", id="a value that is a listed word"),
        pytest.param(["queue <*>", "queue outbound <*>"], "queue <*>", id="beside a mask"),
        pytest.param(["<*> queue", "<*> outbound queue"], "<*> queue", id="behind a mask"),
        pytest.param(["<*> on <*>", "token on <*>", "token on server"], "<*> on <*>", id="two values, by way of one"),
    ],
)
def test_a_template_belongs_to_one_that_masks_one_more_of_its_words(templates, general):
    assert set(generalised(templates).values()) == {general}


@pytest.mark.parametrize(
    "templates",
    [
        pytest.param(["connection refused", "connection reset"], id="two words differ, neither is masked"),
        pytest.param(["token <*> <*>", "connection refused by"], id="nothing in common"),
        pytest.param(["<*>", "timeout"], id="a text of which nothing is known swallows nothing"),
        pytest.param(["<*> of <*>", "token of server"], id="two words at once are another error"),
    ],
)
def test_other_templates_stay_by_themselves(templates):
    assert generalised(templates) == {one: one for one in templates}


# --- counting --------------------------------------------------------------------------------------------------------


def test_lines_of_a_minute_become_one_row_that_the_history_takes():
    tally = Tally()
    for at, name in ((AT + 2, "Jane"), (AT, "John"), (AT + MINUTE, "Jim")):
        tally.add(EPIC, at, f"patient {name} not found")
    rows = [dict(zip(ERROR, row, strict=True)) for row in tally.rows()]
    instants = ("observed_at", "first_at", "last_at")
    nouns = [ErrorCount(**row | {name: row[name] / 1e6 for name in instants}) for row in rows]
    assert [(one.lines, one.observed_at) for one in nouns] == [(2, ONSET), (1, ONSET + timedelta(minutes=1))]
    assert {one.template for one in nouns} == {"patient <*> not found"}
    assert {one.exemplar for one in nouns} == {"patient <word> not found"}
    assert (rows[0]["first_at"], rows[0]["last_at"]) == (AT, AT + 2)
    assert rows[0]["cluster"] == cluster_id("patient <*> not found")


def test_a_text_that_repeats_counts_each_time_and_is_not_told():
    tally = Tally()
    for n in range(1000):
        tally.add(EPIC, AT, f"patient Jane{n % 300} not found")
    assert [one.lines for one in tally.counts()] == [1000]
    assert len(tally.lately) <= REPEATED
    assert "Jane" not in repr(tally)


def test_integrations_are_counted_apart():
    tally = Tally()
    tally.add(EPIC, AT, "timed out")
    tally.add(UNITY, AT, "timed out")
    assert sorted(one.integration_id for one in clusters(tally.counts())) == sorted([EPIC, UNITY])


def test_an_id_is_the_same_in_every_run():
    assert cluster_id("connection refused") == "b0fe11c7e8bd"


def test_lines_made_up_to_fill_a_disk_become_one_cluster_beyond_a_number():
    tally = Tally()
    words = sorted(WORDS)
    for first in range(60):
        for second in range(20):
            tally.add(EPIC, AT, f"{words[first]} {words[100 + second]}")
    assert len(tally) == MOST + 1
    assert sum(one.lines for one in tally.counts()) == 1200
    assert max(tally.counts(), key=lambda one: one.lines)[1:4] == ("<*>", "<*>", 1200 - MOST)


# --- telling ---------------------------------------------------------------------------------------------------------


def test_the_most_frequent_is_told_first_with_its_share_and_its_trend():
    counts = [met("a", AT, 3), met("a", AT + 2 * HOUR - 1, 5), met("b", AT + HOUR, 2)]
    first, second = clusters(counts, ONSET, ONSET + timedelta(hours=2))
    assert (first.template, first.lines, first.share, first.exemplar) == ("a", 8, 0.8, "shown a")
    assert first.trend == (3, *[0] * (SLOTS - 2), 5)
    assert second.trend[SLOTS // 2] == 2
    assert (first.first_at, first.last_at) == (ONSET, ONSET + timedelta(hours=2, microseconds=-1))


def test_what_lies_outside_of_the_span_is_not_counted():
    counts = [met("a", AT - 1), met("a", AT), met("a", AT + HOUR)]
    (found,) = clusters(counts, ONSET, ONSET + timedelta(hours=1))
    assert (found.lines, found.share) == (1, 1.0)
    assert found.first_at == ONSET - timedelta(microseconds=1)


def test_lines_without_a_time_are_counted_and_have_no_trend():
    (found,) = clusters([Counted(None, "a", "a", 2, None, None)])
    assert (found.lines, found.first_at, found.last_at, found.trend, found.is_new) == (2, None, None, (), False)


def test_nothing_is_told_of_nothing():
    assert clusters([]) == ()


# --- new -------------------------------------------------------------------------------------------------------------


def test_new_is_what_was_met_first_at_or_after_the_onset():
    counts = [met("old", AT - 1), met("old", AT + 1, 9), met("at", AT), met("after", AT + HOUR, 2)]
    found = new_since(counts, EPIC, ONSET, ONSET + timedelta(hours=2))
    assert told(found.clusters) == [("after", 2), ("at", 1)]
    assert (found.met_before, found.watched_since) == (1, ONSET - timedelta(microseconds=1))


def test_another_value_of_a_known_error_is_not_new():
    counts = [met("queue <*> full", AT - HOUR), met("queue outbound full", AT + 1)]
    found = new_since(counts, EPIC, ONSET, ONSET + timedelta(hours=1))
    assert (found.clusters, found.met_before) == ((), 1)


def test_what_another_integration_has_met_is_new_here():
    counts = [met("a", AT - HOUR, integration_id=UNITY), met("a", AT)]
    found = new_since(counts, EPIC, ONSET, ONSET + timedelta(hours=1))
    assert told(found.clusters) == [("a", 1)]
    assert (found.met_before, found.watched_since) == (0, ONSET)


def test_nothing_is_known_of_an_integration_that_never_said_anything():
    found = new_since([], EPIC, ONSET, ONSET + timedelta(hours=1))
    assert (found.clusters, found.met_before, found.watched_since) == ((), 0, None)


counted = st.lists(
    st.builds(
        met,
        st.sampled_from(["a <*>", "a b", "a c <*>", "<*>", "d <*> e", "d e e"]),
        st.integers(AT - 3 * HOUR, AT + 3 * HOUR),
        st.integers(1, 9),
        st.sampled_from([EPIC, UNITY]),
    ),
    max_size=30,
)


@given(counted, st.randoms(use_true_random=False))
def test_the_order_of_counts_changes_nothing(counts, random_):
    end = ONSET + timedelta(hours=2)
    assert clusters(random_.sample(counts, len(counts)), ONSET, end) == clusters(counts, ONSET, end)


@given(counted)
def test_every_line_of_the_span_is_told_once(counts):
    found = clusters(counts, ONSET, ONSET + timedelta(hours=2))
    assert sum(one.lines for one in found) == sum(one.lines for one in counts if AT <= one.first < AT + 2 * HOUR)
    assert [sum(one.trend) for one in found] == [one.lines for one in found]
    assert not found or abs(sum(one.share for one in found) - 1) < 1e-9


@given(counted)
def test_what_is_new_is_so_whether_one_is_asked_about_or_all(counts):
    end = ONSET + timedelta(hours=2)
    together = [one for one in clusters(counts, ONSET, end) if one.is_new]
    apart = [new_since(counts, owner, ONSET, end) for owner in (EPIC, UNITY)]
    assert {(one.integration_id, one.id, one.lines) for one in together} == {
        (one.integration_id, one.id, one.lines) for found in apart for one in found.clusters
    }
