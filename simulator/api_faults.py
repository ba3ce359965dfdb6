"""What may be wrong with the data of the REST system while every call is answered 200."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from simulator.faults import Fault, Probability

API = ("api",)


class FrozenCopy(Fault):
    """Lists show what was there when the fault began, and nothing newer."""

    systems: ClassVar[tuple[str, ...]] = API
    operation: str | None = None


class PagesRepeat(Fault):
    """Every further page of a list shows the records of its first page, under its own address."""

    systems: ClassVar[tuple[str, ...]] = API
    operation: str | None = None


class TimesShifted(Fault):
    """Records state times that are `hours` later than they are, as when UTC is taken for local time."""

    systems: ClassVar[tuple[str, ...]] = API
    hours: Annotated[float, Field(ge=-14, le=14)] = 1.0
    operation: str | None = None


class FieldEmpty(Fault):
    """A share of the records comes with null in one field."""

    systems: ClassVar[tuple[str, ...]] = API
    field: str = "location_id"
    share: Probability = 0.5
    operation: str | None = None
