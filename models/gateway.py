"""Gateway: what an API gateway before the vendor's system says in its own words, whatever the status is."""

from __future__ import annotations

from typing import Any

from models.codes import meaning, table
from models.reading import Code, Outcome

FAULTS: tuple[tuple[str, Outcome, Code], ...] = tuple(
    (row["begins"], *meaning(row)) for row in table("gateway")["fault"]
)


def gateway_fault(content: Any) -> tuple[Outcome, Code] | None:  # noqa: ANN401 - anything JSON can hold
    """The fault of a gateway in an answer, `fault.detail.errorcode`; None when there is none that is known."""
    fault = (content.get("fault") or content.get("error")) if isinstance(content, dict) else None
    detail = fault.get("detail") if isinstance(fault, dict) else None
    said = detail.get("errorcode") if isinstance(detail, dict) else None
    known = (row for row in FAULTS if isinstance(said, str) and said.startswith(row[0]))
    return next(((outcome, code) for _, outcome, code in known), None)
