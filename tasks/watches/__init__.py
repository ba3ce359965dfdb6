"""Watches: one file for each kind of standing condition, found by its name. See `_interface`."""
