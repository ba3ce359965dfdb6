"""Taking traffic in: files are read a block at a time, parsed, and put into the history exactly once."""

from tasks.intake.take import take_in

__all__ = ["take_in"]
