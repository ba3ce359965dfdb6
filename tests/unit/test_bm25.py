"""BM25: the text that answers a few words best comes first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.bm25 import MEANS, Index, meant, stem, terms

WORDS = st.lists(st.sampled_from(["token", "rate", "limited", "server", "epic", "429", "slow"]), min_size=1, max_size=6)


def best(query: str, *texts: tuple[str, str]) -> int | None:
    scores = Index(texts).scores(query)
    return scores.index(max(scores)) if max(scores) > 0 else None


@pytest.mark.parametrize(
    ("query", "texts", "first"),
    [
        pytest.param("token", [("", "a token ended"), ("", "the server fails")], 0, id="the one that holds it"),
        pytest.param("limiting", [("", "slow"), ("", "limited")], 1, id="whatever its ending"),
        pytest.param("token", [("", "token " * 9 + "x " * 90), ("token", "")], 1, id="a title counts more"),
        pytest.param("server token", [("", "server"), ("", "server"), ("", "token")], 2, id="the rarer word"),
        pytest.param("token", [("", "token and much else that is said here"), ("", "token")], 1, id="the shorter text"),
        pytest.param("429", [("Server errors", ""), ("Rate limited", "")], 1, id="a code means words"),
        pytest.param("too many requests", [("Request refused", ""), ("Rate limited", "")], 1, id="so does its name"),
        pytest.param("zebra", [("Rate limited", "")], None, id="nothing answers"),
    ],
)  # fmt: skip
def test_the_best_answer_comes_first(query, texts, first):
    assert best(query, *texts) == first


def test_words_lose_their_endings_and_keep_enough():
    assert {stem(word) for word in ("limit", "limits", "limited", "limiting")} == {"limit"}
    assert {stem(word) for word in ("bed", "ties", "dns")} == {"bed", "ties", "dns"}
    assert terms("The invalid_client, of an API") == ["invalid", "client", "api"]


def test_a_code_inside_another_word_means_nothing():
    assert meant("4290 or x429") == []
    assert meant("HTTP 429!") == [stem("rate"), stem("limited")]


@given(WORDS, st.lists(WORDS, min_size=1, max_size=5))
def test_a_text_scores_if_and_only_if_it_holds_a_word_that_was_asked_for(query, texts):
    scores = Index([("", " ".join(one)) for one in texts]).scores(" ".join(query))
    asked = {*terms(" ".join(query)), *meant(" ".join(query))}
    assert [score > 0 for score in scores] == [bool(asked & set(terms(" ".join(one)))) for one in texts]


def test_nothing_to_search_answers_nothing():
    assert Index([]).scores("token") == []
    assert Index([("", "")]).scores("token") == [0.0]


def test_every_code_means_something():
    assert all(ways and all(ways) for ways in MEANS.values())
