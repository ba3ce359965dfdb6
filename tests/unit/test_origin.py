"""Where a cascade began: the earliest, most upstream node that is consistent with the graph, with reasons."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.origin import Ailing, Case, Column, find_origin, trace
from models.origin.case import Kind, kind_of
from models.origin.shift import onset

CHAIN = {"D": ("C",), "C": ("B",), "B": ("A",), "A": ()}  # D calls C calls B calls A
LAG_S = 40.0
ROWS, SPELL = 60, 5


def a_case(graph, shifts, *, metric="latency", target=None, requests=None, seed=1, rows=ROWS, **more):
    """Steady nodes with noise; `shifts` are added to each row of the spell."""
    chance = np.random.default_rng(seed)
    nodes = list(dict.fromkeys([*graph, *(name for callees in graph.values() for name in callees)]))
    usual = 1.0 if metric == "latency" else 100.0
    middle = np.array([usual] * len(nodes))
    normal = middle + 0.02 * chance.standard_normal((rows, len(nodes)))
    abnormal = middle + 0.02 * chance.standard_normal((SPELL, len(nodes)))
    for name, by in shifts.items():
        abnormal[:, nodes.index(name)] += by
    columns = [Column(name, metric) for name in nodes]
    if requests:
        counts = np.array([float(requests[name]) for name in nodes])
        normal, abnormal = (np.hstack([one, np.tile(counts, (len(one), 1))]) for one in (normal, abnormal))
        columns += [Column(name, "requests", "Sum") for name in nodes]
    return Case(graph, tuple(columns), normal, abnormal, 300.0 * np.arange(SPELL), target, metric, **more)


def first(case):
    return find_origin(case)[0]


# --- a cascade of ours -----------------------------------------------------------------------------------------------


def cascade(seed, without=()):
    """A fails, then every 40 s the next one; how strange each looks has nothing to do with it."""
    chance = np.random.default_rng(seed)
    began = {name: 1_000_000.0 + LAG_S * at for at, name in enumerate("ABCD")}
    return {
        name: Ailing(surprise=float(chance.uniform(0.5, 6.0)), began_s=at)
        for name, at in began.items()
        if name not in without
    }


@pytest.mark.parametrize("seed", range(5))
def test_a_cascade_with_lags_of_40_seconds_names_the_first_and_the_order(seed):
    suspects = trace(CHAIN, cascade(seed))
    assert (suspects[0].node, suspects[0].score) == ("A", 1.0)
    timeline = sorted(suspects, key=lambda one: one.began)
    assert [(one.node, one.lag_s) for one in timeline] == [("A", 0.0), ("B", 40.0), ("C", 80.0), ("D", 120.0)]
    assert suspects[0].timeline == "13:46:40 UTC"
    assert "explains B, C and D, which depend on it" in suspects[0].reasons
    assert "explained by A, which it calls" in next(one for one in suspects if one.node == "B").reasons


@pytest.mark.parametrize(
    ("without", "origin", "says"),
    [
        pytest.param("B", "A", "nearest that was observed: B between it and C was not", id="one on the way"),
        pytest.param("BC", "A", "nearest that was observed: C and B between it and D was not", id="two on the way"),
        pytest.param(
            "A",
            "B",
            "it calls A, of which nothing is known: the trouble may have come from there",
            id="the origin itself",
        ),
    ],
)
def test_a_hop_that_was_not_observed_is_passed_through_and_told(without, origin, says):
    suspects = trace(CHAIN, cascade(1, without))
    assert suspects[0].node == origin
    assert says in suspects[0].reasons
    assert {one.node for one in suspects} == set("ABCD")


def test_what_began_after_its_caller_does_not_explain_it():
    ailing = {"D": Ailing(surprise=2.0, began_s=0.0), "C": Ailing(surprise=2.0, began_s=100.0)}
    assert trace({"D": ("C",)}, ailing, within_s=60.0)[0].node == "D"
    assert trace({"D": ("C",)}, ailing, within_s=100.0)[0].node == "C"


def test_integrations_that_share_an_identity_provider_have_it_as_origin():
    graph = dict.fromkeys(("epic", "unity", "claims", "portal"), ("idp",))
    ailing = {name: Ailing(surprise=3.0, began_s=60.0) for name in graph} | {"idp": Ailing(surprise=1.0, began_s=0.0)}
    suspects = trace(graph, ailing)
    assert (suspects[0].node, suspects[0].score) == ("idp", 1.0)
    assert "explains epic, unity, claims and 1 more, which depend on it" in suspects[0].reasons


def test_in_a_circle_only_who_began_earlier_explains_the_other():
    circle = {"A": ("B",), "B": ("A",)}
    late, early = Ailing(surprise=3.0, began_s=100.0), Ailing(surprise=1.0, began_s=0.0)
    assert trace(circle, {"A": late, "B": early})[0].node == "B"
    assert trace(circle, {"A": Ailing(surprise=3.0), "B": Ailing(surprise=1.0)})[0].node == "A"


# --- amounts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("metric", ["latency", "availability"])
def test_trouble_that_only_passes_through_is_its_callees(metric):
    side = 1.0 if metric == "latency" else -20.0
    case = a_case(CHAIN, dict.fromkeys("ABCD", side), metric=metric, target="D", requests=dict.fromkeys("ABCD", 100))
    found = find_origin(case)
    assert found[0].node == "A"
    assert found[0].score > 0.9
    what = "extra time" if metric == "latency" else "failed requests"
    assert any(f"of the {what} of D arises here, not in what it calls" in reason for reason in found[0].reasons)


def test_a_caller_that_adds_more_than_it_got_is_the_origin():
    case = a_case(CHAIN, {"A": 0.2, "B": 0.2, "C": 2.0, "D": 2.0}, target="D", requests=dict.fromkeys("ABCD", 100))
    assert [one.node for one in find_origin(case)][:2] == ["C", "A"]


def test_a_small_shift_of_what_is_asked_often_outweighs_a_large_one_of_what_is_hardly_asked():
    graph = {"shop": ("busy", "rare"), "busy": (), "rare": ()}
    requests = {"shop": 500, "busy": 500, "rare": 2}
    case = a_case(graph, {"shop": 0.31, "busy": 0.3, "rare": 3.0}, target="shop", requests=requests)
    assert first(case).node == "busy"
    case = a_case(graph, {"shop": 0.31, "busy": 0.3, "rare": 3.0}, target="shop")  # nobody counted
    assert first(case).node == "rare"


def test_trouble_that_cannot_have_come_to_the_target_is_not_its_origin():
    graph = {"shop": ("cart", "mail"), "cart": (), "mail": ("relay",), "relay": ()}
    shifts = {"shop": 0.5, "cart": 0.5, "relay": 50.0}  # mail, between them, is as it always was
    case = a_case(graph, shifts, target="shop", requests=dict.fromkeys(("shop", "cart", "mail", "relay"), 100))
    assert first(case).node == "cart"


def test_what_usual_spells_reach_by_themselves_is_no_trouble():
    graph = {"shop": ("steady", "wild"), "steady": (), "wild": ()}
    case = a_case(graph, {"shop": 0.3, "steady": 0.3}, target="shop", rows=200)
    wild = list(graph).index("wild")
    case.normal[::7, wild] += 8.0
    case.abnormal[2, wild] += 8.0
    assert first(case).node == "steady"


def test_an_improvement_is_no_trouble():
    case = a_case({"D": ("A",), "A": ()}, {"A": -0.9, "D": 0.5}, target="D")
    assert first(case).node == "D"


# --- surprise --------------------------------------------------------------------------------------------------------


def series(*columns, seed=1, rows=200):
    """A case of columns (node, metric, shift of the spell in deviations) and no graph."""
    chance = np.random.default_rng(seed)
    normal = 100 + chance.standard_normal((rows, len(columns)))
    abnormal = 100 + chance.standard_normal((SPELL, len(columns))) + np.array([by for _, _, by in columns])
    return Case({}, tuple(Column(node, metric) for node, metric, _ in columns), normal, abnormal, np.arange(5.0))


@pytest.mark.parametrize(
    ("columns", "origin"),
    [
        pytest.param([("a", "cpu", 9), ("b", "cpu", 0)], "a", id="without a graph the most surprising"),
        pytest.param(
            [("a", "server latency", 9), ("a", "client latency", 9), ("b", "server latency", 5)],
            "b",
            id="slow because of those it calls",
        ),
        pytest.param(
            [("a", "cpu", 9), ("a", "workload", 9), ("b", "cpu", 5), ("b", "workload", 0)],
            "b",
            id="busy because it is asked more",
        ),
        pytest.param(
            [("a", "cpu", 9), ("a", "workload", -9), ("b", "cpu", 5)], "a", id="busy although it is asked less"
        ),
        pytest.param([("a", "success", 9), ("b", "success", -5)], "b", id="more success is no trouble"),
        pytest.param(
            [("a", "cpu", 9), ("b", "cpu", 8), ("b", "memory", 8)], "b", id="odd in two ways is odder than in one"
        ),
    ],
)
def test_surprise_is_what_requests_and_callees_do_not_explain(columns, origin):
    assert first(series(*columns)).node == origin


def test_what_was_so_just_before_did_not_begin_now():
    case = series(("risen", "memory", 50), ("odd", "memory", 4), seed=2, rows=400)
    case.normal[-12:, 0] += 50  # a rare level, but not a new one
    just_after = Case({}, case.columns, case.normal, case.abnormal, case.ends_s + 400, normal_s=np.arange(400.0))
    long_after = Case({}, case.columns, case.normal, case.abnormal, case.ends_s + 9000, normal_s=np.arange(400.0))
    assert (first(just_after).node, first(long_after).node) == ("odd", "risen")


@pytest.mark.parametrize(
    ("z", "row"),
    [
        pytest.param([0, 0, 5, 5, 5], 2, id="in the middle"),
        pytest.param([5, 5, 5, 5, 5], 0, id="from the first row on"),
        pytest.param([3, 0, 0, 0, 9], 4, id="a blip that was over is another"),
        pytest.param([0, np.nan, 9, 0, 0], 2, id="it may be over again"),
        pytest.param([0.5, 0.9, -3, 0, 1], None, id="nothing stands out"),
    ],
)
def test_an_onset_is_the_first_row_of_what_stands_out(z, row):
    assert onset(np.array(z, dtype=float)) == row


@pytest.mark.parametrize(
    ("metric", "kind"),
    [
        ("latency", Kind.LATENCY),
        ("PodClientLatency", Kind.OF_CALLEES),
        ("availability", Kind.SUCCESS),
        ("error_rate", Kind.FAILURE),
        ("PodWorkload", Kind.LOAD),
        ("CpuUsage", Kind.OTHER),
    ],
)
def test_a_metric_is_known_by_its_words(metric, kind):
    assert kind_of(metric) is kind


# --- whatever comes --------------------------------------------------------------------------------------------------

NODES = tuple("abcdef")


@st.composite
def cases(draw):
    """Small cases of any shape, cycles and gaps included."""
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    edges = draw(st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)), max_size=10))
    graph = {name: tuple(dict.fromkeys(to for at, to in edges if at == name)) for name in NODES}
    metrics = draw(st.lists(st.sampled_from(["latency", "availability", "requests", "cpu"]), min_size=1, unique=True))
    columns = tuple(Column(name, metric) for name in NODES for metric in metrics)
    normal = 50 + chance.standard_normal((draw(st.integers(0, 40)), len(columns)))
    abnormal = 50 + chance.standard_normal((draw(st.integers(1, 6)), len(columns)))
    abnormal[:, chance.random(len(columns)) < 0.3] += draw(st.sampled_from([-30.0, 5.0, 30.0]))
    for rows in (normal, abnormal):
        rows[chance.random(rows.shape) < draw(st.sampled_from([0.0, 0.2, 0.9]))] = np.nan
    target = draw(st.sampled_from([None, *NODES]))
    metric = draw(st.sampled_from(["latency", "availability"]))
    return Case(graph, columns, normal, abnormal, 60.0 * np.arange(len(abnormal)), target, metric)


@settings(max_examples=40, deadline=None)
@given(cases())
def test_every_node_is_ranked_once_and_the_parts_make_one_whole_at_most(case):
    found = find_origin(case)
    assert sorted(one.node for one in found) == sorted(NODES)
    assert [one.rank for one in found] == list(range(1, len(found) + 1))
    assert all(one.reasons for one in found)
    assert sum(one.score for one in found) <= 1.001


@settings(max_examples=25, deadline=None)
@given(cases(), st.permutations(NODES))
def test_other_names_do_not_change_the_ranking(case, names):
    new = dict(zip(NODES, names, strict=True))
    renamed = Case(
        {new[name]: tuple(new[one] for one in callees) for name, callees in case.graph.items()},
        tuple(one._replace(node=new[one.node]) for one in case.columns),
        case.normal,
        case.abnormal,
        case.ends_s,
        case.target and new[case.target],
        case.metric,
    )
    assert [new[one.node] for one in find_origin(case)] == [one.node for one in find_origin(renamed)]


@settings(max_examples=25, deadline=None)
@given(cases(), st.sampled_from([2.0**-10, 2.0**10]))  # powers of two: no rounding
def test_another_unit_does_not_change_the_ranking(case, factor):
    scaled = Case(
        case.graph,
        case.columns,
        case.normal * factor,
        case.abnormal * factor,
        case.ends_s,
        case.target,
        case.metric,
    )
    assert [one.node for one in find_origin(case)] == [one.node for one in find_origin(scaled)]


@settings(max_examples=25, deadline=None)
@given(st.floats(0, 1e6), st.integers(0, 4), st.booleans())
def test_what_never_changes_is_never_above_what_shifted(value, at, is_counted):
    graph = {"shop": NODES[:5], **dict.fromkeys(NODES[:5], ())}
    counts = dict.fromkeys(graph, 10) if is_counted else None
    case = a_case(graph, {"shop": 1.0, NODES[at]: 1.0}, target="shop", requests=counts)
    for other in range(5):
        if other != at:
            case.normal[:, other + 1] = case.abnormal[:, other + 1] = value
    assert first(case).node == NODES[at]


def test_shapes_that_do_not_fit_are_refused():
    case = a_case(CHAIN, {})
    with pytest.raises(ValueError, match="agree in their sizes"):
        find_origin(Case(CHAIN, case.columns[:2], case.normal, case.abnormal, case.ends_s))
