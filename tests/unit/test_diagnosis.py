"""Weighing: a distribution over causes, that abstains, shows its evidence, and does not depend on order."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.credential import Credential
from models.diagnosis import (
    CEILING,
    INCONCLUSIVE,
    LEADING,
    LIKELY,
    NOVEL_WEIGHT,
    RULED_OUT,
    SHOWN,
    band,
    causes,
    explain,
    posterior,
    weigh,
    worth_keeping,
)
from models.facts import Facts
from models.ladder import Ladder, Step, Verdict
from models.reading import Outcome, Rung
from models.signature import Clue, EvidenceKind, FaultDomain, Signature
from models.signatures import known_signatures
from tests.builders import EPIC, NOW, some_facts

FACTS = some_facts()


def a_clue(*, present: bool | None = True, supports: float = 5.0, contradicts: float = 0.2, **changes: Any) -> Clue:
    told = {
        "kind": EvidenceKind.READINGS,
        "when": lambda _: present,
        "says": lambda _: "7 of 20 calls show it",
        "denies": lambda _: "0 of 20 calls show it",
        "supports": supports,
        "contradicts": contradicts,
    }
    return Clue(**{**told, **changes})


def a_signature(cause: str, *clues: Clue, **changes: Any) -> Signature:
    told = {"cause": cause, "says": lambda _: f"{cause} it is", "fault_domain": FaultDomain.VENDOR, "clues": clues}
    return Signature(**{**told, **changes})


def probabilities(*signatures: Signature) -> dict[str, float]:
    """As they are weighed; how sure the leading one is called is tried in test_calibration."""
    return {h.cause: h.probability for h in posterior(FACTS, signatures)[1]}


presence = st.sampled_from([True, False, None])
clues = st.builds(a_clue, present=presence, supports=st.floats(1.01, 40), contradicts=st.floats(0.01, 0.99))
sets = st.lists(st.lists(clues, max_size=4), min_size=1, max_size=6).map(
    lambda drawn: [a_signature(f"cause_{n}", *parts) for n, parts in enumerate(drawn)]
)


@given(sets)
def test_the_causes_leave_room_for_what_we_have_not_met(signatures):
    told = explain(FACTS, signatures, NOW)
    assert all(0 <= hypothesis.probability <= CEILING for hypothesis in told.hypotheses)
    assert math.fsum(h.probability for h in told.hypotheses) <= 1 + 1e-12
    _, weighed, novelty = posterior(FACTS, signatures)
    weights = [weigh(FACTS, signature)[0] for signature in signatures]
    novel = NOVEL_WEIGHT / (NOVEL_WEIGHT + math.fsum(map(math.exp, weights)))
    assert novelty == pytest.approx(novel)
    if weighed[0].probability < CEILING:
        assert math.fsum(h.probability for h in weighed) + novel == pytest.approx(1)


@given(sets, st.randoms())
def test_the_order_of_the_signatures_does_not_matter(signatures, random):
    shuffled = list(signatures)
    random.shuffle(shuffled)
    assert explain(FACTS, shuffled, NOW) == explain(FACTS, signatures, NOW)


@given(sets)
def test_hypotheses_are_told_best_first(signatures):
    told = [hypothesis.probability for hypothesis in explain(FACTS, signatures, NOW).hypotheses]
    assert told == sorted(told, reverse=True)


@given(sets)
def test_a_cause_is_claimed_only_when_it_is_likelier_than_not(signatures):
    told = explain(FACTS, signatures, NOW)
    assert told.is_conclusive is (told.hypotheses[0].probability >= LIKELY)
    if not told.is_conclusive:
        assert (told.cause, told.fault_domain, told.remedies, told.security) == (INCONCLUSIVE, None, (), False)
        assert told.says == "No known cause explains what was measured"


def test_the_weights_are_those_of_bayes():
    """By hand: 5 · 0.2 · 1 = 1 against 3, beside 0.5 for the unknown."""
    one = a_signature("one", a_clue(), a_clue(present=False))
    other = a_signature("other", a_clue(supports=3.0))
    assert probabilities(one, other) == pytest.approx({"one": 1 / 4.5, "other": 3 / 4.5})


def test_a_rare_cause_needs_more_evidence():
    common, rare = a_signature("common", a_clue()), a_signature("rare", a_clue(), prior=0.5)
    told = probabilities(common, rare)
    assert told["rare"] == pytest.approx(told["common"] / 2)


def test_contradicting_evidence_lowers_a_cause():
    with_doubt = a_signature("suspect", a_clue(), a_clue(present=False))
    assert probabilities(with_doubt)["suspect"] < probabilities(a_signature("suspect", a_clue()))["suspect"]


def test_a_clue_that_cannot_be_known_weighs_nothing_and_is_not_evidence():
    known = a_signature("suspect", a_clue())
    with_unknown = a_signature("suspect", a_clue(), a_clue(present=None))
    assert weigh(FACTS, with_unknown) == weigh(FACTS, known)


def test_two_causes_that_explain_it_equally_well_are_no_answer():
    told = explain(FACTS, [a_signature("one", a_clue()), a_signature("other", a_clue())], NOW)
    assert told.cause == INCONCLUSIVE
    assert [h.cause for h in told.hypotheses] == ["one", "other"]


def test_without_signatures_there_is_no_cause():
    told = explain(FACTS, [], NOW)
    assert (told.cause, told.confidence, told.hypotheses, told.evidence) == (INCONCLUSIVE, 0.0, (), ())


def test_what_is_ruled_out_names_the_evidence_that_killed_it():
    strong = a_signature("strong", a_clue(supports=40.0), a_clue(supports=40.0))
    killed = a_signature("killed", a_clue(present=False, contradicts=0.5), a_clue(present=False, contradicts=0.01))
    told = explain(FACTS, [strong, killed], NOW)
    (out,) = told.ruled_out
    assert out.cause == "killed"
    assert out.probability < RULED_OUT
    assert out.killed_by is not None
    assert out.killed_by.weight == pytest.approx(math.log(0.01))
    assert out.killed_by.says == "0 of 20 calls show it"


def test_evidence_is_told_strongest_first_and_only_what_speaks_for_the_cause():
    signature = a_signature("one", a_clue(supports=2.0), a_clue(supports=9.0), a_clue(present=False))
    told = explain(FACTS, [signature], NOW)
    assert [piece.weight for piece in told.evidence] == pytest.approx([math.log(9), math.log(2)])
    assert told.evidence_kinds == 1


@pytest.mark.parametrize(
    ("confidence", "word"),
    [(0.0, "LOW"), (0.49, "LOW"), (0.5, "MEDIUM"), (0.79, "MEDIUM"), (0.8, "HIGH"), (1.0, "HIGH")],
)
def test_a_confidence_has_its_word(confidence, word):
    assert band(confidence) == word


# --- the signatures we know, against faults as they are measured ------------------------------------------------------


def climb(broken: Rung | None, outcome: Outcome = Outcome.OK, code: str | None = None) -> tuple[Step, ...]:
    """A climb that stops at this rung."""
    tried = []
    for rung in Rung:
        held = rung is not broken
        tried.append(
            Step(
                rung=rung,
                verdict=Verdict.PASSED if held else Verdict.FAILED,
                says="tried",
                duration_ms=9.0,
                outcome=Outcome.OK if held else outcome,
                code=None if held else code,
            )
        )
        if not held:
            break
    return Ladder.of(EPIC, NOW, tuple(tried)).steps


def fault(outcome: Outcome, share: float = 1.0, broken: Rung | None = None, **changes: Any) -> Facts:
    """A hundred calls, of which this share ended so."""
    failed = round(100 * share)
    code = changes.pop("code", None)
    told = {
        "calls": 100,
        "failed": failed,
        "shares": {outcome: share} | ({Outcome.OK: 1 - share} if share < 1 else {}),
        "codes": {code: failed} if code else {},
        "longest_run": failed,
        "latency_ms": None if outcome.is_transport and share == 1 else 120.0,
        "affected_components": ("Patient API", "Appointment API"),
        "healthy_components": (),
        "steps": climb(broken, outcome, code),
        "kind": "hl7_mllp" if changes.get("statuses") == {} else "epic_fhir",
    }
    return some_facts(**{**told, **changes})


def token(refusal: str | None = None, **changes: Any) -> Credential:
    return Credential(integration_id=EPIC, promised_s=3600, last_refusal=refusal, **changes)


BURSTS = {"clustering": 2.4, "longest_run": 5}
MEASURED = {
    "a token that expired early": (
        fault(
            Outcome.UNAUTHENTICATED,
            broken=Rung.AUTH,
            code="token_expired",
            credential=token(observed_s=(900.0,)),
            failing_age_s=900.0,
        ),
        "token_expired",
    ),
    "a client that is not known any more": (
        fault(Outcome.CREDENTIAL_REFUSED, broken=Rung.AUTH, code="invalid_client", credential=token("invalid_client")),
        "credentials_rejected",
    ),
    "HTTP 429 with Retry-After": (fault(Outcome.THROTTLED, 0.4, retry_after_s=30.0), "rate_limited"),
    "HTTP 429 without Retry-After": (fault(Outcome.THROTTLED, 0.4), "rate_limited"),
    "HTTP 5xx": (fault(Outcome.SERVER_ERROR, 0.6, broken=Rung.READ), "server_errors"),
    "HL7 errors": (
        fault(Outcome.SERVER_ERROR, 0.6, broken=Rung.READ, code="application_error", statuses={}),
        "server_errors",
    ),
    "resets in clusters": (fault(Outcome.RESET, 0.3, **BURSTS), "path_unstable"),
    "time-outs in clusters": (fault(Outcome.TIMEOUT, 0.3, **BURSTS), "path_unstable"),
    "no answer at all": (fault(Outcome.TIMEOUT, broken=Rung.TCP), "black_hole"),
    "accepted and never answered": (fault(Outcome.TIMEOUT, broken=Rung.HTTP), "black_hole"),
    "refused": (fault(Outcome.REFUSED, broken=Rung.TCP), "connection_refused"),
    "no such name": (fault(Outcome.DNS_FAILED, broken=Rung.DNS), "name_not_resolved"),
    "an expired certificate": (
        fault(Outcome.TLS_FAILED, broken=Rung.TLS, code="certificate_has_expired"),
        "certificate_expired",
    ),
    "a certificate of another host": (
        fault(Outcome.TLS_FAILED, broken=Rung.TLS, code="hostname_mismatch"),
        "certificate_untrusted",
    ),
    "a page for people": (fault(Outcome.MALFORMED, broken=Rung.READ), "wrong_content"),
    "forbidden": (
        fault(Outcome.FORBIDDEN, 0.5, broken=Rung.READ, healthy_components=("Patient API",)),
        "scope_missing",
    ),
    "a slow vendor": (fault(Outcome.OK, 0.0, latency_ms=1080.0), "vendor_slow"),
}


def diagnosed(facts: Facts):
    return explain(facts, known_signatures(), NOW)


@pytest.mark.parametrize(
    ("outcome", "told", "words"),
    [
        pytest.param(Outcome.SERVER_ERROR, {"statuses": {200: 40, 503: 60}}, "HTTP 5xx on 60", id="every one by HTTP"),
        pytest.param(
            Outcome.SERVER_ERROR, {"statuses": {}, "code": "record_locked"}, "HL7 errors on 60", id="acknowledged"
        ),
        pytest.param(
            Outcome.SERVER_ERROR,
            {"statuses": {200: 100}, "code": "vendor_fault"},
            "Errors on their side on 60",
            id="in an answer with HTTP 200",
        ),
        pytest.param(
            Outcome.SERVER_ERROR, {"statuses": {200: 70, 503: 30}}, "Errors on their side on 60", id="half by HTTP"
        ),
        pytest.param(Outcome.CLIENT_ERROR, {"statuses": {200: 40, 404: 60}}, "HTTP 4xx on 60", id="refused by HTTP"),
        pytest.param(
            Outcome.CLIENT_ERROR, {"statuses": {}, "code": "commit_reject"}, "HL7 rejections on 60", id="rejected"
        ),
    ],
)
def test_evidence_speaks_the_words_of_its_protocol(outcome, told, words):
    diagnosis = diagnosed(fault(outcome, 0.6, broken=Rung.READ, **told))
    assert any(one.says.startswith(words) for one in diagnosis.evidence)
    told = " ".join((diagnosis.says, *(one.says for one in diagnosis.evidence)))
    assert ("HTTP" in told) is ("HTTP" in words)


@pytest.mark.parametrize(("facts", "cause"), [pytest.param(*told, id=name) for name, told in MEASURED.items()])
def test_a_fault_is_called_by_its_name(facts, cause):
    told = diagnosed(facts)
    assert told.cause == cause
    assert told.confidence >= LIKELY
    assert told.affected_components == facts.affected_components


@pytest.mark.parametrize(("facts", "cause"), [pytest.param(*told, id=name) for name, told in MEASURED.items()])
def test_only_a_certificate_of_somebody_else_is_a_security_matter(facts, cause):
    told = diagnosed(facts)
    assert told.security is (cause == "certificate_untrusted")
    assert (told.fault_domain is FaultDomain.SECURITY) is told.security
    assert not (told.security and told.remedies)


def test_a_token_that_dies_early_is_told_with_both_lifetimes():
    told = diagnosed(MEASURED["a token that expired early"][0])
    assert told.related_factors == ("Token lifetime was shortened: refused 15 min after issue, promised 60 min",)


def test_a_healthy_morning_has_no_cause():
    assert diagnosed(FACTS).cause == INCONCLUSIVE


def test_trouble_of_many_kinds_at_once_is_not_explained_away():
    mixed = some_facts(
        calls=100,
        failed=40,
        shares={
            Outcome.OK: 0.6,
            Outcome.FORBIDDEN: 0.1,
            Outcome.SERVER_ERROR: 0.1,
            Outcome.RESET: 0.1,
            Outcome.MALFORMED: 0.1,
        },
        clustering=1.0,
        longest_run=3,
    )
    assert diagnosed(mixed).cause == INCONCLUSIVE


def test_no_two_signatures_share_a_cause():
    assert len(causes(known_signatures())) == len(known_signatures())


def test_what_is_kept_is_the_likeliest_and_then_whatever_was_examined_best():
    examined = [a_signature(f"examined_{n}", a_clue(present=False), a_clue(present=False)) for n in range(SHOWN)]
    unknown = [a_signature(f"unknown_{n:02}", a_clue(present=None)) for n in range(SHOWN)]
    told = explain(FACTS, [*examined, *unknown], NOW).hypotheses
    kept = worth_keeping(told)
    assert [one.cause for one in kept] == [one.cause for one in told if one in kept]
    assert kept[:LEADING] == told[:LEADING]
    assert {one.cause.partition("_")[0] for one in kept[LEADING:]} == {"examined"}
    assert len(kept) == SHOWN
