"""Fold: make few large files of the many small ones that an hour of watching leaves."""

from __future__ import annotations

import logging

from prefect import flow

from flows.clock import clock
from flows.coat import coat
from flows.wrong import discreet
from models.errors import Transient
from tasks.house import home_folder
from tasks.remember import compact

log = logging.getLogger("heal")
fold_hours = coat(compact, name="fold hours")


@flow(name="fold", retries=0, persist_result=False)
@discreet
async def fold(home: str | None = None) -> None:
    """Fold the hours that have closed; questions to the history then open one file a day, and not a thousand.

    Args:
        home: where the stores are; HEAL_HOME or ./heal-state when not given.
    """
    try:
        done = await fold_hours(home_folder(home), before=clock().now())
    except Transient:
        log.info("another process is folding the history; this one leaves it alone")
    else:
        log.info("folded %d rows of %d files, removed %d", done.rows_folded, done.files_folded, done.files_removed)
