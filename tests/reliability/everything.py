"""All that a forked process needs, imported before it is forked."""

from __future__ import annotations

import tests.reliability.f02_kill_writers
import tests.reliability.f03_kill_each_step
import tests.reliability.f04_two_monitors
import tests.reliability.f05_locked_database  # noqa: F401
