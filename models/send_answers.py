"""The retry class of one try that writes, by how it ended (spec: catalogue, "Retry classes"; features, D02).

Certain is only what the other side said of this very message, and what never left us. All else is unknown, and is
asked about before it is sent again.
"""

from __future__ import annotations

from models.reading import Code, Outcome
from models.sending import DUPLICATE, Answer, Verdict

LOG_IN = frozenset({Outcome.UNAUTHENTICATED, Outcome.CREDENTIAL_REFUSED})
WRONG = frozenset({Outcome.CLIENT_ERROR, Outcome.FORBIDDEN})
PASSING: frozenset[Code] = frozenset({"record_locked", "application_internal_error"})  # table 0357: 206, 207 (S28)


def hl7_answer(outcome: Outcome, code: Code | None, *, may_have_left: bool) -> Answer:
    """Of a message over MLLP; `outcome` and `code` as `models.hl7_answers.judge_ack` has them.

    An AE or AR says that nothing was done: unchanged it is refused again, but for a lock or an error that passes.
    """
    if outcome is Outcome.SERVER_ERROR and may_have_left:
        return Answer(verdict=Verdict.LATER if code in PASSING else Verdict.REFUSED, code=code)
    return _answer(outcome, code, may_have_left=may_have_left)


def http_answer(
    outcome: Outcome, code: Code | None, *, may_have_left: bool, retry_after_s: float | None = None
) -> Answer:
    """Of a create over HTTP. A 5xx may have been answered by a gateway after the write was done: unknown."""
    said = _answer(outcome, code, may_have_left=may_have_left)
    return said.model_copy(update={"retry_after_s": retry_after_s}) if said.verdict is Verdict.LATER else said


def _answer(outcome: Outcome, code: Code | None, *, may_have_left: bool) -> Answer:
    if outcome.is_ok:
        return Answer(verdict=Verdict.ACCEPTED, code=code)
    if not may_have_left or outcome in {*LOG_IN, Outcome.THROTTLED, Outcome.TLS_FAILED}:
        return Answer(verdict=Verdict.LATER, code=code or outcome.value, is_channel=True)
    if code == DUPLICATE:
        return Answer(verdict=Verdict.DUPLICATE, code=code)
    if outcome in WRONG:
        return Answer(verdict=Verdict.REFUSED, code=code or outcome.value)
    return Answer(verdict=Verdict.UNKNOWN, code=code or outcome.value)
