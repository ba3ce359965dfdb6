"""Unpacking a body as it arrives, without ever holding more than the cap."""

from __future__ import annotations

import zlib


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
