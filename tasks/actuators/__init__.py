"""Actuators: one file per way to do something outside of us; the file's stem is its `kind` in integrations.yaml."""
