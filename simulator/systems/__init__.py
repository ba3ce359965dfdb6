"""The systems of the clinic: one file each, found by its name (docs/decisions/0012).

A file `simulator/systems/<name>.py` offers `open_system(site)`: a `simulator.plan.System` and the directions that
a client needs, as text by key. Its faults stand in `simulator/faults.py`, or beside it as subclasses of `Fault`.
"""
