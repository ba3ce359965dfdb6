"""Templates of error texts: what stays, that nothing else does, and that only the text decides."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.error_cluster import generalised
from models.error_text import MASK, METHODS, MOST, SHOWN, STATUSES, exemplar, template
from models.error_words import EXACT, PHRASES, SMALL, WORDS
from models.vocabulary import CODES
from models.words import listed
from tests.error_texts import TEXTS, TWELVE, mixed

TWOFOLD = frozenset(word for phrase in PHRASES for word in phrase) - WORDS - SMALL
KINDS = frozenset({"<word>", "<number>", "<id>", "<date>", "<email>", "<path>", "<host>"})

# the most frequent given and family names of the US Census of 1990, and some that are words of every log
GIVEN = listed(
    """james john robert michael william david richard charles joseph thomas christopher daniel paul mark donald
    george kenneth steven edward brian ronald anthony kevin jason frank will grant dean art may grace hope joy
    rose faith dawn april june summer holly ivy ruby amber crystal mary patricia linda barbara elizabeth
    jennifer maria susan margaret dorothy lisa nancy karen betty helen sandra donna carol sharon michelle laura
    sarah kimberly max jose luis juan carlos an rob bill gene ray chance guy pat val dot"""
)
FAMILY = listed(
    """smith johnson williams jones brown davis miller wilson moore taylor anderson thomas jackson white harris
    martin thompson garcia martinez robinson clark rodriguez lewis lee walker hall allen young hernandez king
    wright lopez hill scott green adams baker gonzalez nelson carter mitchell perez roberts turner phillips
    campbell parker evans edwards collins stewart sanchez morris rogers reed cook morgan bell murphy bailey
    rivera cooper richardson cox howard ward torres peterson gray ramirez watson brooks kelly sanders price
    bennett wood barnes ross henderson coleman jenkins perry powell long patterson hughes flores washington
    butler simmons foster bryant page case post read field fields key lock pool port head call class client
    cross day driver file frame free host job line link list low mark master pass peer place power root row rule
    service session short small stack start test wait way work law good best banks rich wise noble park lake
    rivers street church bishop pope knight"""
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Connection refused", "connection refused", id="words of a list"),
        pytest.param("CONNECTION Refused.", "connection refused", id="in any case"),
        pytest.param("Jane Doe not found", "<*> not found", id="names are one mask, however many words they have"),
        pytest.param("Jane Anne van der Berg, MD not found", "<*> not found", id="and punctuation"),
        pytest.param("HTTP 503 after 503 ms", "http 503 after <*> ms", id="a status behind the word for one"),
        pytest.param("HTTP 999", "http <*>", id="no such status"),
        pytest.param("failed: 12/31/1970 10:11:12", "failed <*>", id="numbers"),
        pytest.param("invalid_client", "invalid_client", id="a code of ours"),
        pytest.param("MSA|AE|7|", "MSA AE <*>", id="codes of HL7"),
        pytest.param("SocketTimeoutException", "socket_timeout_exception", id="humps that end as an error does"),
        pytest.param("GetProviders failed", "<*> failed", id="humps that do not: an action"),
        pytest.param("timeout of server.example.org", "timeout of <*>", id="a host of listed words"),
        pytest.param("java.quux.IOException", "<*>", id="one part is not listed"),
        pytest.param("reading Patient/eX7", "<*>", id="a reference"),
        pytest.param("cannot find Patient", "cannot find <*>", id="kinds of data vary"),
        pytest.param("subscriber/insured not found", "subscriber/insured not found", id="two words of a standard"),
        pytest.param("Read timed out", "read timed out", id="a phrase that begins the text"),
        pytest.param("ssl: Read timed out", "ssl read timed out", id="or what is said"),
        pytest.param("Jane Read timed out", "<*> timed out", id="behind a name it may be one"),
        pytest.param("patient Read timed out", "patient <*> timed out", id="and behind a patient"),
        pytest.param("read Jane", "<*>", id="half a phrase"),
        pytest.param("could not open An Binh", "could not open <*>", id="small words that are names, in capitals"),
        pytest.param("could not open an index", "could not open an index", id="and in lower case"),
        pytest.param("error in Übergröße 数据", "error in <*>", id="other alphabets"),
        pytest.param("", "", id="nothing"),
        pytest.param("¶ … –", "", id="signs alone"),
    ],
)
def test_words_of_a_list_stay_and_everything_else_is_masked(text, expected):
    assert template(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Connection to 10.0.0.5 refused", "Connection to <number> refused", id="an address"),
        pytest.param("Could not open /data/in/x.csv", "Could not open <path>", id="a path"),
        pytest.param("no mail for jane@example.org", "no <word> for <email>", id="an address of somebody"),
        pytest.param("DOB 1970-01-02 invalid", "<word> <date> invalid", id="a date"),
        pytest.param("Patient Jane Anne Doe not found", "Patient <word> not found", id="words become one"),
        pytest.param("Error: timed out (code=7)", "Error: timed out code=<number>", id="signs between"),
        pytest.param("couldn't connect", "couldn't connect", id="an apostrophe"),
        pytest.param("cannot read Observation", "cannot <word> Observation", id="kinds of data are shown"),
        pytest.param("queue front-desk is full", "queue <word> is full", id="a word that nobody declared"),
    ],
)
def test_an_exemplar_shows_the_kind_of_what_it_hides(text, expected):
    assert exemplar(text) == expected


def test_an_exemplar_shows_what_a_deployment_declares_and_a_template_does_not():
    assert exemplar("queue front-desk is full", {"front-desk"}) == "queue front-desk is full"
    assert template("queue front-desk is full") == "queue <*> is full"


# --- by construction -------------------------------------------------------------------------------------------------

anything = st.text(max_size=300) | st.lists(
    st.sampled_from(
        [*sorted(WORDS)[::40], *sorted(TWOFOLD)[::3], *sorted(EXACT)[::5], *sorted(SMALL), *sorted(METHODS)]
    )
    | st.sampled_from([*(text for _, text in TEXTS), "503", "Read", "TIMED", "<*>", "<", "*>", "_", "-", "/", "é", "٣"])
    | st.text(alphabet="aZ_-./@:<>*|'\"0٣é \n", max_size=12),
    max_size=30,
).map(" ".join)


def is_listed(token):
    """Whether a token of a template may be there."""
    parts = re.split(r"[_/]", token)
    return token in {MASK} | EXACT | CODES | STATUSES or (
        all(part in WORDS | TWOFOLD | SMALL for part in parts)
        and (len(parts) == 1 or any(part in WORDS for part in parts))
    )


@given(anything)
def test_no_token_of_a_template_is_on_no_list(text):
    tokens = template(text).split(" ") if template(text) else []
    assert [token for token in tokens if not is_listed(token)] == []
    assert len(tokens) <= MOST
    assert f"{MASK} {MASK}" not in template(text)


@given(anything)
def test_no_word_of_an_exemplar_is_on_no_list(text):
    known = {word.lower() for word in (*WORDS, *TWOFOLD, *SMALL, *EXACT, *CODES, *SHOWN)}
    shown = exemplar(text)
    for kind in KINDS:
        shown = shown.replace(kind, " ")
    words = [word for word in re.findall(r"[^\s:,;='().-]+", shown) if word not in STATUSES]
    parts = [
        part for word in words if word.lower() not in known for part in re.split(r"[_/+]|(?<=[a-z])(?=[A-Z])", word)
    ]
    assert [
        part for part in parts if part and part.lower() not in known | {"utf", "8", "iso", "8859", "1", "fhir"}
    ] == []


@given(anything)
def test_the_template_of_a_template_is_itself(text):
    assert template(template(text)) == template(text)


@given(st.lists(anything, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_lines_changes_no_cluster(texts, random_):
    shuffled = random_.sample(texts, len(texts))
    assert generalised(map(template, shuffled)) == generalised(map(template, texts))


@given(st.lists(anything, max_size=12))
def test_what_a_template_belongs_to_belongs_to_itself_and_says_less(texts):
    belongs = generalised(map(template, texts))
    for made, wider in belongs.items():
        assert belongs[wider] == wider
        assert set(wider.split(" ")) - {MASK} <= set(made.split(" "))


# --- patients --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted({*GIVEN, *FAMILY}))
def test_no_frequent_name_is_a_word_by_itself(name):
    shown = f"{template(f'Jane {name.title()} Doe')} {exemplar(f'patient {name.title()} Doe')} {template(name.upper())}"
    assert name not in shown.lower().split(" ")


NAMES = ("Mark Page", "Grant Field", "Will Post", "Jane Read", "An To", "DOE^JANE^A", "O'Brien, Sean", "Zoë Müller")
IDS = ("MRN-00482913", "00482914", "A1234567", "(555) 010-2233", "+1 555 010 2234", "555-010-2235", "123-45-6789")
DATES = ("1970-01-02", "01/02/1970", "2 Jan 1970", "19700102", "1970.01.02", "Jan 2, 1970")
MAILS = ("jane.doe@example.org", "mpage@clinic.example", "read.timeout@error.example", "j@x.io")
URLS = (
    "https://ehr.example.org/R4/Patient/eX7?name=Page&birthdate=1970-01-02",
    "/api/FHIR/R4/Patient/eXk0canary",
    "Patient/Page",
    r"C:\in\Doe_Jane.csv",
    "sftp://host/in/Read.csv",
)
PLACES = (
    "{}",
    "patient {} not found",
    "{}: connection refused",
    "could not read {} (timed out)",
    '{{"error": "invalid key {}", "patient": "{}"}}',
    "MSA|AE|{}|Unknown key identifier: {}",
    "name={};member {} expired session for user {}",
)


@pytest.mark.parametrize("canary", [*NAMES, *IDS, *DATES, *MAILS, *URLS])
@pytest.mark.parametrize("place", PLACES)
def test_nothing_of_an_identifier_stays(canary, place):
    text = place.replace("{}", canary).replace("{{", "{").replace("}}", "}")
    shown = f"{template(text)} {exemplar(text)}"
    own = set(re.findall(r"\w+", place)) | {"to", "name", "https"}  # words of the place, and of a URL's own
    pieces = [piece for piece in re.findall(r"\w+", canary) if piece not in own and not piece.islower()]
    assert canary not in shown
    assert [piece for piece in pieces if re.search(rf"\b{re.escape(piece)}\b", shown)] == []


# --- how well --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_ten_thousand_mixed_errors_are_no_more_clusters_than_kinds(seed):
    rows = mixed(10_000, seed, TWELVE)
    belongs = generalised(template(line) for _, line in rows)
    found = {(kind, belongs[template(line)]) for kind, line in rows}
    assert len({made for _, made in found}) == len(found) == len(TWELVE)


def test_every_text_of_the_catalogue_is_a_cluster_of_its_own():
    rows = mixed(20_000, 14)
    belongs = generalised(template(line) for _, line in rows)
    kinds = {}
    for kind, line in rows:
        kinds.setdefault(belongs[template(line)], set()).add(kind)
    assert [told for told in kinds.values() if len(told) > 1] == []


@pytest.mark.parametrize("word", ["token", "certificate", "expired", "timeout", "queue", "connection", "patient"])
def test_the_words_that_every_cause_is_told_in_are_listed(word):
    assert word in WORDS
