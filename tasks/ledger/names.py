"""What a kept noun is called in the ledger."""

from __future__ import annotations

import re

from models.noun import Kept


def name_of(kind: type[Kept]) -> str:
    """`ProblemReport` → `problem-report`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "-", kind.__name__).lower()
