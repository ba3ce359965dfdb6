"""How a part of the published document is written: key names, rounding, and leaving out what is unsaid.

An unsaid `x-` key is left out, so a document that never had one is written as it was read. Keys of the
specification are always there.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AwareDatetime,
    ConfigDict,
    Field,
    NonNegativeInt,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
)
from pydantic.alias_generators import to_camel

from models.noun import Noun
from models.wording import UNKNOWN, stamp, to_second

Percentage = Annotated[str, Field(pattern=rf"^([0-9]+\.[0-9]%|{UNKNOWN})$")]
Volume = Annotated[str, Field(pattern=r"^([0-9]+B|[0-9]+\.[0-9](KB|MB|GB|TB))$")]
Confidence = Annotated[float, Field(ge=0, le=1), AfterValidator(lambda share: round(share, 2))]
Probability = Annotated[float, Field(ge=0, le=1), AfterValidator(lambda share: round(share, 4))]
Instant = Annotated[
    AwareDatetime,
    AfterValidator(to_second),
    PlainSerializer(stamp, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": r"T\d\d:\d\d:\d\dZ$"}),
]


def published_name(field: str) -> str:
    """`error_rate` → `errorRate`; `x_error_rate` → `x-errorRate`."""
    return f"x-{to_camel(field[2:])}" if field.startswith("x_") else to_camel(field)


class Page(Noun):
    """A part of the document: camelCase keys, in the order in which the fields stand."""

    model_config = ConfigDict(
        alias_generator=published_name, validate_by_name=True, validate_by_alias=True, serialize_by_alias=True
    )

    @model_serializer(mode="wrap")
    def _leave_out_unsaid(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        said: dict[str, Any] = handler(self)
        return {key: value for key, value in said.items() if value is not None or not key.startswith("x-")}


class Tally(Page):
    """Calls, and the failed ones."""

    total: NonNegativeInt
    failed: NonNegativeInt
