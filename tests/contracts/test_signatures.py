"""What every signature keeps; a new one is found by itself, and needs its own fault told here or in a fixture.

A story is what was measured: forty calls, one climb of the ladder, and what is known of the token. Facts are
gathered from it by the same function as in production, and every known signature is weighed against them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from models.baseline import Baseline, Basis
from models.catalogue import names
from models.credential import Credential
from models.diagnosis import INCONCLUSIVE, LIKELY, Diagnosis, Evidence, explain
from models.facts import Facts, gather_facts
from models.fixture.telling import facts_of as facts_seen
from models.ladder import Ladder, Step, Verdict
from models.reading import Outcome, Reading, Rung
from models.signatures import known_signatures
from tasks.signatures import read_fixtures
from tests.builders import EPIC, NOW, a_reading, a_window, an_integration

INTEGRATION = an_integration()
OPERATIONS = tuple(read.operation for read in INTEGRATION.reads)
CALLS = 40
USUAL_MS = 120.0
FIXTURES = {fixture.cause: fixture for fixture in read_fixtures()}
SIGNATURES = {signature.cause: signature for signature in known_signatures()}


@dataclass(frozen=True)
class Told:
    """One fault as it is measured; without arguments, a healthy morning."""

    outcome: Outcome = Outcome.OK
    fails: tuple[int, ...] = ()  # which of the forty calls
    status: int | None = None
    code: str | None = None
    latency_ms: float = USUAL_MS
    retry_after_s: float | None = None
    clock_skew_s: float | None = 0.2
    token_age_s: float | None = None
    breaks: Rung | None = None  # the rung at which a fresh climb stops
    credential: Credential | None = None
    only: str | None = None  # the one operation that is touched


ALL = tuple(range(CALLS))
IN_BURSTS = tuple(n for n in ALL if n % 10 < 4)  # four in a row, then six that succeed
NOW_AND_THEN = tuple(n for n in ALL if n % 5 == 0)
MINUTES = timedelta(minutes=1)


def a_credential(refusal: str | None = None, observed_s: tuple[float, ...] = ()) -> Credential:
    return Credential(
        integration_id=EPIC,
        issued_at=NOW - 15 * MINUTES,
        promised_s=3600,
        observed_s=observed_s,
        last_refusal=refusal,
    )


HEALTHY = Told(credential=a_credential())
STORIES: dict[str, Told] = {
    "token_expired": Told(
        Outcome.UNAUTHENTICATED,
        ALL,
        401,
        "token_expired",
        token_age_s=900,
        breaks=Rung.AUTH,
        credential=a_credential(observed_s=(900.0,)),
    ),
    "credentials_rejected": Told(
        Outcome.CREDENTIAL_REFUSED,
        ALL,
        400,
        "invalid_client",
        breaks=Rung.AUTH,
        credential=a_credential("invalid_client"),
    ),
    "clock_skew": Told(Outcome.CREDENTIAL_REFUSED, ALL, 400, "invalid_client", clock_skew_s=420.0, breaks=Rung.AUTH),
    "scope_missing": Told(Outcome.FORBIDDEN, tuple(n for n in ALL if n % 2), 403, breaks=Rung.READ, only=OPERATIONS[1]),
    "rate_limited": Told(Outcome.THROTTLED, IN_BURSTS, 429, retry_after_s=30),
    "server_errors": Told(Outcome.SERVER_ERROR, IN_BURSTS, 503, breaks=Rung.READ),
    "vendor_slow": Told(latency_ms=9 * USUAL_MS),
    "wrong_content": Told(Outcome.MALFORMED, ALL, 200, "html", breaks=Rung.READ),
    "errors_inside_answers": Told(Outcome.SEMANTIC, NOW_AND_THEN, 200, breaks=Rung.READ),
    "request_refused": Told(Outcome.CLIENT_ERROR, ALL, 400, breaks=Rung.READ),
    "path_unstable": Told(Outcome.TIMEOUT, IN_BURSTS),
    "connection_pool_stale": Told(Outcome.RESET, NOW_AND_THEN),
    "black_hole": Told(Outcome.TIMEOUT, ALL, breaks=Rung.TCP),
    "connection_refused": Told(Outcome.REFUSED, ALL, breaks=Rung.TCP),
    "name_not_resolved": Told(Outcome.DNS_FAILED, ALL, breaks=Rung.DNS),
    "certificate_expired": Told(Outcome.TLS_FAILED, ALL, code="certificate_has_expired", breaks=Rung.TLS),
    "certificate_untrusted": Told(Outcome.TLS_FAILED, ALL, code="unknown_issuer", breaks=Rung.TLS),
    "tls_refused": Told(Outcome.TLS_FAILED, ALL, code="protocol_version", breaks=Rung.TLS),
}


def call(told: Told, nth: int) -> Reading:
    """One of the forty, half of them of each operation."""
    base = {
        "observed_at": NOW - (CALLS - nth) * timedelta(seconds=7),
        "operation": told.only if told.only and nth in told.fails else OPERATIONS[nth % 2],
        "latency_ms": told.latency_ms,
        "clock_skew_s": told.clock_skew_s,
    }
    if nth not in told.fails:
        return a_reading(**base)
    failed = {
        "outcome": told.outcome,
        "status": told.status,
        "code": told.code,
        "retry_after_s": told.retry_after_s,
        "token_age_s": told.token_age_s,
        "latency_ms": None if told.outcome.is_transport else told.latency_ms,
    }
    return a_reading(**{**base, **failed})


def climb(told: Told) -> Ladder:
    """A fresh climb, up to the rung that breaks."""
    steps = []
    for rung in Rung:
        broken = rung is told.breaks
        verdict, outcome = (Verdict.FAILED, told.outcome) if broken else (Verdict.PASSED, Outcome.OK)
        code = told.code if broken else None
        steps.append(Step(rung=rung, verdict=verdict, says="tried", duration_ms=12, outcome=outcome, code=code))
        if broken:
            break
    return Ladder.of(EPIC, NOW, tuple(steps))


def baselines() -> tuple[Baseline, ...]:
    known = {"samples": 900, "answered": 900, "days": 12, "median_ms": USUAL_MS, "mad_ms": 9.0, "error_rate": 0.002}
    return tuple(
        Baseline(integration_id=EPIC, operation=operation, basis=Basis.ALL_HOURS, **known) for operation in OPERATIONS
    )


def facts_of(told: Told) -> Facts:
    window = a_window(*(call(told, nth) for nth in ALL))
    return gather_facts(INTEGRATION, window, baselines(), climb(told), told.credential)


def diagnosed(told: Told) -> Diagnosis:
    return explain(facts_of(told), known_signatures(), NOW)


def test_every_signature_has_its_fault_told_here_or_in_a_fixture():
    assert set(STORIES) <= set(SIGNATURES)
    assert set(SIGNATURES) - set(STORIES) - set(FIXTURES) == set()


@pytest.mark.parametrize("cause", sorted(STORIES))
def test_a_signature_wins_its_own_fault_with_enough_confidence_to_act_or_ask(cause):
    diagnosis = diagnosed(STORIES[cause])
    assert (diagnosis.cause, diagnosis.confidence >= LIKELY) == (cause, True)
    assert diagnosis.fault_domain is SIGNATURES[cause].fault_domain
    assert diagnosis.remedies == SIGNATURES[cause].remedies


@pytest.mark.parametrize("cause", SIGNATURES)
def test_no_signature_claims_a_healthy_morning(cause):
    fits = SIGNATURES[cause].kinds or (INTEGRATION.kind,)
    kind = INTEGRATION.kind if INTEGRATION.kind in fits else fits[0]
    healthy = facts_of(HEALTHY).model_copy(update={"kind": kind})
    diagnosis = explain(healthy, known_signatures(), NOW)
    probability = {hypothesis.cause: hypothesis.probability for hypothesis in diagnosis.hypotheses}
    assert diagnosis.cause == INCONCLUSIVE
    assert probability[cause] < LIKELY


@pytest.mark.parametrize("cause", SIGNATURES)
def test_the_evidence_of_a_cause_is_measured_and_for_it(cause):
    facts = facts_of(STORIES[cause]) if cause in STORIES else facts_seen(FIXTURES[cause].positives[0])
    diagnosis = explain(facts, known_signatures(), NOW)
    told: tuple[Evidence, ...] = diagnosis.evidence
    assert told
    assert all(piece.weight > 0 and piece.says for piece in told)
    assert any(character.isdigit() for piece in told for character in piece.says)


@pytest.mark.parametrize("cause", SIGNATURES)
def test_whatever_was_not_measured_is_survived(cause):
    nothing = gather_facts(INTEGRATION, a_window(), (), None, None)
    signature = SIGNATURES[cause]
    assert signature.says(nothing)
    assert explain(nothing, [signature], NOW).confidence <= 1
    assert isinstance(signature.factors(nothing), tuple)


@pytest.mark.parametrize("cause", SIGNATURES)
def test_a_signature_names_clues_known_remedies_and_what_a_person_can_do(cause):
    signature = SIGNATURES[cause]
    assert signature.clues
    assert set(signature.remedies) <= set(names("tasks.remedies"))
    assert signature.recommends
    assert 0 < signature.prior <= 1
    assert all(clue.supports > 1 > clue.contradicts > 0 for clue in signature.clues)


def test_a_security_matter_is_never_given_a_remedy():
    assert [s.cause for s in SIGNATURES.values() if s.security and s.remedies] == []
