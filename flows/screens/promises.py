"""What `heal promises` shows."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence

from flows.screen import say
from flows.screens.service import show_told
from models import promise_tables
from models.promise import PromiseRun, Suite


def show_promised(suites: Sequence[Suite], *, as_json: bool) -> None:
    """What is promised of each feed."""
    if as_json:
        write(promise_tables.listed(suites))
        return
    for suite in suites:
        show_told(promise_tables.promised(suite), whole=("promise",))


def show_run(run: PromiseRun, *, as_json: bool) -> None:
    """How a table kept its promises."""
    if as_json:
        write(promise_tables.as_json(run))
        return
    show_told(promise_tables.fared(run), titled=False, whole=("promise",))
    say(f"\n{promise_tables.summary(run)}")


def write(what: object) -> None:
    """JSON for another program."""
    sys.stdout.write(json.dumps(what, indent=2, ensure_ascii=False) + "\n")
