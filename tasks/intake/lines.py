"""Reading a file that may be anything: endless, growing, compressed, no text at all. Memory stays that of a block."""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

BLOCK = 1 << 18  # bytes that are looked at together: about a thousand lines
LONGEST = 1 << 16  # bytes of a line; a longer one is refused
TAIL = 1 << 10  # bytes before an offset by which a file is recognised
GZIP = b"\x1f\x8b"
FREE = 1 << 26  # bytes that any compressed file may become
MOST_TIMES = 200  # and beyond that, so many times its size: logs pack 10 to 60 times
BOM = "\ufeff"
NOWHERE = -1  # the place of a line of which nothing was kept


class NotAFile(Exception):
    """A link, a pipe, a folder, or gone."""


class Torn(Exception):
    """A compressed file that stops half-way, is damaged, or unpacks to more than it may."""


class Source(Protocol):
    """Bytes one after another."""

    def read(self) -> bytes:
        """The next block; empty at the end."""
        ...

    def go_to(self, offset: int) -> bytes | None:
        """Go there; the last bytes before it, or None when the file does not reach so far."""
        ...


class Plain:
    """A file as it is."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def read(self) -> bytes:
        """The next block."""
        return self.file.read(BLOCK)

    def go_to(self, offset: int) -> bytes | None:
        """Seek."""
        if os.fstat(self.file.fileno()).st_size < offset:
            return None
        start = max(0, offset - TAIL)
        self.file.seek(start)
        return self.file.read(offset - start)


class Gzip:
    """A compressed file, of one member or several."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.inflate = file, zlib.decompressobj(wbits=31)
        self.left, self.became = b"", 0
        self.given_back = b""

    def read(self) -> bytes:
        """The next block, unpacked.

        Raises:
            Torn: when it cannot be, or becomes too much.
        """
        if self.given_back:
            block, self.given_back = self.given_back, b""
            return block
        while True:
            packed = self.left or self.file.read(BLOCK)
            if self.inflate.eof:
                if not packed.strip(b"\0"):
                    return b""
                self.inflate = zlib.decompressobj(wbits=31)
            if block := self._unpack(packed):
                return block
            if not packed and not self.inflate.eof:
                raise Torn("torn_gzip")

    def _unpack(self, packed: bytes) -> bytes:
        try:
            block = self.inflate.decompress(packed, BLOCK)
        except zlib.error:
            raise Torn("torn_gzip") from None
        self.left = self.inflate.unused_data if self.inflate.eof else self.inflate.unconsumed_tail
        self.became += len(block)
        if self.became > FREE + MOST_TIMES * self.file.tell():
            raise Torn("gzip_bomb")
        return block

    def go_to(self, offset: int) -> bytes | None:
        """Unpack up to there; what is read after it begins exactly there."""
        passed, tail = 0, b""
        while passed < offset:
            block = self.read()
            if not block:
                return None
            block, self.given_back = block[: offset - passed], block[offset - passed :]
            passed += len(block)
            tail = (tail + block)[-TAIL:]
        return tail


def open_file(path: Path) -> BinaryIO:
    """Open a regular file for reading; never a link, and never wait for a pipe.

    Raises:
        NotAFile: when it is anything else.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        raise NotAFile from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise NotAFile
    return os.fdopen(handle, "rb")


def source_of(file: BinaryIO) -> Source:
    """The file's bytes, unpacked where it is compressed; from its beginning."""
    file.seek(0)
    packed = file.read(len(GZIP)) == GZIP
    file.seek(0)
    return Gzip(file) if packed else Plain(file)


class Chunk(NamedTuple):
    """Full lines one after another, and where they end."""

    lines: list[str]  # without their breaks; one that was no UTF-8, or too long, is empty
    data: bytes  # what they were made of, each break one `\n`
    end: int  # offset of the first byte after them
    refused: list[tuple[int, str]]  # lines that never were one, by place, and why
    is_inside_long: bool = False  # the end is inside a line that is too long
    is_last: bool = False  # nothing will be added to these


class Lines:
    """Cuts a source into lines.

    Args:
        source: which stands at `offset`.
        breaks: every byte that ends a line.
        offset: where it stands.
        tail: the last bytes before it.
        inside_long: whether that is inside a line that was refused already.
        takes_last: whether a last line without its break is a line: nothing will be added to it.
    """

    def __init__(
        self,
        source: Source,
        breaks: bytes,
        offset: int = 0,
        tail: bytes = b"",
        *,
        inside_long: bool = False,
        takes_last: bool = True,
    ) -> None:
        self.source, self.breaks, self.offset = source, breaks, offset
        self.tail = self.tail_before = normal(tail, breaks)
        self.inside_long, self.takes_last = inside_long, takes_last
        self.rest = b""

    def __iter__(self) -> Iterator[Chunk]:
        """Every chunk up to the end as it is now."""
        while block := self.source.read():
            yield self._cut(normal(block, self.breaks))
        if self.rest and self.takes_last:
            data, self.rest = self.rest, b""
            yield self._chunk(data, [])._replace(is_last=True)

    def give_back(self, chunk: Chunk, consumed: int) -> None:
        """Keep the lines after the first `consumed` for the next chunk."""
        place = 0
        for _ in range(consumed):
            place = chunk.data.index(b"\n", place) + 1
        self.rest = chunk.data[place:] + self.rest
        self.offset = chunk.end - (len(chunk.data) - place)
        self.tail = (self.tail_before + chunk.data[:place])[-TAIL:]

    def _cut(self, block: bytes) -> Chunk:
        if self.inside_long:
            passed, found, block = block.partition(b"\n")
            self._advance(passed + found)
            if not found:
                return Chunk([], b"", self.offset, [], is_inside_long=True)
            self.inside_long = False
        data, found, self.rest = (self.rest + block).rpartition(b"\n")
        if len(self.rest) <= LONGEST:
            return self._chunk(data + found, [])
        chunk = self._chunk(data + found, [(NOWHERE, "too_long")])
        self._advance(self.rest)
        self.rest, self.inside_long = b"", True
        return chunk._replace(end=self.offset, is_inside_long=True)

    def _chunk(self, data: bytes, refused: list[tuple[int, str]]) -> Chunk:
        self._advance(data)
        lines, wrong = decoded(data)
        return Chunk(lines, data, self.offset, refused + wrong)

    def _advance(self, data: bytes) -> None:
        self.tail_before = self.tail
        self.offset += len(data)
        self.tail = (self.tail + data[-TAIL:])[-TAIL:]


def normal(data: bytes, breaks: bytes) -> bytes:
    """The bytes with every break a newline; as many as before."""
    return data if breaks == b"\n" else data.translate(bytes.maketrans(breaks, b"\n" * len(breaks)))


def decoded(data: bytes) -> tuple[list[str], list[tuple[int, str]]]:
    """The lines as text; one that is too long or no UTF-8 is empty, and told by its place."""
    refused: list[tuple[int, str]] = []
    try:
        lines = data.decode().split("\n")
    except UnicodeDecodeError:
        lines, refused = one_by_one(data.split(b"\n"))
    if lines and not lines[-1]:
        lines.pop()
    for place, line in enumerate(lines):
        if len(line) > LONGEST:
            lines[place] = ""
            refused.append((place, "too_long"))
    if lines and lines[0].startswith(BOM):
        lines[0] = lines[0][1:]
    return lines, refused


def one_by_one(raw: list[bytes]) -> tuple[list[str], list[tuple[int, str]]]:
    """Each line on its own, since one of them cannot be read."""
    lines: list[str] = []
    refused: list[tuple[int, str]] = []
    for place, line in enumerate(raw):
        text = ""
        try:
            text = line.decode()
        except UnicodeDecodeError:
            refused.append((place, "not_utf8"))
        lines.append(text)
    return lines, refused


def first_line(file: BinaryIO) -> bytes | None:
    """The first full line, as the file is recognised by it, up to the longest; None: it is not full yet.

    Raises:
        Torn: when it is compressed, and damaged from its very beginning.
    """
    source = source_of(file)
    seen = b""
    while len(seen) <= LONGEST and b"\n" not in seen and (block := source.read()):
        seen += block
    line, found, _ = seen[: LONGEST + 1].partition(b"\n")
    return line.rstrip(b"\r") if found or len(seen) > LONGEST else None


def beginning(file: BinaryIO, size: int = LONGEST) -> bytes:
    """The first bytes, unpacked; fewer when there are no more."""
    seen = b""
    with suppress(Torn):
        source = source_of(file)
        while len(seen) < size and (block := source.read()):
            seen += block
    return seen[:size]
