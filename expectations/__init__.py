"""Promises: what both sides' data must satisfy, one Great Expectations suite per feed."""
