"""Promises: what both sides' data must satisfy, one Great Expectations suite per feed.

A file `expectations/<feed>.py` offers `suite(terms)`: what is promised of the feed under these terms, as names and
arguments of expectations, so that reading them needs no Great Expectations (which takes four seconds to import). A
promise that these terms cannot check says why in `unless`; one whose column a table lacks is left out and named.

Columns are called as FHIR calls them, in snake case. Sources of limits stand beside them; where none is named, the
limit is ours: wide enough that what lies outside was never meant.
"""
