"""Formats of traffic: one file each. Whatever passes here has no body, no URL, no identifier and no free text.

A file `models/intake/<format>.py` offers

- `BREAKS`: the bytes that end a line (a message over MLLP breaks its lines with carriage returns);
- `looks_like(line)`: whether a file whose first full line this is may be of this format;
- `parse(lines, door)`: what these lines say, as a `Batch` of columns; what cannot be used is counted by reason.

It is pure, and quick because it makes no noun per line: rows are tuples in the order of the history's columns.
"""
