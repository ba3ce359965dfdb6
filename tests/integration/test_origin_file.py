"""`heal origin`: files as people have them, good and bad, in PetShop's layout."""

from __future__ import annotations

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from flows.commands.origin import command
from models.errors import BadInput
from models.origin import Column
from tasks.origin_file import origin_of, read_graph, read_metrics

GRAPH = ",shop,cart,db\nshop,0,1,0\ncart,0,0,1\ndb,0,0,0\n"
HEAD = (
    "microservice,shop,cart,db,db\nmetric,latency,latency,latency,requests\n"
    "statistic,Average,Average,Average,Sum\nunix_timestamp,,,,\n"
)
NORMAL = HEAD + "".join(f"{1_700_000_000 + 300 * n},{3 + n % 3 / 10},2.{n % 5},1.{n % 4},90\n" for n in range(40))
ABNORMAL = HEAD + "".join(f"{1_700_100_000 + 300 * n},{s},{s - 1},{s - 2},90\n" for n, s in enumerate((3, 3, 9, 9, 9)))


@pytest.fixture
def files(tmp_path):
    for name, text in (("graph", GRAPH), ("normal", NORMAL), ("abnormal", ABNORMAL)):
        (tmp_path / f"{name}.csv").write_text(text)
    return tmp_path


def heal(folder, *more, graph=True, target="shop"):
    app = typer.Typer()
    app.command()(command)
    given = ["--normal", folder / "normal.csv", "--abnormal", folder / "abnormal.csv", *more]
    given += ["--graph", folder / "graph.csv"] if graph else []
    given += ["--target", target] if target else []
    done = CliRunner().invoke(app, list(map(str, given)))
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.output


def test_as_json_every_node_has_a_rank_a_score_and_reasons(files):
    rows = json.loads(heal(files, "--json"))
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert (rows[0]["node"], {row["node"] for row in rows}) == ("db", {"shop", "cart", "db"})
    assert rows[0]["score"] > 0.9
    assert rows[0]["reasons"][0].startswith("latency (Average) rose from 1.15 to 4.6, ")
    assert rows[0]["began"] == "2023-11-16T02:10:00+00:00"


def test_a_person_reads_the_origin_its_reasons_and_the_order(files):
    shown = heal(files)
    assert shown.startswith("Origin of the trouble of shop: db\n")
    assert "arises here, not in what it calls" in shown
    assert "In the order in which they began:" in shown


def test_a_usual_time_has_no_origin(files):
    (files / "abnormal.csv").write_text(NORMAL)
    assert heal(files) == "Nothing stands out: no node shows more than a usual spell reaches.\n"


@pytest.mark.parametrize("more", [{"graph": False}, {"graph": False, "target": None}, {"target": None}])
def test_graph_and_target_may_be_unknown(files, more):
    assert {row["node"] for row in json.loads(heal(files, "--json", **more))} == {"shop", "cart", "db"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("abnormal", ABNORMAL.replace("shop,cart", "shop,cart", 1) + "1700101500,,,,\n", id="an empty row"),
        pytest.param("abnormal", ABNORMAL.replace("9,8,7,90", "9,8,7,inf"), id="an endless value"),
        pytest.param("abnormal", ABNORMAL + "1700101200,9,8,7,90\n", id="the same time twice"),
        pytest.param("abnormal", HEAD + "\n".join(reversed(ABNORMAL.splitlines()[4:])) + "\n", id="newest first"),
        pytest.param("abnormal", ABNORMAL.replace("unix_timestamp,,,,\n", ""), id="no name of the index"),
        pytest.param("abnormal", ABNORMAL.replace("cart", "new"), id="a node that the graph lacks"),
        pytest.param("abnormal", ABNORMAL.replace("microservice,shop", "microservice,else"), id="a target unmeasured"),
        pytest.param("normal", HEAD + "\n".join(NORMAL.splitlines()[4:7]) + "\n", id="three usual rows"),
        pytest.param("normal", HEAD + NORMAL.splitlines()[4] + "\n", id="one usual row"),
        pytest.param("normal", HEAD + "".join(f"{n},3,2,1,90\n" for n in range(30)), id="nothing ever changes"),
        pytest.param("graph", GRAPH.replace("db,0,0,0", "db,1,0,0"), id="a circle"),
        pytest.param("graph", GRAPH.replace("\ndb,0,0,0", ""), id="a callee that is no caller"),
        pytest.param("graph", GRAPH.replace("0,1,0", "0.0,1.0,").replace("\n", "\r\n"), id="as a spreadsheet saves it"),
    ],
)
def test_odd_files_are_understood(files, name, text):
    (files / f"{name}.csv").write_text(text)
    nodes = [row["node"] for row in json.loads(heal(files, "--json"))]
    assert set(nodes) >= {"shop", "cart", "db"}
    assert len(nodes) == len(set(nodes))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        pytest.param("graph", None, "graph.csv: there is no such file; check its name", id="no graph"),
        pytest.param("graph", b"", "graph.csv: is no adjacency matrix; name the callees", id="empty graph"),
        pytest.param("graph", b",a\na,yes\n", "graph.csv:2: a call is written as 1 and none as 0", id="words in it"),
        pytest.param("graph", b",a,b\na,1\n", "graph.csv:2: this line has 2 cells and the header 3", id="ragged graph"),
        pytest.param("graph", b",a\na,0\n", "graph.csv: there is no node 'shop'; there are 'a'", id="target not in it"),
        pytest.param("normal", b"a,b\n1,2\n", "normal.csv: does not begin with three lines", id="another layout"),
        pytest.param("normal", HEAD.encode(), "normal.csv: there are no rows below the header", id="header only"),
        pytest.param("normal", NORMAL.encode() + b"\xff\xfe\n", "normal.csv: this is not UTF-8 text", id="not text"),
        pytest.param("normal", NORMAL.replace(",90\n", ",9O\n", 1).encode(), "column 5 holds", id="a letter"),
        pytest.param(
            "abnormal", HEAD.encode() + b"noon,1,1,1,1\n", "abnormal.csv:5: the time is unreadable", id="time in words"
        ),
        pytest.param(
            "abnormal", HEAD.encode() + b"1700000000000,1,1,1,1\n", "divide milliseconds by 1000", id="milliseconds"
        ),
        pytest.param(
            "abnormal", HEAD.encode() + b"1,1,1,1,1,1\n", "as many cells in each line as in its header", id="too many"
        ),
    ],
)
def test_a_bad_file_is_told_in_one_sentence(files, name, content, says):
    path = files / f"{name}.csv"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput) as refused:
        heal(files)
    assert says in str(refused.value)
    assert refused.value.exit_code == 2
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("more", "target", "says"),
    [
        pytest.param((), "shpo", "there is no node 'shpo'; did you mean 'shop'?", id="a node misspelt"),
        pytest.param(("--metric", "latncy"), "shop", "write latency or availability", id="a metric misspelt"),
        pytest.param(("--statistic", "p9"), "shop", "has the statistic 'p9'; there are 'Average'", id="no statistic"),
    ],
)
def test_a_wrong_word_is_told_with_the_right_one(files, more, target, says):
    with pytest.raises(BadInput, match=r"^[^\n]+$") as refused:
        heal(files, *more, target=target)
    assert says in str(refused.value)


def test_of_two_rows_with_one_time_the_last_counts_and_rows_are_put_in_order(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("s,a\nm,latency\nst,Average\n2023-01-01T00:01:00Z,1\n1672531200,7\n1672531260,3\n")
    read = read_metrics(path)
    assert read.columns == (Column("a", "latency", "Average"),)
    assert (read.ends_s.tolist(), read.table.tolist()) == ([1672531200.0, 1672531260.0], [[7.0], [3.0]])


def test_a_graph_names_callers_and_callees_whether_or_not_they_have_a_line(tmp_path):
    (tmp_path / "g.csv").write_text(",b,c\na,1,0.5\nb,,0\n")
    assert read_graph(tmp_path / "g.csv") == {"a": ("b", "c"), "b": (), "c": ()}


def test_a_large_file_is_read_in_one_go(files):
    chance = np.random.default_rng(0)
    rows = "".join(f"{n},{a:.3f},{a - 1:.3f},{a - 2:.3f},90\n" for n, a in enumerate(3 + chance.random(60_000) / 10))
    (files / "normal.csv").write_text(HEAD + rows)
    found = origin_of(*(files / f"{name}.csv" for name in ("graph", "normal", "abnormal")), "shop", "latency")
    assert found[0].node == "db"
