"""What looks like an identifier is kept back, what we say ourselves is not, and whoever is called is called."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.notice_screen import LONGEST, MOST, WITHHELD, is_bare, is_telling, screened
from models.notice_words import ENTRIES, LINE, TITLE, cut, line, payload, told
from models.queue import Notice, NoticeKind
from tests.builders import NOW, an_escalation
from tests.contracts.test_notifiers import CANARIES, STORIES, a_notice

GOLDENS = sorted((Path(__file__).parents[1] / "testdata").glob("*.report.json"))


@pytest.mark.parametrize(("name", "text"), CANARIES.items(), ids=CANARIES)
@pytest.mark.parametrize(
    "words", ["{}", "no answer for {} today", "({})", "404 on {}, 3 calls of 12", "{} of them", "the read of {} failed"]
)
def test_what_has_the_form_of_an_identifier_is_seen(name, text, words):
    assert is_telling(words.format(text)), name


@pytest.mark.parametrize(
    "text",
    [
        "HTTP 429 on 31.2 % of calls (limit 5 %)",
        "34567 of 35551 calls failed since 2026-11-28 09:15 UTC",
        "rule D12: not pre-approved; heal approve ACT-2026-11-28-001, or approve ACT-2026-11-28-001 in the Prefect UI",
        "It came back 3 times after it was resolved (limit 3): it needs a person",
        "A job is waited for: job pending: 21600, usually 1800 (Export)",
        "Similar to INC-2026-11-23-004 at 92 %",
        "the certificate ends in 6 days (limit 14 days); TLS 1.2, HTTP/1.1, TCP/IP",
        "our clock is 7 s ahead of the middle of 12 vendors' clocks (limit 5 s)",
        "the practice's clock: America/New_York",
        "version 2026.11.3 took the place of 2026.11.2 on 2026-11-27",
        "received 4194304 bytes in 30000 ms",
        "column differs: 5 of 10340 (sphere)",
        "nulls rise: 0.0202939 of 1429 (location)",
        "12 of 1,204 appointments of 3 to 5 March 2026 are missing here; they have had them for more than 2 hours",
        "GAP-2026-11-28-001 is closed by counts",
        "",
    ],
)
def test_what_we_say_ourselves_is_not(text):
    assert not is_telling(text)


@pytest.mark.parametrize("key", ["bb88636ba40828f7", "0123456789abcdef", "f000000000000000"])
def test_a_pseudonym_is_seen(key):
    """Whoever has this home's key could try names one by one: it stays of the class of patients' data."""
    assert is_telling(f"Appointment at {key} 09:10–09:50 is a gap for 5 h")


def test_the_sentences_of_the_golden_reports_go_through():
    """Every text of the reports of five mornings that is a sentence."""
    found = [text for page in GOLDENS for text in re.findall(r'"([^"\\]*[a-z] [^"\\]*)"', page.read_text())]
    assert len(found) > 60
    assert [text for text in found if is_telling(text)] == []


def test_what_is_declared_may_have_any_form():
    call = an_escalation(integration_name="Dr. Smith Eyecare 10001", team="On-call (555) 123-4567")
    assert not is_bare(screened(a_notice(escalation=call)))
    assert is_bare(screened(a_notice(escalation=call.model_copy(update={"cause": "no answer for Dr. Jones"}))))


@given(st.sampled_from(sorted(CANARIES.values())), st.text(max_size=40), st.text(max_size=40))
def test_whatever_stands_around_it_nothing_of_it_leaves(text, before, after):
    """But for a number right before a unit, which is a count."""
    notice = a_notice(escalation=an_escalation(evidence=(f"{before} {text}; {after}",)))
    assert is_bare(screened(notice))
    assert text not in f"{payload(notice)} {told(notice).text} {told(notice).title} {line(notice)}"


@given(st.text(max_size=2000), st.integers(0, 80))
def test_screening_twice_is_as_once_and_nothing_is_too_long(text, many):
    once = screened(a_notice(escalation=an_escalation(cause=text, tried=(text,) * many), says=text))
    assert screened(once) == once
    assert once.escalation is not None
    assert len(once.escalation.cause) <= LONGEST
    assert len(once.escalation.tried) <= MOST


def test_the_bare_form_says_who_ails_how_badly_and_where_more_is_found():
    notice = a_notice(escalation=an_escalation(cause="no answer for MRN00482917", impact="Patient/77 waits"))
    words = told(notice)
    assert words.title == f"HIGH: Epic FHIR API: {WITHHELD}"
    assert words.lists == ()
    assert ("More", "heal explain INC-2025-03-26-001") in words.facts
    assert payload(notice)["withheld"] is True
    assert "withheld" not in payload(a_notice())


@pytest.mark.parametrize(
    ("notice", "title"),
    [
        (STORIES[0].values[0], "HIGH: Epic FHIR API: Network path instability"),
        (STORIES[1].values[0], "ACKNOWLEDGED: Epic FHIR API: Network path instability"),
        (STORIES[2].values[0], "RESOLVED: Epic FHIR API: Network path instability"),
        (STORIES[3].values[0], "HIGH: Epic FHIR API: Network path instability (repeat)"),
        (STORIES[4].values[0], "MEDIUM: epic-fhir-main: the certificate ends in 6 days (limit 14 days)"),
        (STORIES[5].values[0], "CLEARED: epic-fhir-main: the certificate ends in 6 days (limit 14 days)"),
        (STORIES[6].values[0], "RESOLVED: INC-2025-03-26-001"),
    ],
    ids=[story.id for story in STORIES],
)
def test_a_title_says_what_it_is_about_and_how_it_stands(notice: Notice, title):
    assert told(notice).title == title


def test_an_acknowledgement_says_who_and_until_when_and_an_end_what_it_is_told():
    says = "Integration Team until 15:30 UTC"
    assert ("Acknowledged", says) in told(STORIES[1].values[0]).facts
    assert ("Over", "it works again") in told(a_notice(kind=STORIES[2].values[0].kind)).facts
    assert ("Over", "well for the third time") in told(
        a_notice().model_copy(update={"kind": NoticeKind.RESOLVE, "says": "well for the third time"})
    ).facts
    assert line(STORIES[1].values[0]) == f"ACKNOWLEDGED INC-2025-03-26-001: {says}"


@given(st.text(max_size=600), st.integers(4, 300))
def test_a_cut_line_fits_and_stays_one_line(text, most):
    found = cut(text, most)
    assert len(found.encode()) <= most
    assert found == " ".join(found.split())
    assert found.isprintable()


@given(st.text(min_size=1, max_size=500), st.integers(0, 40))
def test_whatever_is_said_the_words_stay_small(text, many):
    words = told(a_notice(escalation=an_escalation(cause=text, evidence=(text,) * many, recommended=(text,) * many)))
    assert len(words.title.encode()) <= TITLE
    assert all(len(value.encode()) <= LINE for _, value in words.facts)
    assert all(len(lines) <= ENTRIES and all(len(one.encode()) <= LINE for one in lines) for _, lines in words.lists)
    assert a_notice().queued_at == NOW
