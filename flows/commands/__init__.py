"""What a person can type after `heal`: one file per command, found by its name (docs/decisions/0011).

A file `flows/commands/<name>.py` offers `command`, the function that typer calls, and `PANEL`, the group it is
shown in; `_` in a file's name is `-` on the command line. Heavy libraries are imported inside the functions,
because every file here is imported for `heal --help`.
"""
