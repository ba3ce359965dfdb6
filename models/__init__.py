"""Nouns: what the system talks about, and the arithmetic on it.

Nothing in this room knows Prefect, a disk, a network or a clock: time arrives as an argument.
"""
