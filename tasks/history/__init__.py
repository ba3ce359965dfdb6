"""The history's shelves: how files are named, written, folded and read. The door is `tasks.remember`."""
