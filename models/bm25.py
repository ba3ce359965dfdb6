"""BM25: which of some short texts answers a few words best.

The ranking function of S. Robertson and H. Zaragoza, *The Probabilistic Relevance Framework: BM25 and Beyond* (2009),
with a title that counts as several occurrences (the simple form of BM25F, section 3.6). Words are lower-cased and
lose their endings, and the codes of protocols stand for what they mean: `429` finds what speaks of rate limiting.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence

K1, B = 1.2, 0.75  # as is usual for short texts (Robertson and Zaragoza, section 3.5)
TITLE = 5.0  # a word of the title counts as so many in the text
MEANT = 0.5  # what a code of the query means counts half of what was typed
SHORTEST = 4  # letters that a word keeps when it loses an ending
WORD = re.compile(r"[a-z0-9]+")
ENDINGS = ("ations", "ation", "ings", "ing", "ies", "ied", "es", "ed", "s", "e", "y")
COMMON = frozenset(
    ("a", "an", "and", "are", "at", "be", "by", "for", "from", "in", "is", "it", "of", "on", "or", "the", "to")
)

MEANS: dict[str, tuple[tuple[str, ...], ...]] = {  # a code → words that say the same; several ways to say it
    "too many requests": (("rate", "limited"),),  # the names of RFC 6585 and RFC 9110
    "unprocessable": (("request", "refused"),),
    "bad gateway": (("server", "errors"),),
    "service unavailable": (("server", "errors"),),
    "gateway timeout": (("server", "errors"),),
    "internal server error": (("server", "errors"),),
    "handshake": (("tls", "refused"),),
    "400": (("request", "refused"),),
    "401": (("token", "expired"), ("credentials", "rejected")),
    "403": (("scope", "missing"), ("access", "denied")),
    "404": (("request", "refused"),),
    "422": (("request", "refused"),),
    "429": (("rate", "limited"),),
    "500": (("server", "errors"),),
    "502": (("server", "errors"),),
    "503": (("server", "errors"),),
    "504": (("server", "errors"),),
    "quota": (("rate", "limited"),),
    "throttling": (("rate", "limited"),),
    "unauthorized": (("token", "expired"), ("credentials", "rejected")),
    "forbidden": (("scope", "missing"),),
    "invalid_client": (("credentials", "rejected"),),
    "invalid_grant": (("credentials", "rejected"), ("token", "expired")),
    "invalid_token": (("token", "expired"),),
    "invalid_scope": (("scope", "missing"),),
    "nxdomain": (("name", "resolved"),),
    "servfail": (("name", "resolved"),),
    "dns": (("name", "resolved"),),
    "econnrefused": (("connection", "refused"),),
    "econnreset": (("path", "unstable"),),
    "rst": (("path", "unstable"),),
    "timeout": (("black", "hole"), ("vendor", "slow")),
    "ssl": (("tls", "refused"), ("certificate", "untrusted"), ("certificate", "expired")),
    "x509": (("certificate", "untrusted"), ("certificate", "expired")),
    "ntp": (("clock", "skew"),),
    "html": (("wrong", "content"),),
    "operationoutcome": (("errors", "inside", "answers"),),
    "latency": (("vendor", "slow"),),
}


def stem(word: str) -> str:
    """A word without its ending, where enough of it is left."""
    ending = next((one for one in ENDINGS if word.endswith(one) and len(word) - len(one) >= SHORTEST), "")
    return word.removesuffix(ending)


def terms(text: str) -> list[str]:
    """The words of a text that say something, stemmed."""
    return [stem(word) for word in WORD.findall(text.lower()) if word not in COMMON]


def meant(text: str) -> list[str]:
    """What the codes in a text stand for, stemmed."""
    said = f" {' '.join(re.findall(r'[a-z0-9_]+', text.lower()))} "
    return [stem(word) for code, ways in MEANS.items() if f" {code} " in said for way in ways for word in way]


class Index:
    """Some texts, each with a title, made ready for questions."""

    def __init__(self, texts: Sequence[tuple[str, str]]) -> None:
        self._counts = [weighed(title, text) for title, text in texts]
        self._lengths = [sum(counts.values()) for counts in self._counts]
        self._mean = sum(self._lengths) / len(texts) if texts else 0.0
        self._holding = Counter(term for counts in self._counts for term in counts)

    def scores(self, query: str) -> list[float]:
        """How well each text answers, in the order of the texts; 0: not at all."""
        asked: dict[str, float] = dict.fromkeys(meant(query), MEANT)
        asked |= dict.fromkeys(terms(query), 1.0)
        return [self._score(place, asked) for place in range(len(self._counts))]

    def _score(self, place: int, asked: dict[str, float]) -> float:
        counts = self._counts[place]
        length = 1 - B + B * self._lengths[place] / self._mean if self._mean else 1.0
        return math.fsum(
            weight * self._rarity(term) * counts[term] * (K1 + 1) / (counts[term] + K1 * length)
            for term, weight in asked.items()
            if term in counts
        )

    def _rarity(self, term: str) -> float:
        """How much it says that a text holds this term; never below 0."""
        many, holding = len(self._counts), self._holding[term]
        return math.log(1 + (many - holding + 0.5) / (holding + 0.5))


def weighed(title: str, text: str) -> dict[str, float]:
    """How often each term occurs, those of the title more; a code whose meaning is told in the title occurs too."""
    counts: dict[str, float] = {}
    heads = terms(title)
    for term, weight in [*((one, TITLE) for one in heads), *((one, 1.0) for one in terms(text)), *codes(heads)]:
        counts[term] = counts.get(term, 0.0) + weight
    return counts


def codes(heads: Iterable[str]) -> list[tuple[str, float]]:
    """The codes that mean what a title says, as terms of it."""
    said = set(heads)
    found = (code for code, ways in MEANS.items() if any({stem(word) for word in way} <= said for way in ways))
    return [(term, TITLE) for code in found for term in terms(code)]
