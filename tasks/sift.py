"""Sift: the bytes of one file, packed or not, become its counts and its hash, and are gone."""

from __future__ import annotations

import hmac

from models.drop import ExpectedFile
from models.flat_text import Content, Measure, TakeRows, Unusable
from models.reading import Outcome
from tasks.unpack import Gunzip, TooLarge, Unreadable

MB = 1_000_000


class Sift:
    """Takes one file as it streams by.

    Args:
        expected: what it should be.
        key: of the hashes.
        take: is handed the rows as they are written; None: they are only counted.

    Raises:
        Unusable: from each method; the file need not be read any further.
    """

    def __init__(self, expected: ExpectedFile, key: bytes, take: TakeRows | None = None) -> None:
        self._key, self._digest = key, hmac.new(key, digestmod="sha256")
        self._measure = Measure(expected, take)
        self._largest = expected.largest_mb * MB
        self._gunzip = Gunzip(self._largest, self._measure.feed) if expected.is_packed else None
        self.came = 0

    def expect(self, size: int) -> None:
        """Hear how large the file says it is, before it is read."""
        if size > self._largest:
            raise Unusable(Outcome.MALFORMED, "file_too_large")

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""
        self.came += len(piece)
        self._digest.update(piece)
        try:
            (self._gunzip or self._measure).feed(piece)
        except TooLarge:
            raise Unusable(Outcome.MALFORMED, "unpacks_too_large") from None
        except Unreadable:
            raise Unusable(Outcome.MALFORMED, "not_gzip") from None

    def finish(self) -> Content:
        """The counts, when the last byte has come."""
        if self._gunzip is not None:
            try:
                self._gunzip.finish()
            except Unreadable:
                raise Unusable(Outcome.PARTIAL, "truncated") from None
        return self._measure.finish()

    @property
    def digest(self) -> str:
        """Keyed hash of the file as it came."""
        return self._digest.hexdigest()

    def hashed(self, names: tuple[str, ...]) -> list[str]:
        """Keyed hashes of names that may say anything."""
        return [hmac.digest(self._key, name.encode("utf-8", "surrogatepass"), "sha256").hex() for name in names]
