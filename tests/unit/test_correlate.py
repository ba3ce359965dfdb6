"""What moves together is one trouble that lists all of it; what merely happens at the same time stays apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.correlate import CLIP, no_accident, together
from models.dependency import OUR_NETWORK, depends_on
from models.group import ALERT, Group, Standing
from models.integration import Contacts
from models.likeness import autocorrelation, effective, shifted, significant
from models.panel import CYCLES, Panel, Usual
from models.series import Series
from tests.builders import EPIC, NOW, UNITY, an_integration

EVERY_S = 60.0
ENDS_S = np.floor(NOW.timestamp() / EVERY_S) * EVERY_S - EVERY_S * np.arange(CYCLES)[::-1]
LATENCY, THROTTLED, QUEUE = (
    Series(EPIC, "latency", "Appointment.search"),
    Series(EPIC, "pattern:throttling"),
    Series(EPIC, "queue_depth", "Appointment"),
)
USUAL = {"latency": (300.0, 20.0), "pattern:throttling": (0.0, 0.005), "queue_depth": (20.0, 2.0)}


def noise(seed: int = 1, n: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, CYCLES))


def a_panel(courses: dict[Series, np.ndarray], every_s: float = EVERY_S) -> Panel:
    """Courses in deviations from what is usual."""
    n, names = len(courses), tuple(courses)
    middle, spread = np.array([USUAL.get(one.metric, (100.0, 10.0)) for one in names]).T
    unknown = Usual.unknown(n)
    usual = Usual(
        **{**{f: getattr(unknown, f) for f in Usual.__dataclass_fields__}, "middle": middle, "spread": spread}
    )
    panel = Panel(
        every_s=every_s,
        series=names,
        ends_s=ENDS_S,
        values=np.zeros((n, CYCLES)),
        weights=np.ones((n, CYCLES)),
        usual=usual,
        limits=np.full(n, np.nan),
        is_open=np.ones(n, dtype=bool),
        in_maintenance=np.zeros(n, dtype=bool),
    )
    panel.values[:] = middle[:, None] + panel.scale[:, None] * np.vstack(list(courses.values()))
    return panel


def seen(series: Series, cycle: int, **more) -> Standing:
    return Standing(series, datetime.fromtimestamp(ENDS_S[cycle], UTC), **{"score": 2.0, "side": 1, **more})


def step(at: int, height: float = 12.0) -> np.ndarray:
    return height * (np.arange(CYCLES) >= at)


def ramp(at: int, slope: float) -> np.ndarray:
    return slope * np.maximum(0, np.arange(CYCLES) - at)


# -- B06: three injected symptoms


def test_latency_refusals_and_a_queue_are_one_group_with_their_lags():
    base = noise(n=3)
    courses = {LATENCY: base[0] + step(150), THROTTLED: base[1] + step(152), QUEUE: base[2] + step(155)}
    signs = [seen(LATENCY, 151), seen(THROTTLED, 152), seen(QUEUE, 158)]  # seen later than it began
    (group,) = together(signs, [a_panel(courses)])
    assert [(one.series, one.lag_s) for one in group.members] == [(LATENCY, 0), (THROTTLED, 120), (QUEUE, 300)]
    assert group.leader.series == LATENCY
    assert group.integrations == (EPIC,)
    assert all(one.correlation > 0.9 for one in group.members[1:])
    assert group.says == (
        "Increased latency (Appointment.search); 2 minutes later Rate limiting; "
        "5 minutes later Queue depth (Appointment)"
    )


def test_what_grows_slowly_is_dated_to_its_beginning_and_not_to_when_it_was_seen():
    base = noise(2, n=2)
    courses = {LATENCY: base[0] + step(140), QUEUE: base[1] + ramp(142, slope=2.0)}
    (group,) = together([seen(LATENCY, 140), seen(QUEUE, 152)], [a_panel(courses)])
    lag = group.members[1].lag_s
    assert 120 <= lag <= 240


def test_two_that_have_waved_alike_for_hours_have_the_lag_of_their_waves():
    wave = 4 * np.random.default_rng(5).standard_normal(CYCLES)  # no two cycles alike: 180 points of evidence
    behind = np.roll(wave, 9)
    base = noise(3, n=2)
    panel = a_panel({LATENCY: wave + base[0], QUEUE: behind + base[1]})
    (group,) = together([seen(LATENCY, 100), seen(QUEUE, 170)], [panel])  # onsets 70 cycles apart
    assert [(one.series, one.lag_s) for one in group.members] == [(LATENCY, 0), (QUEUE, 9 * EVERY_S)]


def test_within_a_quarter_of_an_hour_it_takes_a_likeness_as_well():
    base = noise(4, n=2)
    panel = a_panel({LATENCY: base[0] + step(150), QUEUE: base[1] + step(160)})
    assert len(together([seen(LATENCY, 150), seen(QUEUE, 160)], [panel])) == 1
    blip = a_panel({LATENCY: base[0] + step(150), QUEUE: base[1] + step(160) * (np.arange(CYCLES) == 160)})
    assert len(together([seen(LATENCY, 150), seen(QUEUE, 160)], [blip])) == 2


@pytest.mark.parametrize("apart", [18, 30, 90])
def test_steps_that_are_far_apart_are_two_troubles_however_alike_they_look(apart):
    base = noise(5, n=2)
    panel = a_panel({LATENCY: base[0] + step(170 - apart), QUEUE: base[1] + step(170)})
    assert len(together([seen(LATENCY, 170 - apart), seen(QUEUE, 170)], [panel])) == 2


def test_permuted_residuals_rarely_group():
    """300 pairs whose likeness was destroyed by shuffling: what groups, groups because of onsets within five cycles."""
    generator = np.random.default_rng(6)
    grouped = by_onset = 0
    for _ in range(300):
        wave = generator.standard_normal(CYCLES).cumsum() / 4  # slow: what fools a plain correlation
        panel = a_panel({LATENCY: wave, QUEUE: generator.permutation(wave)})
        one, other = generator.integers(20, CYCLES, 2)
        groups = together([seen(LATENCY, one), seen(QUEUE, other)], [panel])
        grouped += len(groups) == 1
        by_onset += abs(one - other) <= 5
    assert grouped - by_onset <= 12  # 4 %: the level of the test is 1 %, and onsets are dated back


def test_two_slow_waves_that_know_nothing_of_each_other_stay_apart():
    generator = np.random.default_rng(7)
    found = 0
    for _ in range(200):
        waves = generator.standard_normal((2, CYCLES)).cumsum(axis=1) / 3
        x, y = np.clip(waves - waves.mean(axis=1, keepdims=True), -CLIP, CLIP)[:, None, :]
        r, n = shifted(x, y)
        best = np.argmax(np.abs(r), axis=1)
        points = effective(n[[0], best], autocorrelation(x), autocorrelation(y))
        found += bool(significant(r[[0], best], points)[0])
    assert found <= 20  # random walks are the hardest case there is; a plain test calls most of them alike


def test_gaps_are_no_evidence():
    base = noise(8, n=2)
    course = base[0] + step(150)
    course[20:140] = np.nan
    (group,) = together(
        [seen(LATENCY, 150), seen(QUEUE, 151)], [a_panel({LATENCY: course, QUEUE: base[1] + step(151)})]
    )
    assert group.members[1].lag_s == EVERY_S
    nothing = a_panel({LATENCY: np.full(CYCLES, np.nan), QUEUE: base[1]})
    assert len(together([seen(LATENCY, 150), seen(QUEUE, 20)], [nothing])) == 2


# -- symptoms without a course


def test_an_alert_joins_what_began_with_it_and_not_what_began_days_later():
    bridge = Series(UNITY, "bridges", "agent", ALERT)
    calls = Series(UNITY, "calls")
    at = NOW - timedelta(minutes=3)
    assert len(together([Standing(bridge, at), Standing(calls, NOW)])) == 1
    assert len(together([Standing(bridge, NOW - timedelta(days=2)), Standing(calls, NOW)])) == 2


# -- several integrations

FLEET = [f"practice-{n:03}" for n in range(40)]
SHARED = {name: frozenset({"the vendor X", OUR_NETWORK}) for name in FLEET[:14]} | {
    name: frozenset({OUR_NETWORK}) for name in FLEET[14:]
}


def ailing(names, gap_s: float = 10.0):
    return [
        Standing(Series(name, "error_rate"), NOW + timedelta(seconds=gap_s * nth)) for nth, name in enumerate(names)
    ]


def test_many_practices_of_one_vendor_at_once_are_one_group_with_how_many_of_how_many():
    (group,) = together(ailing(FLEET[:12]), shared=SHARED)
    assert (len(group.integrations), group.of, group.shared) == (12, 14, "the vendor X")
    assert group.says == "12 of the 14 integrations that share the vendor X: Error rate"


@pytest.mark.parametrize(
    ("names", "gap_s", "groups"),
    [
        pytest.param(FLEET[:1], 0, 1, id="one is one"),
        pytest.param(FLEET[:2], 60, 1, id="two of fourteen within a minute"),
        pytest.param(FLEET[:2], 301, 2, id="two of fourteen that began apart"),
        pytest.param(FLEET[14:16], 60, 2, id="two of forty that share no more than our network"),
        pytest.param(FLEET[14:18], 30, 1, id="four of forty at once: our network"),
        pytest.param(["elsewhere", "nowhere"], 0, 2, id="nothing is known of what they share"),
    ],
)
def test_it_takes_more_than_chance_to_group_practices(names, gap_s, groups):
    assert len(together(ailing(names, gap_s), shared=SHARED)) == groups


def test_what_was_ill_since_yesterday_is_no_part_of_what_began_for_all():
    old = Standing(Series(FLEET[0], "staleness", "Patient"), NOW - timedelta(days=1))
    groups = together([old, *ailing(FLEET[:12])], shared=SHARED)
    assert [[member.series for member in group.members] for group in groups if group.is_single] == [[old.series]]
    assert sorted(len(group.members) for group in groups) == [1, 12]


def test_the_larger_the_fleet_the_more_it_takes():
    assert [no_accident(count) for count in (2, 14, 40, 300, 1000)] == [2, 2, 3, 5, 8]


# -- identity


def test_a_group_keeps_its_id_and_beginning_while_it_grows_and_shrinks():
    base = noise(9, n=3)
    panel = a_panel({LATENCY: base[0] + step(150), THROTTLED: base[1] + step(152), QUEUE: base[2] + step(149)})
    (first,) = together([seen(LATENCY, 151)], [panel])
    (grown,) = together([seen(LATENCY, 151), seen(THROTTLED, 153), seen(QUEUE, 155)], [panel], known=[first])
    assert (grown.id, grown.began) == (first.id, first.began)
    assert len(grown.members) == 3
    (shrunk,) = together([seen(THROTTLED, 153)], [panel], known=[grown])
    assert (shrunk.id, shrunk.began) == (first.id, first.began)


def test_two_groups_that_turn_out_to_be_one_go_on_as_the_older():
    calls = Series(UNITY, "calls")
    shared = {EPIC: {"the host x"}, UNITY: {"the host x"}}
    apart = together([Standing(LATENCY, NOW), Standing(calls, NOW + timedelta(minutes=1))])
    (one,) = together([Standing(LATENCY, NOW), Standing(calls, NOW + timedelta(minutes=1))], shared=shared, known=apart)
    assert len(apart) == 2
    assert one.id == min(apart, key=lambda group: group.began).id


def test_who_was_together_stays_together_after_the_beginning_has_left_the_panel():
    at = NOW - timedelta(hours=9)
    known = together([Standing(LATENCY, at), Standing(QUEUE, at + timedelta(minutes=4))])
    later = [Standing(LATENCY, NOW - timedelta(hours=6)), Standing(QUEUE, NOW)]  # dated anew, by a shorter memory
    (group,) = together(later, known=known)
    assert [one.lag_s for one in group.members] == [0, 240]
    assert group.id == known[0].id


SYMPTOMS = st.lists(
    st.builds(
        Standing,
        st.builds(
            Series,
            st.sampled_from(FLEET[:8]),
            st.sampled_from(["latency", "error_rate", "records"]),
            st.sampled_from([None, "Patient.search"]),
        ),
        st.integers(0, 3000).map(lambda s: NOW + timedelta(seconds=s)),
        st.floats(1, 9),
    ),
    max_size=25,
    unique_by=lambda one: one.series,
)


@settings(max_examples=60, deadline=None)
@given(SYMPTOMS, st.randoms(use_true_random=False))
def test_every_symptom_is_in_one_group_in_whatever_order_they_come(symptoms, random):
    groups = together(symptoms, shared=SHARED)
    assert sorted(one.series.key + one.series.integration_id for group in groups for one in group.members) == sorted(
        one.series.key + one.series.integration_id for one in symptoms
    )
    assert len({group.id for group in groups}) == len(groups)
    assert all(group.members[0].lag_s == 0 for group in groups)
    shuffled = list(symptoms)
    random.shuffle(shuffled)
    assert together(shuffled, shared=SHARED) == groups
    assert together(shuffled, shared=SHARED, known=groups) == groups


def test_a_group_reads_back_as_it_was_written():
    (group,) = together(ailing(FLEET[:12]), shared=SHARED)
    assert Group.model_validate_json(group.model_dump_json()) == group


# -- what integrations share


def test_what_integrations_share_follows_from_what_is_declared():
    one = an_integration(
        settings={"base_url": "https://FHIR.example.org:8443/R4", "client_id": "x", "private_key": "file:/k"},
        contacts=Contacts(vendor="Epic Administrators"),
        resolvers=("10.0.0.2",),
    )
    other = an_integration(id=UNITY, kind="hl7_mllp", settings={"host": "hl7.example.org", "port": 2575})
    assert depends_on([one, other]) == {
        EPIC: {
            OUR_NETWORK,
            "the host fhir.example.org",
            "the kind of system epic_fhir",
            "the vendor Epic Administrators",
            "the name server 10.0.0.2",
        },
        UNITY: {OUR_NETWORK, "the host hl7.example.org", "the kind of system hl7_mllp"},
    }
