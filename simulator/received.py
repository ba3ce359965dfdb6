"""What an engine has kept, message by message: which control ids, in which order of each patient, how many twice.

Digests and counts only. The order is that of MSH-13, the sequence number that a sender may give its messages.
"""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict

import hl7

REMEMBERED = 20_000  # control ids, and patients, oldest forgotten
BAD_FIELD = (KeyError, LookupError, AttributeError, TypeError, ValueError)  # whatever the library raises


class Received:
    """The messages of one engine."""

    def __init__(self) -> None:
        self._kept: OrderedDict[bytes, int] = OrderedDict()  # copies by control id
        self._latest: OrderedDict[bytes, int] = OrderedDict()  # the highest MSH-13, by patient
        self._counts = Counter(stored=0, copies=0, out_of_order=0)

    def keep(self, message: hl7.Message, control_id: str) -> None:
        """One more."""
        digest = hashlib.sha256(control_id.encode()).digest()
        self._counts["copies" if digest in self._kept else "stored"] += 1
        self._kept[digest] = self._kept.get(digest, 0) + 1
        number, patient = _field(message, "MSH", 13), _field(message, "PID", 3)
        if number.isdecimal() and patient:
            whose = hashlib.sha256(patient.encode()).digest()
            self._counts["out_of_order"] += int(number) < self._latest.get(whose, 0)
            self._latest[whose] = max(int(number), self._latest.get(whose, 0))
        for known in (self._kept, self._latest):
            while len(known) > REMEMBERED:
                known.popitem(last=False)

    def has(self, control_id: str) -> bool:
        """Whether it was kept."""
        return hashlib.sha256(control_id.encode()).digest() in self._kept

    def counts(self) -> dict[str, int]:
        """Messages stored, further copies of them, and those that came after a later one of the same patient."""
        return dict(self._counts)


def _field(message: hl7.Message, segment: str, number: int) -> str:
    try:
        return str(message.segment(segment)(number))
    except BAD_FIELD:
        return ""
