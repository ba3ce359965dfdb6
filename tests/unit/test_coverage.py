"""Coverage: which hops an integration has, who proves that data arrived there, and what to add."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.coverage import (
    PROVES,
    Carried,
    Coverage,
    Heard,
    Hop,
    HopKind,
    Witness,
    period_of,
    weighed,
    witnessed,
)
from models.coverage_tables import bar
from models.hops import hops_of, identifies
from models.integration import Integration
from models.probe_advice import Can, probe_for
from models.reading import Direction
from tests.builders import an_integration

NOW = datetime(2026, 11, 23, 17, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
VISITS = {"name": "visits", "resource": "Appointment", "operations": ["Appointment.search"]}
ORDERS = {"name": "orders", "resource": "Order", "direction": "out", "operations": ["Order.create"]}
OUT = Carried(direction=Direction.OUT, witnesses=frozenset({Witness.ACK}))
COMPARED = {
    "name": "orders",
    "resource": "Order",
    "operation": "Order.list",
    "ours": {"url": "sqlite:///x.db"},
    "columns": [{"name": "id"}, {"name": "at"}],
    "changed": "at",
}


def declared(**changes: Any) -> Integration:
    return Integration.model_validate(
        {
            "id": "one",
            "name": "One",
            "kind": "http_api",
            "environment": "test",
            "settings": {},
            "reads": [{"operation": "Appointment.search", "component": "Visits", "importance": "critical"}],
            "feeds": [VISITS],
        }
        | changes
    )


def heard(witness: Witness, subject: str | None = "Appointment.search", **changes: Any) -> Heard:
    return Heard(**{"integration_id": "one", "witness": witness, "subject": subject, "at": NOW - HOUR} | changes)


def kinds(hops: tuple[Hop, ...]) -> list[str]:
    return [f"{hop.kind} {hop.subject}" for hop in hops]


def covered(hops: tuple[Hop, ...]) -> set[str]:
    return {hop.kind.value for hop in hops if hop.is_covered}


# --- hops -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "carries", "expected"),
    [
        pytest.param({}, {}, ["read visits", "landed visits"], id="what comes in"),
        pytest.param({"feeds": [ORDERS]}, {}, ["queue orders", "send orders", "confirm orders"], id="what goes out"),
        pytest.param(
            {"settings": {"auth": {"secret": "env:A_SECRET"}}, "bridges": [{"name": "desk"}]},
            {},
            ["credential one", "bridge desk", "read visits", "landed visits"],
            id="what all of it stands on",
        ),
        pytest.param(
            {},
            {"Appointment.search": Carried(is_file=True)},
            ["file visits", "landed visits"],
            id="a file drop",
        ),
        pytest.param({}, {"Appointment.search": Carried(lands=False)}, ["read visits"], id="an answer used at once"),
        pytest.param(
            {},
            {"Appointment.search": OUT},
            ["read visits", "landed visits"],
            id="a feed that somebody declared goes the way that he says",
        ),
    ],
)
def test_the_hops_of_an_integration_follow_from_its_configuration(changes, carries, expected):
    assert kinds(hops_of(declared(**changes), carries, (), NOW)) == expected


@pytest.mark.parametrize(
    ("carried", "expected"),
    [
        pytest.param(
            OUT, [f"{kind} Appointment.search" for kind in ("queue", "send", "confirm")], id="a message that writes"
        ),
        pytest.param(Carried(direction=None), [], id="a question after the system carries nothing"),
    ],
)
def test_a_feed_that_was_only_assumed_goes_the_way_that_the_connector_says(carried, expected):
    one = Integration.model_validate({k: v for k, v in declared().model_dump().items() if k != "feeds"})
    assert kinds(hops_of(one, {"Appointment.search": carried}, (), NOW)) == expected


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param({"base_url": "https://a.example.org"}, False, id="nothing secret"),
        pytest.param({"auth": {"keys": ["x", "file:/run/key"]}}, True, id="deep inside"),
        pytest.param({"name": "environment:x"}, False, id="another word"),
    ],
)
def test_a_credential_is_there_when_settings_refer_to_a_secret(settings, expected):
    assert identifies(settings) is expected


def test_a_hop_weighs_as_much_as_the_reads_of_the_same_records():
    reads = [
        {"operation": "Patient.search", "component": "a", "importance": "routine"},
        {"operation": "Order.list", "component": "b", "importance": "critical"},
    ]
    patients = {"name": "patients", "resource": "Patient", "operations": ["Patient.search"]}
    other = {"name": "other", "resource": "Claim", "operations": ["Claim.create"], "direction": "out"}
    hops = hops_of(declared(reads=reads, feeds=[patients, ORDERS, other]), {}, (), NOW)
    assert {hop.subject: hop.weight for hop in hops} == {"patients": 1, "orders": 4, "other": 2}


# --- witnesses --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "spoke", "expected"),
    [
        pytest.param(
            {}, [heard(Witness.PROBE), heard(Witness.VOLUME)], set(), id="a status and an amount prove nothing"
        ),
        pytest.param({}, [heard(Witness.FRESHNESS)], set(), id="nobody said how old is too old"),
        pytest.param({"feeds": [VISITS | {"every": "1h"}]}, [heard(Witness.FRESHNESS)], {"read"}, id="news"),
        pytest.param({"feeds": [VISITS | {"fresh_within": "3h"}]}, [heard(Witness.FRESHNESS)], {"read"}, id="a limit"),
        pytest.param(
            {"feeds": [VISITS | {"every": "1h"}]},
            [heard(Witness.FRESHNESS, at=NOW - 5 * DAY)],
            set(),
            id="news longer ago than a long weekend",
        ),
        pytest.param(
            {"feeds": [VISITS | {"every": "7d"}]},
            [heard(Witness.FRESHNESS, at=NOW - 5 * DAY)],
            {"read"},
            id="of a feed that brings something once a week",
        ),
        pytest.param(
            {"feeds": [VISITS | {"every": "1h"}]}, [heard(Witness.CURSOR, "visits")], {"landed"}, id="a cursor of ours"
        ),
        pytest.param({}, [heard(Witness.CURSOR, "visits")], set(), id="a cursor that nobody judges"),
        pytest.param(
            {"feeds": [VISITS | {"every": "1h", "locations": ["elm"]}]},
            [heard(Witness.FRESHNESS, location="main")],
            set(),
            id="another place",
        ),
        pytest.param(
            {"feeds": [VISITS | {"every": "1h"}]},
            [heard(Witness.FRESHNESS, integration_id="two")],
            set(),
            id="another integration",
        ),
        pytest.param(
            {"reconcile": [COMPARED | {"resource": "Appointment"}]},
            [heard(Witness.RECONCILIATION, "orders")],
            {"read", "landed"},
            id="both sides compared speak for all of the way in",
        ),
        pytest.param(
            {"reconcile": [COMPARED]}, [heard(Witness.RECONCILIATION, "orders")], set(), id="a comparison of others"
        ),
        pytest.param({"bridges": [{"name": "desk"}]}, [heard(Witness.HEARTBEAT, "desk")], {"bridge"}, id="a beat"),
        pytest.param(
            {"bridges": [{"name": "desk"}]}, [heard(Witness.HEARTBEAT, "other")], set(), id="another bridge's beat"
        ),
        pytest.param(
            {"settings": {"key": "env:A"}, "credentials": [{"kind": "password", "ends": "2027-01-01"}]},
            [],
            {"credential"},
            id="an end that is written down",
        ),
        pytest.param({"settings": {"key": "env:A"}}, [heard(Witness.EXPIRY, None)], {"credential"}, id="one learned"),
        pytest.param(
            {"feeds": [ORDERS]},
            [heard(Witness.ACK, "Order.create", direction="out")],
            {"send"},
            id="an acknowledgement",
        ),
        pytest.param(
            {"feeds": [ORDERS]}, [heard(Witness.LANDING, "Order.create", direction="out")], {"confirm"}, id="seen there"
        ),
        pytest.param(
            {"feeds": [ORDERS], "canary": {}},
            [heard(witness, "Appointment.canary", direction="out") for witness in (Witness.ACK, Witness.LANDING)],
            {"send", "confirm"},
            id="a canary speaks for the way, whatever it carries",
        ),
        pytest.param(
            {"feeds": [VISITS | {"every": "1h"}]},
            [heard(Witness.LANDING, "Appointment.canary", direction="out")],
            set(),
            id="and not for what comes in",
        ),
        pytest.param(
            {"feeds": [ORDERS]}, [heard(Witness.COUNTERS, "orders")], {"queue"}, id="a queue that is measured"
        ),
        pytest.param(
            {"feeds": [ORDERS], "settings": {"sends": {"ask": "none"}}},
            [heard(Witness.COUNTERS, None, direction="out"), heard(Witness.ACK, None, direction="out")],
            {"queue", "send"},
            id="our own outbox",
        ),
        pytest.param(
            {"feeds": [ORDERS], "reconcile": [COMPARED]},
            [heard(Witness.RECONCILIATION, "orders")],
            {"confirm"},
            id="what went out, compared",
        ),
    ],
)
def test_a_hop_is_covered_by_who_looks_at_what_arrived_and_was_heard_lately(changes, spoke, expected):
    assert covered(hops_of(declared(**changes), {}, spoke, NOW)) == expected


def test_what_is_arranged_and_silent_is_told_from_what_is_not_arranged():
    (read, landed) = hops_of(declared(feeds=[VISITS | {"every": "1h"}]), {}, (), NOW)
    assert (read.is_arranged, read.is_covered, read.silent) == (True, False, (Witness.FRESHNESS,))
    assert (landed.is_arranged, landed.silent) == (False, ())


def test_a_good_reading_of_an_operation_that_judges_age_itself_is_news():
    carries = {"Appointment.search": Carried(witnesses=frozenset({Witness.FRESHNESS}))}
    (read, _) = hops_of(declared(), carries, [heard(Witness.FRESHNESS)], NOW)
    assert read.is_covered


# --- the score --------------------------------------------------------------------------------------------------------


def a_hop(kind: HopKind, weight: int, fresh: frozenset[Witness], arranged: frozenset[Witness] = frozenset()) -> Hop:
    spoke = dict.fromkeys(fresh, NOW)
    told = witnessed(kind, dict.fromkeys(arranged), spoke, NOW)
    return Hop(integration_id="one", kind=kind, subject="x", weight=weight, witnesses=told)


def some(*hops: Hop, by_configuration: bool = False) -> Coverage:
    return Coverage(as_of=NOW, hops=hops, by_configuration=by_configuration)


def test_the_score_is_the_covered_share_of_the_weight():
    hops = (
        a_hop(HopKind.READ, 4, frozenset({Witness.FRESHNESS})),
        a_hop(HopKind.READ, 2, frozenset({Witness.PROBE})),
        a_hop(HopKind.LANDED, 2, frozenset(), frozenset({Witness.RECONCILIATION})),
    )
    known = some(*hops)
    assert (known.share, known.arranged) == (0.5, 0.75)
    assert some(*hops, by_configuration=True).share == 0.75
    assert some().share is None


@pytest.mark.parametrize(
    ("hops", "expected"),
    [
        pytest.param([(HopKind.READ, 2, ()), (HopKind.LANDED, 4, ())], 1, id="the weightiest"),
        pytest.param([(HopKind.READ, 4, ("probe",)), (HopKind.LANDED, 4, ())], 1, id="of equals, fewer witnesses"),
        pytest.param([(HopKind.LANDED, 4, ()), (HopKind.READ, 4, ())], 1, id="then the one that data meet first"),
        pytest.param([(HopKind.READ, 4, ("freshness",)), (HopKind.LANDED, 1, ())], 1, id="one that is not covered"),
        pytest.param(
            [(HopKind.READ, 4, ("freshness", "probe")), (HopKind.LANDED, 1, ("cursor",))], 1, id="all are covered"
        ),
    ],
)
def test_the_least_observed_hop(hops, expected):
    made = [a_hop(kind, weight, frozenset(map(Witness, fresh))) for kind, weight, fresh in hops]
    assert some(*made).least == made[expected]


witnesses = st.frozensets(st.sampled_from(Witness))
any_hop = st.tuples(st.sampled_from(HopKind), st.sampled_from((1, 2, 4)), witnesses, witnesses)


@settings(max_examples=60, deadline=None)
@given(st.lists(any_hop, min_size=1, max_size=6), st.data())
def test_one_more_witness_never_lowers_a_score(drawn, data):
    at = data.draw(st.integers(0, len(drawn) - 1))
    more, is_heard = data.draw(st.sampled_from(Witness)), data.draw(st.booleans())
    kind, weight, fresh, arranged = drawn[at]
    added = (kind, weight, fresh | {more}, arranged) if is_heard else (kind, weight, fresh, arranged | {more})
    before, after = ([a_hop(*one) for one in some_] for some_ in (drawn, [*drawn[:at], added, *drawn[at + 1 :]]))
    for by_configuration in (False, True):
        assert weighed(after, by_configuration) >= weighed(before, by_configuration)


FEEDS = st.lists(st.sampled_from([VISITS, VISITS | {"every": "1h"}, ORDERS]), min_size=1, max_size=2)
SPOKEN = st.builds(
    heard,
    st.sampled_from(Witness),
    st.sampled_from([None, "Appointment.search", "Order.create", "visits", "orders", "x.canary", "desk"]),
    direction=st.sampled_from([None, Direction.IN, Direction.OUT]),
    at=st.sampled_from([NOW, NOW - 3 * DAY, NOW - 30 * DAY]),
)


@settings(max_examples=60, deadline=None)
@given(FEEDS, st.lists(SPOKEN, max_size=6), SPOKEN)
def test_one_more_that_spoke_never_lowers_a_score_and_makes_no_hop(feeds, spoke, one_more):
    one = declared(feeds=feeds, bridges=[{"name": "desk"}], settings={"key": "env:A"})
    before, after = (hops_of(one, {}, known, NOW) for known in (spoke, [*spoke, one_more]))
    assert kinds(before) == kinds(after)
    assert weighed(after, by_configuration=False) >= weighed(before, by_configuration=False)


def test_every_hop_has_a_witness_that_could_prove_it_and_none_that_only_repeats_a_status():
    assert set(PROVES) == set(HopKind)
    assert all(PROVES.values())
    assert not {Witness.PROBE, Witness.VOLUME} & {witness for proof in PROVES.values() for witness in proof}


@pytest.mark.parametrize(
    ("witness", "every", "expected"),
    [
        pytest.param(Witness.HEARTBEAT, timedelta(minutes=5), 4 * DAY, id="nobody beats at a long weekend"),
        pytest.param(Witness.RECONCILIATION, 7 * DAY, 14 * DAY, id="one that comes once a week"),
        pytest.param(Witness.PROBE, timedelta(minutes=1), DAY, id="what goes day and night"),
    ],
)
def test_a_witness_must_have_been_heard_within_its_period(witness, every, expected):
    assert period_of(witness, every) == expected


@pytest.mark.parametrize(
    ("share", "filled"),
    [(None, 0), (0.0, 0), (0.001, 1), (0.5, 10), (0.999, 19), (1.0, 20)],
)
def test_a_bar_shows_what_is_something_and_what_is_not_all(share, filled):
    assert bar(share).count("█") == filled


# --- what to add ------------------------------------------------------------------------------------------------------

ALL = Can(canary=True, records=True)


@pytest.mark.parametrize(
    ("changes", "kind", "can", "witness", "line"),
    [
        pytest.param({}, HopKind.READ, ALL, Witness.FRESHNESS, "        every: 1h #", id="news"),
        pytest.param(
            {"feeds": [VISITS | {"every": "1h"}]},
            HopKind.READ,
            ALL,
            Witness.RECONCILIATION,
            "    reconcile:",
            id="then",
        ),
        pytest.param({}, HopKind.LANDED, ALL, Witness.RECONCILIATION, "    reconcile:", id="both sides"),
        pytest.param({}, HopKind.LANDED, Can(), Witness.CURSOR, "        name: cursor_position", id="or a cursor"),
        pytest.param(
            {"feeds": [ORDERS]}, HopKind.QUEUE, ALL, Witness.COUNTERS, "        name: queue_depth", id="a queue"
        ),
        pytest.param({"feeds": [ORDERS]}, HopKind.SEND, ALL, Witness.ACK, "    canary:", id="a canary"),
        pytest.param({"feeds": [ORDERS]}, HopKind.SEND, Can(), Witness.ACK, "  follow:", id="or what the sender says"),
        pytest.param({"feeds": [ORDERS]}, HopKind.CONFIRM, ALL, Witness.LANDING, "    canary:", id="whether it lands"),
        pytest.param(
            {"feeds": [ORDERS], "canary": {}},
            HopKind.CONFIRM,
            ALL,
            Witness.RECONCILIATION,
            "    reconcile:",
            id="beside",
        ),
        pytest.param(
            {"settings": {"k": "env:A"}}, HopKind.CREDENTIAL, ALL, Witness.EXPIRY, "        max_age: 365d", id="an end"
        ),
    ],
)
def test_the_first_that_nobody_arranged_yet_is_what_to_add(changes, kind, can, witness, line):
    one = declared(**changes)
    hop = next(hop for hop in hops_of(one, {}, (), NOW) if hop.kind is kind)
    probe = probe_for(hop, one, can)
    assert probe.witness is witness
    assert any(written.startswith(line) for written in probe.yaml.splitlines())


def test_a_consent_is_never_made_up():
    one = declared(feeds=[ORDERS], environment="production")
    hop = next(hop for hop in hops_of(one, {}, (), NOW) if hop.kind is HopKind.CONFIRM)
    (line,) = (line for line in probe_for(hop, one, ALL).yaml.splitlines() if "consent" in line)
    assert line.startswith("      consent: # who agreed")


@pytest.mark.parametrize(
    ("changes", "spoke", "kind", "says"),
    [
        pytest.param({"bridges": [{"name": "desk"}]}, [], HopKind.BRIDGE, "start the bridge", id="a silent bridge"),
        pytest.param(
            {"bridges": [{"name": "desk"}]},
            [heard(Witness.HEARTBEAT, "desk")],
            HopKind.BRIDGE,
            "nothing to add",
            id="one that is heard",
        ),
    ],
)
def test_where_all_is_arranged_nothing_is_to_be_added(changes, spoke, kind, says):
    one = declared(**changes)
    hop = next(hop for hop in hops_of(one, {}, spoke, NOW) if hop.kind is kind)
    probe = probe_for(hop, one, ALL)
    assert (probe.witness, probe.yaml) == (None, None)
    assert probe.says.startswith(says)


def test_the_builder_of_other_tests_has_hops_too():
    assert {hop.kind for hop in hops_of(an_integration(), {}, (), NOW)} >= {HopKind.READ, HopKind.LANDED}
