"""Flat text: what a delimited file is, counted while it streams by.

However the bytes are cut into chunks, the counts are the same. What is held is one chunk and one unfinished row,
whose length is capped; of the content, only the header and the last row are ever looked at, and neither leaves,
unless somebody asks to be handed the rows.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from models.drop import DELIMITERS, ExpectedFile, Trailer
from models.reading import Code, Outcome

LONGEST_ROW = 1 << 20  # characters; no export of a practice has such a row
BOMS = (  # longest first: that of UTF-32 begins like that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LONGEST_BOM = 4
TakeRows = Callable[[list[str]], None]
UNICODE = ("utf-8", "utf-8-sig", "utf-16", "utf-32")


class Unusable(Exception):
    """The rest of a file need not be read."""

    def __init__(self, outcome: Outcome, code: Code) -> None:
        self.outcome, self.code = outcome, code
        super().__init__(code)


@dataclass(frozen=True)
class Content:
    """What one whole file came to."""

    rows: int  # without header and trailer; blank lines are none
    columns: tuple[str, ...] = field(default=(), repr=False)  # names in the header; may say anything
    trailer: bool = False  # whether the last row is one
    stated: int | None = None  # rows, as the trailer says
    is_cut: bool = False  # the last row breaks off
    ends_with_newline: bool = True


class Rows:
    """Counts the rows of a text that comes in pieces; quoted fields may hold line ends, as in RFC 4180."""

    def __init__(self, delimiter: str, *, quoted: bool, take: TakeRows | None = None) -> None:
        self._delimiter, self._quoted, self._hand_on = delimiter, quoted, take
        self._rest = ""  # begins a row that is not finished
        self.count = 0
        self.first, self.last = "", ""

    def feed(self, text: str) -> None:
        r"""Take the next piece, whose line ends are `\\n`.

        Raises:
            Unusable: when a row grows beyond all measure.
        """
        whole = self._rest + text
        lines = whole.split("\n")
        self._rest = lines.pop()
        if self._quoted and '"' in whole:
            self._rest = "\n".join([*self._take_quoted(lines), self._rest])
        else:
            self._take(lines)
        if len(self._rest) > LONGEST_ROW:
            raise Unusable(Outcome.MALFORMED, "line_too_long")

    def finish(self) -> tuple[bool, bool]:
        """Say that the text is over: whether it ended with a line end, and whether inside quotes."""
        if not self._rest:
            return True, False
        left = self._take_quoted(self._rest.split("\n")) if self._quoted else [self._rest]
        self._take(["\n".join(left)])
        return False, self._quoted and bool(left)

    def _take(self, rows: list[str]) -> None:
        filled = [row for row in rows if row] if "" in rows else rows
        if filled:
            self.first = self.first or filled[0]
            self.last = filled[-1]
            self.count += len(filled)
            if self._hand_on is not None:
                self._hand_on(filled)

    def _take_quoted(self, lines: list[str]) -> list[str]:
        """Count rows as the csv module reads them; returns the lines of one that is still inside quotes."""
        source = _Source(lines)
        reader = csv.reader(source, delimiter=self._delimiter)
        rows: list[str] = []
        begun = 0
        try:
            for _ in reader:
                if source.is_empty_handed:  # it asked for more before it had the whole row
                    break
                rows.append("\n".join(lines[begun : source.given]))
                begun = source.given
        except csv.Error:  # a field larger than the csv module takes
            raise Unusable(Outcome.MALFORMED, "line_too_long") from None
        self._take(rows)
        return lines[begun:]


class _Source:
    """Lines for a csv reader, and whether it wanted more than there are."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self.given = 0
        self.is_empty_handed = False

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self.given == len(self._lines):
            self.is_empty_handed = True
            raise StopIteration
        self.given += 1
        return self._lines[self.given - 1]


class Measure:
    """Counts one file.

    Args:
        expected: what it should be.
        take: is handed the rows as they are written, header and trailer too; None: they are only counted.
    """

    def __init__(self, expected: ExpectedFile, take: TakeRows | None = None) -> None:
        self._expected = expected
        self._rows = Rows(expected.delimiter, quoted=expected.quoted, take=take)
        self._head = b""  # until the BOM, if any, is known
        self._decoder: io.IncrementalNewlineDecoder | None = None
        self._as_utf8: codecs.IncrementalDecoder | None = None  # what it might be, instead of a one-byte encoding
        self._has_accents = False

    def feed(self, data: bytes) -> None:
        """Take the next bytes.

        Raises:
            Unusable: the rest need not be read.
        """
        if self._decoder is None:
            self._head += data
            if len(self._head) < LONGEST_BOM:
                return
            data = self._begin()
        self._decode(data, final=False)

    def finish(self) -> Content:
        """What the file came to.

        Raises:
            Unusable: when it is not text in its encoding.
        """
        self._decode(self._begin() if self._decoder is None else b"", final=True)
        if self._as_utf8 is not None and self._has_accents:  # all of it is UTF-8, which no chance makes
            raise Unusable(Outcome.SEMANTIC, "encoding_changed")
        newline, is_open = self._rows.finish()
        return self._content(newline=newline, is_open=is_open)

    def _begin(self) -> bytes:
        """Look for a BOM, which must be there just when the encoding has one."""
        encoding = self._expected.encoding
        found = next((name for bom, name in BOMS if self._head.startswith(bom)), None)
        wanted = encoding if encoding in {"utf-8-sig", "utf-16", "utf-32"} else None
        if self._head and found != wanted:
            is_only_the_bom = {found or "utf-8", encoding} == {"utf-8", "utf-8-sig"}
            raise Unusable(Outcome.SEMANTIC, "bom_changed" if is_only_the_bom else "encoding_changed")
        decoder = codecs.getincrementaldecoder(encoding)()
        self._decoder = io.IncrementalNewlineDecoder(decoder, translate=True)
        if not encoding.startswith(("utf", "ascii")):
            self._as_utf8 = codecs.getincrementaldecoder("utf-8")()
        head, self._head = self._head, b""
        return head

    def _decode(self, data: bytes, *, final: bool) -> None:
        self._suspect(data, final=final)
        assert self._decoder is not None  # noqa: S101 - _begin comes first
        try:
            text: str = self._decoder.decode(data, final=final)
        except UnicodeError:
            raise Unusable(Outcome.SEMANTIC, "encoding_changed") from None
        if "\0" in text:
            raise Unusable(Outcome.MALFORMED, "nul_bytes")
        self._rows.feed(text)

    def _suspect(self, data: bytes, *, final: bool) -> None:
        """Note whether bytes that any one-byte encoding can be are UTF-8."""
        if self._as_utf8 is None:
            return
        self._has_accents = self._has_accents or not data.isascii()
        try:
            self._as_utf8.decode(data, final=final)
        except UnicodeError:
            self._as_utf8 = None

    def _content(self, *, newline: bool, is_open: bool) -> Content:
        rows, expected = self._rows, self._expected
        columns = () if expected.header == "none" else fields(rows.first, expected.delimiter, quoted=expected.quoted)
        last = fields(rows.last, expected.delimiter, quoted=expected.quoted)
        trailer = expected.trailer if expected.trailer and rows.last.startswith(expected.trailer.prefix) else None
        heads, tails = int(bool(columns)), int(trailer is not None)
        return Content(
            rows=max(0, rows.count - heads - tails),
            columns=columns,
            trailer=trailer is not None,
            stated=stated_rows(last, trailer, heads) if trailer else None,
            is_cut=is_open or (not newline and trailer is None and len(last) < len(columns)),
            ends_with_newline=newline,
        )


def fields(row: str, delimiter: str, *, quoted: bool = True) -> tuple[str, ...]:
    """The fields of one row; none of no row."""
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    try:
        return tuple(next(csv.reader([row], delimiter=delimiter, quoting=quoting), ()))
    except csv.Error:
        return ()


def stated_rows(last: tuple[str, ...], trailer: Trailer, heads: int) -> int | None:
    """How many rows a trailer says there are; None when it says nothing of the kind."""
    text = last[trailer.count - 1].strip() if len(last) >= trailer.count else ""
    if not text.isascii() or not text.isdecimal() or len(text) > 12:  # noqa: PLR2004 - digits of a number of rows
        return None
    return int(text) - (1 + heads if trailer.counts == "lines" else 0)


def other_delimiter(columns: tuple[str, ...], wanted: int) -> bool:
    """Whether a header of one column is one of the wanted number, written with another delimiter."""
    if len(columns) != 1 or wanted <= 1:
        return False
    return any(len(fields(columns[0], other)) == wanted for other in DELIMITERS.values())
