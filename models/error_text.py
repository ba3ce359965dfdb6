"""Error texts without whom they are about: what is on a list of words stays, everything else is `<*>`.

    Could not read Patient/eXk0 of Jane Doe: timed out after 30 s   →   could not <*> timed out after <*>

No pattern recognises a name, so nothing is looked for and taken out; words of `models.error_words` are let in. The
template of a text is a function of that text alone: no order of lines, no state and no threshold changes it, two
machines give the same, and a template's own template is itself. Texts of one template are one cluster.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from http import HTTPStatus

from models.error_words import EXACT, PERSONS, PHRASES, SMALL, WORDS
from models.vocabulary import CODES
from models.words import RESOURCES, listed

MASK = "<*>"
LONGEST = 2048  # characters of a text that are looked at: what an error is stands at its beginning
MOST = 24  # words of a template; drain3's templates of our benchmark have 20 at most
LONGEST_CHUNK = 80  # characters of a compound; longer ones are encoded data

CHUNK = re.compile(r"<\*>|\w(?:[^\s\"'`()\[\]{}<>,;=|:]*\w)?")
COMPOUND = re.compile(r"[A-Za-z]+(?:[._-][A-Za-z]+)*")
PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")  # of camelCase
DATE = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:T\d{2})?")
NUMBER = re.compile(r"[\d.,%+-]+[a-zA-Z]{0,2}")  # with a unit: 30s, 250ms
STATUSES = frozenset(str(status.value) for status in HTTPStatus)
BEFORE_STATUS = frozenset({"http", "status", "code", "error", "HTTP/1.0", "HTTP/1.1", "HTTP/2"})
METHODS = listed("GET HEAD POST PUT PATCH DELETE OPTIONS")

TWOFOLD = frozenset(word for phrase in PHRASES for word in phrase) - WORDS - SMALL
ENDS = listed("error errors exception fault failure timeout warning interrupt expired refused denied invalid")
VARIABLE = RESOURCES | METHODS  # not what makes two errors different: `<*>` in a template
SHOWN = frozenset(  # and nobody's names: some have the surname List, Head or Post
    name for name in VARIABLE if name.lower() in WORDS or len(PART.findall(name)) > 1
)
FORMS = {form: word for word in WORDS for form in (word, word.capitalize(), word.upper())}
FORMS |= {word: word for word in (MASK, *SMALL, *EXACT, *CODES)}
STEADY = {form: word for form, word in FORMS.items() if form not in VARIABLE}
BREAKS = ((":", ": "), (",", ", "), (";", "; "), ("=", "="), (" - ", " - "), (".", ". "))  # that an exemplar keeps
NOTHING: frozenset[str] = frozenset()


def template(text: str) -> str:
    """What the text says apart from whom, when and where: words in lower case and `<*>`.

    >>> template("HTTP 503 from db-7.example.org: Service unavailable, patient DOE^JANE")
    'http 503 from <*> service unavailable patient <*>'
    """
    chunks = CHUNK.findall(text[:LONGEST])
    words: list[str] = []
    before = ""
    for place, word in enumerate(map(STEADY.get, chunks)):
        word = word or seldom(chunks, place, before)  # noqa: PLW2901 - seldom is seldom
        if word is not MASK or before is not MASK:
            words.append(word)
            if len(words) == MOST:
                break
        before = word
    if len(words) == MOST and words[-1] in TWOFOLD and (words[-2], words[-1]) not in PHRASES:
        words[-1:] = [] if words[-2] is MASK else [MASK]  # the other half of its phrase was cut off
    return " ".join(words)


def exemplar(text: str, names: AbstractSet[str] = NOTHING) -> str:
    """The text as it may be shown: listed words as they stand, `names` too, of everything else only its kind.

    Args:
        text: what was logged.
        names: words that a deployment declares, see `models.vocabulary.Vocabulary.words`.

    >>> exemplar("Could not read Patient/eXk0 of Jane Doe: timed out after 30 s")
    'Could not <word> <path> of <word>: timed out after <number> s'
    """
    found = list(CHUNK.finditer(text[:LONGEST]))
    chunks = [one[0] for one in found]
    shown: list[str] = []
    before, end = "", 0
    for place, one in enumerate(found[: MOST * 2]):
        chunk = one[0]
        word = STEADY.get(chunk) or seldom(chunks, place, before)
        is_shown = chunk in SHOWN or chunk in names or (word is not MASK and chunk != MASK)
        told = chunk if is_shown else kind_of(chunk)
        if is_shown or not shown or shown[-1] != told:
            shown += [gap(text[end : one.start()]), told] if shown else [told]
        before, end = word, one.end()
    return "".join(shown)


def seldom(chunks: Sequence[str], place: int, before: str) -> str:
    """A chunk that is not always the same: a kind of data, a status, a word of a phrase, a compound, or `<*>`."""
    chunk = chunks[place]
    if chunk in VARIABLE:
        return MASK if place else FORMS.get(chunk, MASK)  # `Claim rejected` begins as any sentence does
    if chunk in STATUSES:
        return chunk if before in BEFORE_STATUS else MASK
    if not chunk[0].isalpha():
        return MASK  # a number or an id, as most chunks that come here
    word = chunk.lower()
    if word in TWOFOLD:
        is_phrase = (place and pair(chunks, place - 1)) or (place + 1 < len(chunks) and pair(chunks, place))
        return word if is_phrase else MASK
    return compound(chunk) or MASK


def pair(chunks: Sequence[str], place: int) -> bool:
    """Whether this chunk and the next are a phrase, and written as one.

    A word that is a name too is in lower case, or begins what is said: behind a colon, a number or a listed word
    that announces nobody. Behind any other word it may be a family name.
    """
    first, second = chunks[place], chunks[place + 1]
    if (first.lower(), second.lower()) not in PHRASES:
        return False
    is_begun = first.islower() or first in FORMS or place == 0 or is_apart(chunks[place - 1])
    return is_begun and (second.islower() or second in FORMS or first in FORMS)


def is_apart(chunk: str) -> bool:
    """Whether a chunk can be no name, nor a word that announces one."""
    is_listed = chunk in FORMS or compound(chunk) is not None
    return not chunk.isalpha() if not is_listed else chunk.lower() not in PERSONS


def compound(chunk: str) -> str | None:
    """`java.net.SocketTimeoutException` → `java_net_socket_timeout_exception`; `invalid_token` as it is.

    Each part must be listed, and one of them nobody's name. Names of hosts and of actions are put together likewise,
    and are no words: what has dots or humps must end as an error does.
    """
    if chunk.islower() and chunk.isalpha():
        return None  # one part
    if "/" in chunk:
        first, _, second = chunk.partition("/")
        return f"{first}/{second}" if first in WORDS and second in WORDS else None  # subscriber/insured
    if len(chunk) > LONGEST_CHUNK or not COMPOUND.fullmatch(chunk):
        return None
    parts = [part.lower() for part in PART.findall(chunk)]
    if len(parts) == 1 or not ((chunk.islower() and "." not in chunk) or chunk.isupper() or parts[-1] in ENDS):
        return None
    is_known = all(part in WORDS or part in TWOFOLD or part in SMALL for part in parts)
    return "_".join(parts) if is_known and any(part in WORDS for part in parts) else None


def kind_of(chunk: str) -> str:
    """What a thing is that is not shown, by its form."""
    if "@" in chunk:
        return "<email>"
    if DATE.fullmatch(chunk):
        return "<date>"
    if NUMBER.fullmatch(chunk):
        return "<number>"
    if "/" in chunk or "\\" in chunk:
        return "<path>"
    if any(letter.isdigit() for letter in chunk):
        return "<id>"
    return "<host>" if "." in chunk else "<word>"


def gap(between: str) -> str:
    """What stands between two chunks, as one of a few signs."""
    return "'" if between == "'" else next((shown for sign, shown in BREAKS if sign in between), " ")
