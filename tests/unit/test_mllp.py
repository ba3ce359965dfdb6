"""Framing: however a stream is cut, the same messages come out, and nothing that a peer sends raises."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.mllp import END, LARGEST, NOT_MLLP, START, TOO_LARGE, Deframer, framed

SMALL = 24  # bytes of the largest message here, so that streams reach it
content = st.binary(max_size=SMALL).map(lambda data: data.replace(b"\x0b", b"v").replace(b"\x1c", b"f"))
between = st.sampled_from([b"", b"", b"\r", b"\n", b"\r\n\r\n"])
good_streams = st.lists(st.tuples(between, content))
noise = st.lists(st.sampled_from([b"\x0b", b"\x1c", b"\r", b"\n", b"a", b"MSH|", b"x" * SMALL])).map(b"".join)


def fed(stream: bytes, cuts: list[int]) -> tuple[list[bytes], str | None, bool]:
    """What a deframer makes of a stream that arrives in pieces."""
    deframer, places = Deframer(SMALL), sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    pieces = [stream[a:b] for a, b in pairwise(places)]
    messages = [message for piece in pieces for message in deframer.feed(piece)]
    return messages, deframer.broken, deframer.is_within


@given(good_streams, st.lists(st.integers(0, 500)))
def test_every_message_comes_out_once_and_in_order_however_the_stream_is_cut(parts, cuts):
    stream = b"".join(gap + framed(message) for gap, message in parts)
    assert fed(stream, cuts) == ([message for _, message in parts], None, False)


@given(noise | st.binary(max_size=200), st.lists(st.integers(0, 500), max_size=20))
def test_of_any_bytes_at_all_it_makes_the_same_whole_or_in_pieces(stream, cuts):
    assert fed(stream, cuts) == fed(stream, []) == fed(stream, list(range(len(stream))))


@pytest.mark.parametrize(
    ("stream", "messages", "broken"),
    [
        pytest.param(b"", [], None, id="nothing"),
        pytest.param(b"\r\n", [], None, id="line ends between frames"),
        pytest.param(b"\x0bA\x1c\r", [b"A"], None, id="one frame"),
        pytest.param(b"\x0b\x1c\r", [b""], None, id="an empty one"),
        pytest.param(b"\x0bA\x1c\r\r\n\x0bB\x1c\r", [b"A", b"B"], None, id="two, with a line end between"),
        pytest.param(b"\x0bA\x1c", [], None, id="its last CR is still to come"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n", [], NOT_MLLP, id="HTTP"),
        pytest.param(b"MSH|^~\\&|\r", [], NOT_MLLP, id="HL7 without a frame"),
        pytest.param(b"\x0bA\x1c\x0bB\x1c\r", [], NOT_MLLP, id="an end without its CR"),
        pytest.param(b"\x0bA\x0bB\x1c\r", [], NOT_MLLP, id="a start inside a message"),
        pytest.param(b"\x0bA\x1c\rx", [b"A"], NOT_MLLP, id="noise after a frame"),
        pytest.param(b"\x1c\r", [], NOT_MLLP, id="an end without a start"),
        pytest.param(framed(b"x" * SMALL), [b"x" * SMALL], None, id="as large as it may be"),
        pytest.param(framed(b"x" * (SMALL + 1)), [], TOO_LARGE, id="one byte too large"),
        pytest.param(b"\x0b" + b"x" * (SMALL + 1), [], TOO_LARGE, id="too large before it ends"),
    ],
)
def test_what_is_a_frame_and_what_is_none(stream, messages, broken):
    assert fed(stream, [])[:2] == (messages, broken)


def test_once_broken_nothing_more_is_taken():
    deframer = Deframer()
    assert deframer.feed(b"noise") == []
    assert deframer.feed(framed(b"MSH|")) == []
    assert deframer.broken == NOT_MLLP
    assert not deframer.is_within


@settings(max_examples=5)
@given(st.sampled_from([b"x", b"\r", b"|", b"\x0b"]))
def test_an_endless_stream_is_held_up_to_the_limit_and_no_further(byte):
    deframer, chunk = Deframer(), byte * (1 << 16)
    deframer.feed(START)
    for _ in range(40):
        deframer.feed(chunk)
        assert len(deframer._held) <= LARGEST + len(START)
    assert deframer.broken in {TOO_LARGE, NOT_MLLP}


def test_a_frame_is_as_the_standard_draws_it():
    assert framed(b"MSH|") == b"\x0bMSH|\x1c\x0d"
    assert START + END == b"\x0b\x1c\r"
