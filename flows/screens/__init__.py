"""Larger displays, one file each; what they share is in `flows/screen.py`."""
