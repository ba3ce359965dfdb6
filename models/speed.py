"""Speed: how long one operation's answers took, and where on the way."""

from __future__ import annotations

from pydantic import NonNegativeFloat, NonNegativeInt

from models.noun import Noun
from models.reading import Identifier, Operation, Source


class Speed(Noun):
    """The answered calls of one operation over a span, in ms. Percentiles interpolate; n stands beside them."""

    integration_id: Identifier
    source: Source
    operation: Operation
    answered: NonNegativeInt
    mean_ms: NonNegativeFloat
    p50_ms: NonNegativeFloat
    p95_ms: NonNegativeFloat
    p99_ms: NonNegativeFloat
    max_ms: NonNegativeFloat
    connected: NonNegativeInt = 0  # calls that opened a connection of their own; the next three are of these
    dns_ms: NonNegativeFloat | None = None  # medians; None: never measured
    connect_ms: NonNegativeFloat | None = None
    tls_ms: NonNegativeFloat | None = None
    first_byte_ms: NonNegativeFloat | None = None  # from the request's last byte to the answer's first
