"""Withheld: notices that left without their details are counted, so that somebody looks for the sentence."""

from __future__ import annotations

import logging
from datetime import datetime

from models.gauge import OURSELVES, Gauge
from models.notice_screen import is_bare, screened
from models.ourselves import WITHHELD
from models.queue import Notice
from tasks.house import House
from tasks.remember import remember_gauges

log = logging.getLogger("heal")


def count_withheld(house: House, notice: Notice, now: datetime) -> bool:
    """Whether the details of this notice are withheld; counted at its first attempt. What it was is told to nobody."""
    if not is_bare(screened(notice)):
        return False
    if not notice.is_repeat:
        log.warning("%s: a notice to %s goes out without its details", notice.incident_id, notice.route)
        gauge = Gauge(integration_id=OURSELVES, observed_at=now, metric=WITHHELD, value=1.0, subject=notice.route)
        remember_gauges([gauge], house.home)
    return True
