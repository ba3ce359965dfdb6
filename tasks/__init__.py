"""Verbs: one effect each. All disk, network and database access of the product happens in this room."""
