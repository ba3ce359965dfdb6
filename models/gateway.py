"""Gateway: what an API gateway before the vendor's system says in its own words, whatever the status is."""

from __future__ import annotations

from typing import Any

from models.reading import Code, Outcome

# Apigee, "Fault codes": a prefix that names the part, and a name. Older gateways answer a spent quota with HTTP 500.
# The first row whose beginning matches decides.
FAULTS: tuple[tuple[str, Outcome, Code], ...] = (
    ("keymanagement.service.access_token_expired", Outcome.UNAUTHENTICATED, "token_expired"),
    ("steps.oauth.v2.access_token_expired", Outcome.UNAUTHENTICATED, "token_expired"),
    ("keymanagement.service.invalid_access_token", Outcome.UNAUTHENTICATED, "invalid_token"),
    ("steps.oauth.v2.invalid_access_token", Outcome.UNAUTHENTICATED, "invalid_token"),
    ("steps.oauth.v2.FailedToResolveAccessToken", Outcome.UNAUTHENTICATED, "invalid_token"),
    ("keymanagement.service.InvalidAPICallAsNoApiProductMatchFound", Outcome.FORBIDDEN, "insufficient_scope"),
    ("steps.oauth.v2.insufficient_scope", Outcome.FORBIDDEN, "insufficient_scope"),
    ("steps.oauth.v2.InsufficientScope", Outcome.FORBIDDEN, "insufficient_scope"),
    ("oauth.v2.InvalidApiKey", Outcome.CREDENTIAL_REFUSED, "invalid_client"),
    ("oauth.v2.FailedToResolveAPIKey", Outcome.CREDENTIAL_REFUSED, "invalid_client"),
    ("oauth.v2.InvalidClientIdentifier", Outcome.CREDENTIAL_REFUSED, "invalid_client"),
    ("steps.oauth.v2.InvalidClientIdentifier", Outcome.CREDENTIAL_REFUSED, "invalid_client"),
    ("policies.ratelimit.", Outcome.THROTTLED, "throttled"),
    ("policies.concurrentratelimit.", Outcome.THROTTLED, "throttled"),
    ("messaging.adaptors.http.flow.", Outcome.SERVER_ERROR, "gateway_lost_target"),
)


def gateway_fault(content: Any) -> tuple[Outcome, Code] | None:  # noqa: ANN401 - anything JSON can hold
    """The fault of a gateway in an answer, `fault.detail.errorcode`; None when there is none that is known."""
    fault = (content.get("fault") or content.get("error")) if isinstance(content, dict) else None
    detail = fault.get("detail") if isinstance(fault, dict) else None
    said = detail.get("errorcode") if isinstance(detail, dict) else None
    known = (row for row in FAULTS if isinstance(said, str) and said.startswith(row[0]))
    return next(((outcome, code) for _, outcome, code in known), None)
