"""One trouble of many integrations: where it began, in which order it spread, and who waits for whom."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.cascade import Ailment, cascades
from models.dependency import OUR_NETWORK, Dependencies, Edge, Why, critical_paths, dependencies
from models.learned_edges import learn_edges
from tests.builders import NOW, an_integration

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def graph(**below: tuple[str, ...]) -> Dependencies:
    edges = [(name.replace("_", "-"), other) for name, several in below.items() for other in several]
    return Dependencies(edges=tuple(Edge(dependent=one, dependency=other, why=Why.DECLARED) for one, other in edges))


CHAIN = graph(b=("a",), c=("b",), d=("c",))
SHARED = graph(**dict.fromkeys("abcd", ("host idp.example.org", OUR_NETWORK)), e=(OUR_NETWORK,))


def after(symptom: str = "transport", **lags_s: float):
    return {name: Ailment(NOW + lag * SECOND, symptom) for name, lag in lags_s.items()}


def test_in_a_chain_with_lags_of_forty_seconds_the_first_and_most_upstream_is_the_origin():
    (found,) = cascades(CHAIN, after(a=0, b=40, c=80, d=120), ["e"])
    assert (found.origin, found.leads, found.held) == ("a", "a", ("b", "c", "d"))
    assert [(hit.integration_id, hit.lag_s) for hit in found.hits] == [("a", 0), ("b", 40), ("c", 80), ("d", 120)]
    assert found.says == "4 integrations impacted by a: a; 40 seconds later b; 80 seconds later c; 2 minutes later d"


def test_when_all_that_share_an_identity_provider_fail_and_others_do_not_it_is_the_origin():
    (found,) = cascades(SHARED, after(a=5, b=0, c=9, d=3), ["e"])
    assert found.origin == "host idp.example.org"
    assert found.leads == "b"
    assert found.held == ("d", "a", "c")


def test_when_one_that_shares_it_is_well_it_is_not_the_origin():
    assert cascades(SHARED, after(a=0, b=2), ["c", "d", "e"]) == ()


def test_when_everything_fails_our_own_network_is_meant_only_if_nothing_narrower_explains_all():
    everything = graph(a=(OUR_NETWORK,), b=(OUR_NETWORK,), c=("host x.example.org", OUR_NETWORK))
    assert [one.origin for one in cascades(everything, after(a=0, b=1, c=2), [])] == [OUR_NETWORK]
    narrower = graph(a=("host x.example.org", OUR_NETWORK), b=("host x.example.org", OUR_NETWORK))
    assert [one.origin for one in cascades(narrower, after(a=0, b=1), [])] == ["host x.example.org"]


@pytest.mark.parametrize(
    ("ailing", "many"),
    [
        pytest.param(after(), 0, id="nobody"),
        pytest.param(after(a=0), 0, id="one by itself"),
        pytest.param(after(a=0, b=40), 1, id="two that stand on one another"),
        pytest.param(after(a=0, b=3600), 0, id="hours apart"),
        pytest.param(after(a=0, z=5), 0, id="two that have nothing in common"),
    ],
)
def test_a_cascade_takes_two_that_belong_together_at_about_the_same_time(ailing, many):
    assert len(cascades(CHAIN, ailing, ["e"])) == many


@pytest.mark.parametrize(
    ("ailing", "origins"),
    [
        pytest.param(after("auth", a=0, b=2), [], id="a line refuses nobody a log-in"),
        pytest.param(after(a=0) | after("server_error", b=2), [], id="not the same trouble"),
        pytest.param(after(a=0, b=2) | after("auth", c=3), [OUR_NETWORK], id="the two that are alike"),
    ],
)
def test_what_is_shared_is_blamed_only_for_trouble_of_its_kind(ailing, origins):
    everything = graph(a=(OUR_NETWORK,), b=(OUR_NETWORK,), c=(OUR_NETWORK,))
    found = cascades(everything, ailing, [])
    assert [one.origin for one in found] == origins
    assert all("c" not in one.held for one in found)


def test_a_hop_that_nobody_watches_is_looked_through():
    unwatched = graph(b=("a",), c=("line-x",), line_x=("a",))
    (found,) = cascades(unwatched, after(a=0, c=90), [])
    assert found.origin == "a"


def test_two_troubles_at_the_same_time_are_two_cascades():
    both = graph(b=("a",), y=("x",))
    assert {one.origin for one in cascades(both, after(a=0, b=20, x=5, y=30), [])} == {"a", "x"}


@given(st.permutations("abcd"), st.lists(st.integers(0, 300), min_size=4, max_size=4))
def test_whoever_leads_is_never_held_and_everyone_is_told_once(names, lags):
    ailing = {name: Ailment(NOW + lag * SECOND) for name, lag in zip(names, lags, strict=True)}
    for found in cascades(CHAIN, ailing, ()):
        assert found.leads not in found.held
        told = [hit.integration_id for hit in found.hits]
        assert sorted(told) == sorted({found.leads, *found.held})
        assert [hit.began for hit in found.hits] == sorted(hit.began for hit in found.hits)


# --- the graph


def test_a_declared_edge_and_the_hosts_of_the_settings_are_what_an_integration_stands_on():
    one = an_integration(
        depends_on=("practice-vpn",),
        settings={"base_url": "https://fhir.example.org/R4", "token_url": "https://idp.example.org/token"},
    )
    known = dependencies([one])
    assert set(known.below(one.id)) == {"practice-vpn", "host fhir.example.org", "host idp.example.org", OUR_NETWORK}
    assert {edge.why for edge in known.edges} == {Why.DECLARED, Why.SETTINGS}


def test_what_depends_on_itself_in_a_circle_comes_to_an_end():
    circle = graph(a=("b",), b=("c",), c=("a",))
    assert set(circle.below("a")) == {"b", "c"}


def test_critical_paths_name_what_all_of_them_stand_on():
    one = an_integration(settings={"base_url": "https://a.example.org"})
    other = an_integration(id="other", settings={"base_url": "https://b.example.org"})
    paths = critical_paths([one, other], dependencies([one, other]))
    assert {path.component for path in paths} == {"Appointment API"}
    assert all(path.alone == (OUR_NETWORK,) for path in paths)


# --- learned


def weekly(*weeks: int, late_s: float = 0.0):
    return [NOW - week * 7 * DAY + late_s * SECOND for week in weeks]


@pytest.mark.parametrize(
    ("leads", "follows", "edges"),
    [
        pytest.param(weekly(1, 2, 3, 4), weekly(1, 2, 3, 4, late_s=90), 1, id="follows every time"),
        pytest.param(weekly(1, 2), weekly(1, 2, late_s=90), 0, id="twice is chance"),
        pytest.param(weekly(1, 2, 3, 4), weekly(1, 2, 3, 4, late_s=3), 0, id="at once: something shared"),
        pytest.param(weekly(1, 2, 3, 4), weekly(1, 2, 3, 4, late_s=7200), 0, id="hours later"),
        pytest.param(
            [*weekly(1, 2, 3), *weekly(4, 5, 6, late_s=90)],
            [*weekly(1, 2, 3, late_s=90), *weekly(4, 5, 6)],
            0,
            id="in either order",
        ),
    ],
)
def test_an_edge_is_learned_when_one_fails_shortly_after_another_far_more_often_than_chance(leads, follows, edges):
    found = learn_edges({"a": leads, "b": follows}, NOW - 60 * DAY, NOW)
    assert len(found) == edges
    if found:
        assert (found[0].dependent, found[0].dependency, found[0].times, found[0].lag_s) == ("b", "a", 4, 90.0)


def test_one_that_fails_all_the_time_follows_everybody_and_depends_on_nobody():
    often = [NOW - hour * timedelta(minutes=20) for hour in range(60 * 24 * 3)]
    assert learn_edges({"a": weekly(1, 2, 3, 4), "b": often}, NOW - 60 * DAY, NOW) == ()


def test_a_learned_edge_does_not_hide_a_declared_one():
    one = an_integration(id="b", depends_on=("a",))
    learned = Edge(dependent="b", dependency="a", why=Why.LEARNED, times=4, lag_s=90)
    assert [edge.why for edge in dependencies([one], [learned]).edges if edge.dependency == "a"] == [Why.DECLARED]
