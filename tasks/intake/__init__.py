"""Taking traffic in: files are read a block at a time, parsed, and put into the history exactly once."""

from tasks.intake.take import is_there_any, take_in, take_in_round

__all__ = ["is_there_any", "take_in", "take_in_round"]
