"""Every sentence of a diagnosis has one number, and the number leads back to it."""

from __future__ import annotations

import pytest

from models.diagnosis_tables import leading, ruled_out, verdict, weighed, what_to_do
from models.evidence import incident_of, numbered, reference, references
from models.signature import Desk, FaultDomain, RetryClass, Signature
from tests.builders import a_diagnosis, a_hypothesis, an_incident, evidence

SHARED = evidence("DNS, TLS successful")
BEST = a_hypothesis("rate_limited", 0.9, evidence("HTTP 429 on 40% of calls"), SHARED)
OTHER = a_hypothesis("server_errors", 0.05, SHARED, evidence("HTTP 5xx on 0% of calls", supports=False, weight=3.0))
DEAD = a_hypothesis("black_hole", 0.0001, evidence("24 of 40 calls succeed", supports=False, weight=4.0))
FOUND = a_diagnosis(hypotheses=(BEST, OTHER, DEAD), cause="rate_limited", confidence=0.9)
INCIDENT = an_incident(id="INC-2025-03-26-002", diagnosis=FOUND)


def test_a_sentence_that_two_causes_share_has_one_number_and_the_likeliest_cause_comes_first():
    told = numbered(INCIDENT.id, FOUND)
    assert [(one.ref[-2:], one.cause) for one in told] == [
        ("01", "rate_limited"),
        ("02", "rate_limited"),
        ("03", "server_errors"),
        ("04", "black_hole"),
    ]
    assert len({one.piece.says for one in told}) == len(told)


@pytest.mark.parametrize("nth", [1, 9, 10, 123])
def test_a_reference_leads_back_to_its_incident(nth):
    assert incident_of(reference("INC-2025-03-26-1234", nth)) == "INC-2025-03-26-1234"


@pytest.mark.parametrize("text", ["", "EV-7", "INC-2025-03-26-002", "EV-2025-03-26-002", "EV-2025-03-26-002-7 "])
def test_what_is_no_reference_belongs_to_nothing(text):
    assert incident_of(text) is None


def test_every_sentence_that_is_shown_has_its_reference():
    refs = references(INCIDENT.id, FOUND)
    shown = weighed(INCIDENT, FOUND)
    assert {row[-1] for row in shown.rows} == set(refs.values())
    assert [row[1] for row in shown.rows if row[1]] == ["rate_limited", "server_errors", "black_hole"]


def test_a_cause_that_was_killed_is_shown_with_what_killed_it():
    assert [row[:2] for row in ruled_out(INCIDENT, FOUND).rows] == [("black_hole", "24 of 40 calls succeed")]


@pytest.mark.parametrize(
    ("probabilities", "many"),
    [
        pytest.param((0.9, 0.05, 0.0001, 0.0001), 3, id="at least three"),
        pytest.param((0.4, 0.3, 0.2, 0.05, 0.02, 0.001), 5, id="all above one in a hundred"),
        pytest.param((0.9,), 1, id="no more than there are"),
    ],
)
def test_the_leading_causes_are_three_or_all_that_may_be(probabilities, many):
    causes = tuple(a_hypothesis(f"cause_{nth}", one) for nth, one in enumerate(probabilities))
    assert len(leading(a_diagnosis(hypotheses=causes))) == many


def test_novel_is_said_when_the_unknown_fits_best_and_inconclusive_when_two_known_causes_tie():
    tie = a_diagnosis(cause="INCONCLUSIVE", confidence=0.45, novelty=0.1, hypotheses=(BEST,))
    novel = a_diagnosis(cause="INCONCLUSIVE", confidence=0.2, novelty=0.7, hypotheses=(BEST,))
    assert "NOVEL" not in "\n".join(verdict(tie))
    assert "NOVEL" in "\n".join(verdict(novel))


def test_what_to_do_tells_whether_to_retry_what_ends_it_and_whom_to_call():
    known = Signature(
        cause="rate_limited",
        says=lambda _: "",
        fault_domain=FaultDomain.VENDOR,
        clues=(),
        retry=RetryClass.RETRY_AFTER,
        verify="no refusal for 15 minutes",
        desk=Desk.VENDOR,
        call_when="longer than 30 minutes",
    )
    told = "\n".join(what_to_do(FOUND, [known]))
    assert "Retry: retry after" in told
    assert "no refusal for 15 minutes" in told
    assert "Call vendor when: longer than 30 minutes" in told
