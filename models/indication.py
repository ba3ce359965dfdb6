"""Indication: what points to a cause without being a call: a watch, a detector, a survey or a reconciliation says so.

A call that fails carries an outcome and a code. Much trouble never fails a call: a cursor that stands still, a queue
that grows, appointments an hour late. Each such condition is one kind below, with its measured value beside what is
usual or allowed. Whoever gathers the facts also says which kinds were looked for: what was looked for and not found
speaks against a cause, what was not looked for says nothing.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import AwareDatetime, FiniteFloat, NonNegativeInt

from models.noun import Noun
from models.reading import Code


class IndicationKind(StrEnum):
    """What was noticed; the comment says what `value` and `usual` are."""

    # how data flows
    CURSOR_STUCK = "cursor_stuck"  # periods without a move; usually how many
    DATA_STALE = "data_stale"  # age of the newest record in s; the limit in s
    SAME_ANSWER = "same_answer"  # periods with the same hash or ETag
    VOLUME_DROP = "volume_drop"  # records; usually. `subject`: of which resource, location or provider
    NO_MESSAGES = "no_messages"  # messages in the window; usually
    ANSWERS_EMPTY = "answers_empty"  # share of answers without a record; usually
    NOT_LANDED = "not_landed"  # writes accepted and not landed; of all accepted (`of`)
    ITEMS_SKIPPED = "items_skipped"  # items that an import skipped; of all (`of`)
    RUN_MISSED = "run_missed"  # s since a nightly run brought anything; how often one is due
    VISITS_WITHOUT_RX = "visits_without_rx"  # exams completed without a final prescription; of all (`of`)
    # what both sides hold, compared
    ROWS_MISSING = "rows_missing"  # keys of theirs that we lack; of all compared (`of`)
    ROWS_STALE = "rows_stale"  # keys that they changed and we have as they were; of all compared (`of`)
    ROWS_MIXED_UP = "rows_mixed_up"  # records that hang on another patient than theirs; of all compared (`of`)
    ROWS_EXTRA = "rows_extra"  # keys of ours that they lack
    ROWS_DUPLICATED = "rows_duplicated"  # keys that stand for the same thing twice
    COLUMN_DIFFERS = "column_differs"  # rows that differ in one column (`subject`); of all (`of`)
    TIMES_SHIFTED = "times_shifted"  # constant shift in s; 0
    DATES_ROLLED = "dates_rolled"  # rows whose date is one later after some hour; of all (`of`)
    NULLS_RISE = "nulls_rise"  # share of nulls in a field (`subject`); usually
    CODES_UNKNOWN = "codes_unknown"  # rows with a code outside its value set; of all (`of`)
    KEY_OVERWRITTEN = "key_overwritten"  # rows whose key of theirs was overwritten by us (`subject`)
    # pages and files
    PAGE_TRUNCATED = "page_truncated"  # counts that are whole pages without a next one
    PAGE_REPEATED = "page_repeated"  # ids met twice, or rows that nobody asked for
    FILE_LATE = "file_late"  # s after it was due; the grace in s
    FILE_SHORT = "file_short"  # rows; usually on this day of the week
    FILE_REPEATED = "file_repeated"  # days in a row with the same hash or control id
    COLUMNS_CHANGED = "columns_changed"  # columns added, removed or reordered
    # our own resources, and what stands between
    POOL_WAIT = "pool_wait"  # p95 in ms; usually
    POOL_FULL = "pool_full"  # connections in use; the most there may be
    QUEUE_GROWS = "queue_grows"  # age of its oldest in s, or its depth; the limit, or usually
    QUEUE_HEAD_STUCK = "queue_head_stuck"  # tries of the same message at its head; the most there should be
    CONSUMER_IDLE = "consumer_idle"  # samples in a row in which nothing was consumed although something waits
    BRIDGE_SILENT = "bridge_silent"  # s since its last sign of life; the limit
    PATH_LOSS = "path_loss"  # share of packets lost at one hop (`subject`, e.g. hop-7); 0
    # trust
    CREDENTIAL_ENDS = "credential_ends"  # s until it ends; the warning time
    KEY_ROTATED = "key_rotated"  # s since a key of ours was published
    SCOPES_MISSING = "scopes_missing"  # scopes asked for and not granted
    SCOPES_WIDENED = "scopes_widened"  # scopes granted beyond those approved
    USED_AFTER_REVOKE = "used_after_revoke"  # calls with a credential that was revoked, or from a place unknown
    # theirs
    MAINTENANCE_ANNOUNCED = "maintenance_announced"  # s until the end of the announced window
    SAME_TIME_OF_WEEK = "same_time_of_week"  # earlier incidents that began at this time of day or week
    JOB_PENDING = "job_pending"  # s since a bulk job was accepted; usually


class Indication(Noun):
    """One condition that stands, measured."""

    kind: IndicationKind
    value: FiniteFloat = 1.0
    usual: FiniteFloat | None = None  # what is usual, or allowed
    of: NonNegativeInt | None = None  # of how many, where it is a count
    subject: Code | None = None  # which resource, queue, field, location; a word of ours
    since: AwareDatetime | None = None

    @property
    def says(self) -> str:
        """With its figures, e.g. `rows missing: 12 of 4000 (Appointment)`."""
        of = f" of {self.of}" if self.of is not None else ""
        usual = f", usually {self.usual:g}" if self.usual is not None else ""
        about = f" ({self.subject})" if self.subject else ""
        return f"{self.kind.value.replace('_', ' ')}: {self.value:g}{of}{usual}{about}"


ALL_KINDS = frozenset(IndicationKind)
