"""Unpacking a body as it arrives, without ever holding more than the cap."""

from __future__ import annotations

import zlib
from collections.abc import Callable


class TooLarge(Exception):
    """The body, received or decoded, is larger than the cap."""


class Unreadable(Exception):
    """The body is not in the encoding that its header names, or in one that we did not ask for."""


class Unpacker:
    """Collects one body.

    Args:
        encoding: the Content-Encoding header; gzip or nothing, because we ask for nothing else.
        largest: bytes, for what is received and for what it becomes.
    """

    def __init__(self, encoding: str, largest: int) -> None:
        named = encoding.strip().lower()
        self._known = named in {"", "identity", "gzip", "x-gzip"}
        self._gzip = zlib.decompressobj(wbits=31) if named.endswith("gzip") else None  # 31: gzip, 32 KiB window
        self._largest = largest
        self.body = bytearray()
        self.received = 0

    def feed(self, chunk: bytes) -> None:
        """Take one chunk from the wire.

        Raises:
            TooLarge, Unreadable: the rest need not be read.
        """
        if not self._known:
            raise Unreadable
        self.received += len(chunk)
        self.body += self._decoded(chunk)
        if max(self.received, len(self.body)) > self._largest:
            raise TooLarge

    def finish(self) -> None:
        """Say that the last chunk has come.

        Raises:
            Unreadable: when the compressed stream stops half-way.
        """
        if self._gzip is not None and self.received and not self._gzip.eof:
            raise Unreadable

    def _decoded(self, chunk: bytes) -> bytes:
        if self._gzip is None:
            return chunk
        room = self._largest + 1 - len(self.body)
        try:
            return self._gzip.decompress(chunk, room)
        except zlib.error:
            raise Unreadable from None


class Gunzip:
    """Unpacks a gzip file as it streams by, in small pieces, within a size and a ratio.

    Args:
        largest: bytes that it may become.
        feed: takes the pieces.
    """

    PIECE = 1 << 18  # bytes, handed on at once
    STEEPEST = 250  # times its size; tables pack 5 to 40 times, a bomb 1,000
    FROM = 1 << 24  # bytes; a smaller outcome harms nobody, however well it packs

    def __init__(self, largest: int, feed: Callable[[bytes], None]) -> None:
        self._largest, self._feed = largest, feed
        self._gzip = zlib.decompressobj(wbits=31)
        self._is_begun = False
        self.received, self.unpacked = 0, 0

    def feed(self, chunk: bytes) -> None:
        """Take one chunk of the file; several members in a row are one text, as gzip reads them.

        Raises:
            TooLarge, Unreadable: the rest need not be read.
        """
        self.received += len(chunk)
        while chunk := self._begun(chunk):
            is_drained = False
            while not is_drained:
                piece = self._piece(chunk)
                chunk = self._gzip.unused_data if self._gzip.eof else self._gzip.unconsumed_tail
                is_drained = self._gzip.eof or (not chunk and len(piece) < self.PIECE)

    def finish(self) -> None:
        """Say that the last chunk has come.

        Raises:
            Unreadable: when it stops half-way.
        """
        if not self._is_begun or not self._gzip.eof:
            raise Unreadable

    def _begun(self, chunk: bytes) -> bytes:
        """What is left to unpack; begins the next member where one ended, after zeros that pad it."""
        if self._gzip.eof and (chunk := chunk.lstrip(b"\0")):
            self._gzip = zlib.decompressobj(wbits=31)
        self._is_begun = self._is_begun or bool(chunk)
        return chunk

    def _piece(self, chunk: bytes) -> bytes:
        try:
            piece = self._gzip.decompress(chunk, self.PIECE)
        except zlib.error:
            raise Unreadable from None
        self.unpacked += len(piece)
        if self.unpacked > self._largest or self.unpacked > max(self.FROM, self.STEEPEST * self.received):
            raise TooLarge
        self._feed(piece)
        return piece
