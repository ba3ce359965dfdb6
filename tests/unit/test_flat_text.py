"""Reading delimited text in pieces: however it is cut, the counts are those of the csv module on the whole."""

from __future__ import annotations

import csv
import gzip
import io
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.drop import ExpectedFile
from models.flat_text import LONGEST_ROW, Content, Measure, Rows, Unusable, other_delimiter
from models.reading import Outcome
from tasks.sift import Sift

KEY = bytes(32)
cuts = st.lists(st.integers(0, 200), max_size=8)
cells = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), max_size=8)
tables = st.lists(st.lists(cells, min_size=2, max_size=4), min_size=1, max_size=6)


def a_file(**changes: object) -> ExpectedFile:
    return ExpectedFile.model_validate({"name": "x.csv"} | changes)


def pieces(data: bytes, at: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(min(one, len(data)) for one in at)})
    return [data[begin:end] for begin, end in pairwise(edges)]


def measured(data: bytes, at: list[int] = (), **changes: object) -> Content:
    measure = Measure(a_file(**changes))
    for piece in pieces(data, at):
        measure.feed(piece)
    return measure.finish()


def told(data: bytes, at: list[int] = (), **changes: object) -> Content | tuple[Outcome, str]:
    try:
        return measured(data, at, **changes)
    except Unusable as error:
        return error.outcome, error.code


@settings(max_examples=150)
@given(tables, st.sampled_from(["\n", "\r\n", "\r"]), st.sampled_from(["utf-8", "utf-16", "utf-8-sig"]), cuts)
def test_a_written_table_has_its_rows_however_it_is_cut(table, line_end, encoding, at):
    file = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if line_end == "\r" else csv.QUOTE_MINIMAL  # the module forgets \n when lines end in \r
    csv.writer(file, lineterminator=line_end, quoting=quoting).writerows(table)
    content = measured(file.getvalue().encode(encoding), at, encoding=encoding)
    assert content.rows == len(table) - 1
    assert list(content.columns) == table[0]
    assert content.ends_with_newline
    assert not content.is_cut


@settings(max_examples=200)
@given(st.text(st.sampled_from('ab",\n |é'), max_size=40), cuts)
def test_rows_of_any_text_are_what_the_csv_module_counts(text, at):
    rows = Rows(",", quoted=True)
    for piece in pieces(text.encode("utf-16-le"), [2 * one for one in at]):
        rows.feed(piece.decode("utf-16-le"))
    rows.finish()
    assert rows.count == sum(1 for row in csv.reader(text.split("\n")) if row)


@settings(max_examples=200)
@given(
    st.binary(max_size=120) | st.text(max_size=60).map(str.encode),
    cuts,
    st.sampled_from(["utf-8", "cp1252", "utf-16"]),
    st.booleans(),
)
def test_any_bytes_come_to_the_same_however_they_are_cut(data, at, encoding, quoted):
    options = {"encoding": encoding, "quoted": quoted, "trailer": {"prefix": "T", "count": 2}}
    assert told(data, at, **options) == told(data, **options)


def unpacked(data: bytes, at: list[int] = ()) -> Content | tuple[Outcome, str]:
    sift = Sift(a_file(name="x.csv.gz"), KEY)
    try:
        for piece in pieces(data, at):
            sift.feed(piece)
        return sift.finish()
    except Unusable as error:
        return error.outcome, error.code


@settings(max_examples=100)
@given(tables.map(str), st.integers(0, 60), st.binary(max_size=3), cuts)
def test_a_gzip_file_comes_to_the_same_however_it_is_cut_and_a_spoilt_one_to_a_typed_trouble(text, place, spoilt, at):
    packed = gzip.compress(text.encode(), mtime=0)
    for data in (packed, packed[:place]):
        assert unpacked(data, at) == unpacked(data)
    for data in (packed[:place] + spoilt + packed[place + len(spoilt) :], packed + spoilt):
        assert isinstance(unpacked(data, at), Content | tuple)


def test_members_in_a_row_are_one_file_and_zeros_behind_them_are_nothing():
    packed = gzip.compress(b"a,b\n1,2\n") + gzip.compress(b"3,4\n") + bytes(512)
    assert unpacked(packed, list(range(0, 60, 7))).rows == 2


@pytest.mark.parametrize(
    ("data", "trouble"),
    [
        pytest.param(b"a,b\n1,2\n", (Outcome.MALFORMED, "not_gzip"), id="not packed at all"),
        pytest.param(gzip.compress(b"a,b\n1,2\n")[:-9], (Outcome.PARTIAL, "truncated"), id="breaks off"),
        pytest.param(b"", (Outcome.PARTIAL, "truncated"), id="nothing"),
        pytest.param(gzip.compress(bytes(1 << 25)), (Outcome.MALFORMED, "nul_bytes"), id="a bomb of zeros"),
        pytest.param(
            gzip.compress(b"a,b\n" * (1 << 23)), (Outcome.MALFORMED, "unpacks_too_large"), id="a bomb of rows"
        ),
    ],
)
def test_what_does_not_unpack_is_a_typed_trouble(data, trouble):
    assert unpacked(data) == trouble


@pytest.mark.parametrize(
    ("text", "changes", "rows", "cut"),
    [
        pytest.param("a,b\n1,2\n3,4\n", {}, 2, False, id="whole"),
        pytest.param("a,b\n1,2\n3,4", {}, 2, False, id="without the last line end, but whole"),
        pytest.param("a,b\n1,2\n3", {}, 2, True, id="in the middle of a row"),
        pytest.param('a,b\n1,"2\n3', {}, 1, True, id="inside quotes"),
        pytest.param('a,b\n1,"2\n3"\n', {}, 1, False, id="a line end inside quotes"),
        pytest.param('a,b\n1,5" lens\n3,4\n', {}, 2, False, id="inches are no quotes"),
        pytest.param('a,b\n1,"x\n3,4\n', {"quoted": False}, 2, False, id="where quotes mean nothing"),
        pytest.param("\n\na,b\n\n1,2\n\n", {}, 1, False, id="blank lines are no rows"),
        pytest.param("1,2\n3,4\n", {"header": "none"}, 2, False, id="no header"),
        pytest.param("", {}, 0, False, id="nothing"),
        pytest.param("a,b\n", {}, 0, False, id="a header alone"),
    ],
)
def test_rows_are_counted_and_a_cut_is_seen(text, changes, rows, cut):
    content = measured(text.encode(), **changes)
    assert (content.rows, content.is_cut) == (rows, cut)


@pytest.mark.parametrize(
    ("text", "trailer", "rows", "stated"),
    [
        pytest.param("a,b\n1,2\nTRL,1\n", {"prefix": "TRL", "count": 2}, 1, 1, id="rows"),
        pytest.param("a,b\n1,2\nTRL,1", {"prefix": "TRL", "count": 2}, 1, 1, id="without a line end"),
        pytest.param("a,b\n1,2\nTRL,3\n", {"prefix": "TRL", "count": 2, "counts": "lines"}, 1, 1, id="lines"),
        pytest.param("a,b\n1,2\nTRL,20260303,0007\n", {"prefix": "TRL", "count": 3}, 1, 7, id="the third field"),
        pytest.param("a,b\n1,2\nTRL,x\n", {"prefix": "TRL", "count": 2}, 1, None, id="no number"),
        pytest.param("a,b\n1,2\nTRL\n", {"prefix": "TRL", "count": 2}, 1, None, id="no field"),
        pytest.param(f"a,b\nTRL,{'9' * 50}\n", {"prefix": "TRL", "count": 2}, 0, None, id="no number of rows"),
        pytest.param("a,b\n1,2\n", {"prefix": "TRL", "count": 2}, 1, None, id="no trailer"),
    ],
)
def test_a_trailer_states_rows_and_is_none(text, trailer, rows, stated):
    content = measured(text.encode(), trailer=trailer)
    assert (content.rows, content.stated) == (rows, stated)
    assert content.trailer is ("TRL" in text)


@pytest.mark.parametrize(
    ("data", "encoding", "outcome", "code"),
    [
        pytest.param("a,é\n".encode("cp1252"), "utf-8", Outcome.SEMANTIC, "encoding_changed", id="cp1252 for UTF-8"),
        pytest.param("a,é\n".encode(), "cp1252", Outcome.SEMANTIC, "encoding_changed", id="UTF-8 for cp1252"),
        pytest.param("a,é\n".encode("utf-16"), "utf-8", Outcome.SEMANTIC, "encoding_changed", id="UTF-16 for UTF-8"),
        pytest.param("a,b\n".encode("utf-8-sig"), "utf-8", Outcome.SEMANTIC, "bom_changed", id="a BOM came"),
        pytest.param(b"a,b\n", "utf-8-sig", Outcome.SEMANTIC, "bom_changed", id="a BOM went"),
        pytest.param("a,é".encode()[:-1], "utf-8", Outcome.SEMANTIC, "encoding_changed", id="half a character"),
        pytest.param(b"a,\0\n", "utf-8", Outcome.MALFORMED, "nul_bytes", id="NUL"),
        pytest.param(b"x" * (LONGEST_ROW + 1), "utf-8", Outcome.MALFORMED, "line_too_long", id="an endless line"),
        pytest.param(b'"' + b"x\n" * LONGEST_ROW, "utf-8", Outcome.MALFORMED, "line_too_long", id="an endless field"),
    ],
)
def test_what_is_no_text_of_this_kind_is_a_typed_trouble(data, encoding, outcome, code):
    assert told(data, list(range(0, len(data), 1 << 18)), encoding=encoding) == (outcome, code)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        pytest.param("a,é\n1,ü\n", "cp1252", id="accents in cp1252"),
        pytest.param("a,b\n", "cp1252", id="plain ASCII is in both"),
        pytest.param("a,é\n", "utf-8-sig", id="UTF-8 with the BOM that is expected"),
        pytest.param("a,é\n", "utf-16", id="UTF-16"),
    ],
)
def test_text_in_its_own_encoding_is_read(text, encoding):
    assert measured(text.encode(encoding), encoding=encoding).columns == ("a", text[2])


@pytest.mark.parametrize(
    ("header", "wanted", "is_other"),
    [
        pytest.param(("a;b;c",), 3, True, id="semicolons for commas"),
        pytest.param(("a;b",), 3, False, id="another number of columns"),
        pytest.param(("a", "b"), 3, False, id="the delimiter is right"),
        pytest.param(("a",), 1, False, id="one column has none"),
    ],
)
def test_another_delimiter_is_recognised_by_the_number_of_columns(header, wanted, is_other):
    assert other_delimiter(header, wanted) is is_other


def test_a_header_stays_inside():
    assert "canary" not in repr(measured(b"canary,b\n1,2\n"))
