"""Gaps: opened from what failed, is lacking or is stuck; closed by counts, or on the word of people.

Failed reads are looked at with their incident (`tasks.detect`), messages once a cycle, records by whoever reconciles.
Each is one transaction that can be done again: the same facts leave the same gaps.
"""

from tasks.gaps.messages import is_sending_behind, keep_message_gaps
from tasks.gaps.people import vouch
from tasks.gaps.reads import keep_read_gaps
from tasks.gaps.records import awaited, keep_reconciled_gaps

__all__ = [
    "awaited",
    "is_sending_behind",
    "keep_message_gaps",
    "keep_read_gaps",
    "keep_reconciled_gaps",
    "vouch",
]
