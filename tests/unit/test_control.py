"""Controls: rows of connections, hops that lose, and what `controls:` may say."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from models.control import Hop, losses, where_it_loses
from models.control_setting import ControlSettings, parse_place
from models.facts import clustering


def row(pattern: str):
    """A connection of 10 ms for every dot, a lost one for every x."""
    return losses([None if one == "x" else 10.0 for one in pattern])


@pytest.mark.parametrize(
    ("pattern", "lost", "runs", "longest", "clusters"),
    [
        pytest.param("....................", 0, 0, 0, 0.0, id="none lost: nothing to tell"),
        pytest.param("xxxxxxxxxxxxxxxxxxxx", 20, 1, 20, 0.0, id="all lost: no order in it"),
        pytest.param("x.x.x.x.x.x.x.x.x.x.", 10, 10, 1, 0.5, id="every other: less than chance"),
        pytest.param(".....xxxx.......xx..", 6, 2, 4, 2.1, id="two clusters"),
        pytest.param(".x.......", 1, 1, 1, 0.0, id="too few to tell"),
        pytest.param("", 0, 0, 0, 0.0, id="nothing tried"),
    ],
)
def test_a_row_of_connections_is_counted_and_its_clusters_measured(pattern, lost, runs, longest, clusters):
    seen = row(pattern)
    assert (seen.tried, seen.lost, seen.runs, seen.longest) == (len(pattern), lost, runs, longest)
    assert seen.clustering == pytest.approx(clusters)
    assert seen.share == (lost / len(pattern) if pattern else 0.0)


def test_speed_is_told_of_those_that_held():
    seen = losses([30.0, None, 10.0, 20.0])
    assert (seen.median_ms, seen.slowest_ms) == (20.0, 30.0)
    assert (row("xx").median_ms, row("xx").slowest_ms) == (None, None)


@given(st.lists(st.booleans(), min_size=20, max_size=60))
def test_a_row_and_the_readings_of_an_incident_measure_clusters_alike(lost):
    seen = losses([None if one else 1.0 for one in lost])
    assert seen.clustering == pytest.approx(clustering(lost))
    assert seen.longest <= seen.lost <= seen.tried
    assert seen.runs <= seen.lost


def hops(*answered: int | None, tried: int = 20) -> tuple[Hop, ...]:
    """One hop for each number of answers out of twenty; None: it never answered."""
    return tuple(
        Hop(number=n, address=None if count is None else f"10.0.0.{n}", tried=tried, answered=count or 0)
        for n, count in enumerate(answered, start=1)
    )


@pytest.mark.parametrize(
    ("way", "where"),
    [
        pytest.param(hops(20, 20, 20), None, id="nothing is lost"),
        pytest.param(hops(20, 12, 20), None, id="a router that answers few probes and forwards all"),
        pytest.param(hops(20, 10, 20, 19), 4, id="the same, and a single one lost at the end"),
        pytest.param(hops(20, 12, 14), 2, id="lost from the second hop to the end"),
        pytest.param(hops(20, 20, 12), 3, id="lost at the end alone"),
        pytest.param(hops(20, 12, None, 13), 2, id="a silent hop tells nothing"),
        pytest.param(hops(8, 18, 18), 2, id="a busy router before the hop that loses"),
        pytest.param(hops(20, 10, 7, 14, 9), 2, id="chance makes some lose less and some more"),
        pytest.param(hops(20, 12, 20, 8), 4, id="a busy router, one that loses nothing, and an end that does"),
        pytest.param(hops(None, None), None, id="nobody answers"),
        pytest.param((), None, id="no hops"),
    ],
)
def test_a_hop_loses_when_everything_behind_it_loses_too(way, where):
    found = where_it_loses(way)
    assert (found.number if found else None) == where


@pytest.mark.parametrize(
    ("written", "place"),
    [
        pytest.param("www.example.org:443", ("www.example.org", 443), id="a name"),
        pytest.param("10.1.2.3:80", ("10.1.2.3", 80), id="an address"),
        pytest.param("[fd00::1]:3128", ("fd00::1", 3128), id="IPv6"),
    ],
)
def test_a_control_host_is_a_host_with_its_port(written, place):
    assert parse_place(written) == place
    assert ControlSettings(hosts=(written,), vantage=written).hosts == (written,)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("hosts", ["www.example.org"], id="no port"),
        pytest.param("hosts", ["www.example.org:0"], id="port 0"),
        pytest.param("hosts", ["www.example.org:65536"], id="a port that there is not"),
        pytest.param("hosts", ["https://www.example.org:443"], id="a URL"),
        pytest.param("hosts", ["a:1", "b:1", "c:1", "d:1"], id="too many"),
        pytest.param("vantage", "user:secret@proxy:3128", id="a secret in the open"),
        pytest.param("vantage", "http://proxy:3128", id="a proxy as a URL"),
        pytest.param("resolvers", ["ns.example.org"], id="a name server by name"),
        pytest.param("calls", 9, id="more calls than a round of reads"),
        pytest.param("connects", 41, id="more connections than a burst and a trace"),
        pytest.param("limit", "31s", id="longer than a diagnosis waits"),
        pytest.param("every", "59s", id="too often"),
        pytest.param("proxy", "a:1", id="no such key"),
    ],
)
def test_what_cannot_be_a_control_is_refused_without_being_repeated(key, value):
    with pytest.raises(ValidationError) as caught:
        ControlSettings.model_validate({key: value})
    assert "secret" not in str(caught.value)
