"""Plain: the little free text that we take in, by an allow-list; what could name a person is turned away.

Two doors use it. What a vendor says of its own system (a version, an issuer) is kept only when it passes. What a
person writes about a deploy is refused when it does not. Nothing here can recognise a name as such: these texts
come from an administrator or from public metadata, and the grammar keeps numbers, dates and addresses out.
"""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

UNREADABLE = "unreadable"  # stands for what was said and may not be kept
LONGEST = 120  # characters

CHARACTERS = re.compile(rf"[A-Za-z0-9(][A-Za-z0-9 ._:/()+&,'*#→–-]{{0,{LONGEST - 1}}}")
DATE = re.compile(r"20[0-9]{2}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])")  # of this century
VERSION = re.compile(
    r"v?[0-9]{1,4}(?:\.[0-9]{1,6}){1,4}(?:[-+.][A-Za-z0-9.]{1,20})?"  # 10.5, 2026.11.3, 20.1.0.0, 1.4.0-rc.2
    r"|(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{7,40}"  # of a commit: letters and digits, so no record number
)
RELEASE = re.compile(r"^(?:release|rel|build|hotfix)[-_.]?(?=[0-9v])")
COUNTED = re.compile(r"(?:v|r|release|rel|build|hotfix)?[-_.]?[0-9]{1,4}")
NO_VERSION = re.compile(  # written with dots, as versions are
    r"[0-9]{3}\.[0-9]{2,3}\.[0-9]{4}|[0-9]{3}\.[0-9]{4}"  # a social security or telephone number
    r"|[0-9]{1,2}\.[0-9]{1,2}\.(?:19|20)[0-9]{2}|19[0-9]{2}\.[0-9]{1,2}\.[0-9]{1,2}"  # a date of birth
    r"|[12][0-9]{2}(?:\.[12]?[0-9]{1,2}){3}"  # an address of a network; those that begin below 100 may be versions
)
MONTH = r"(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
IDENTIFYING = re.compile(
    r"[0-9]{5,}"  # a record number, a postcode
    r"|[0-9]{2,4}\)?[-. ][0-9]{2,4}[-. ][0-9]{3,4}|\b[0-9]{3}[- ][0-9]{4}\b"  # social security, telephone
    rf"|\b{MONTH}\.? (?:[0-9]{{1,2}}[a-z]*,? )?19[0-9]{{2}}\b"  # a date of birth in words
    r"|\b(?i:account|acct|serial|sn|member|chart|plate)\b(?i: (?:no|number|id)\b)?[ .:#-]*[A-Za-z-]*[0-9]{2}"
    r"|\b(?=[A-Za-z_-]*[0-9])[A-Za-z0-9_-]{24,}|\beyJ[A-Za-z0-9]"  # a token
    r"|\b(?=[A-Za-z]*[0-9]+[A-Za-z])[A-Za-z0-9]{14,}\b|[0-9]{4}[- ](?!20)[0-9]{4}\b"  # an id, a licence
    r"|://"  # an address of the web
    r"|\b[0-9]{1,5} (?:[A-Z][a-z]+ ){1,3}(?i:street|st|lane|ln|avenue|ave|road|rd|drive|dr|court|ct|boulevard|blvd)\b"
    r"|[0-9]{1,2}/[0-9]{1,2}/[0-9]{2,4}|(?:19|20)[0-9]{2}-[0-9]{1,2}-[0-9]{1,2}"  # a date of birth
    r"|\b[A-Z][A-Za-z]+/[A-Za-z0-9-]+"  # a FHIR reference: Patient/…
    r"|\b[A-Z][a-z]+, ?[A-Z][a-z]"  # family name, given name
    r"|\b(?i:mr|mrs|ms|dr|patient)\b[.:# ]*(?:[A-Z][a-z]|[0-9])"
    r"|\b(?i:mrn|dob|ssn)\b"
)


def looks_identifying(text: str) -> bool:
    """Whether something in it has the form of an identifier; versions and dates of this century have not.

    >>> looks_identifying("eyewear-ML 2026.11.3 deployed"), looks_identifying("fixed for MRN 123456")
    (False, True)
    """
    words = [word.strip("(),:") for word in text.split(" ")]
    rest = " ".join(word for word, bare in zip(text.split(" "), words, strict=True) if not is_harmless(bare))
    return any(map(NO_VERSION.fullmatch, words)) or bool(IDENTIFYING.search(rest))


def is_harmless(word: str) -> bool:
    """Whether the digits of this word are those of a version or of a date of this century."""
    return is_version(word) or DATE.fullmatch(word) is not None


def is_version(text: str) -> bool:
    """Whether this is a version or a commit, and nothing else; no number of a person, of whom it may have the form."""
    return VERSION.fullmatch(text) is not None and NO_VERSION.fullmatch(text) is None


def plain(text: object) -> str:
    """The text when it may be kept, else the word `unreadable`: its content is then not known any more."""
    folded = " ".join(text.split()) if isinstance(text, str) else ""
    return folded if CHARACTERS.fullmatch(folded) and not looks_identifying(folded) else UNREADABLE


def check_plain(text: str) -> str:
    """Refuse text that may not be kept, in a sentence that does not repeat it."""
    return _checked(text, "write what was deployed, and its version")


def check_word(text: str) -> str:
    """The same for what people say of themselves and of a decision: other words help them."""
    return _checked(text, "write it without, as in: Integration Team, the vendor asked for it")


def _checked(text: str, instead: str) -> str:
    if not CHARACTERS.fullmatch(text):
        raise ValueError(f"write up to {LONGEST} plain letters, digits and . _ : / ( ) + & , # - and begin with a word")
    if looks_identifying(text):
        raise ValueError(f"this could hold a number, date or name of a person; {instead}")
    return text


Remark = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(check_plain)]
"""One line about a change, of which nothing can name a patient."""

Word = Annotated[str, StringConstraints(strip_whitespace=True), AfterValidator(check_word)]
"""Who decided, or why: the same, refused in other words."""


def check_version(text: str) -> str:
    """Refuse what is no version: numbers, a commit, or the number of a release."""
    if not is_version(RELEASE.sub("", text, count=1)) and not COUNTED.fullmatch(text):
        raise ValueError("write a version as one word, such as 2026.11.3, v1.4.0-rc.2 or a commit")
    return text


Version = Annotated[str, AfterValidator(check_version)]
