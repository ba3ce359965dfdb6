"""Taking traffic in: files are read a block at a time, parsed, and put into the history exactly once."""

from tasks.intake.take import take_in, take_in_round

__all__ = ["take_in", "take_in_round"]
