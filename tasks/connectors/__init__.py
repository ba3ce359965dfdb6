"""Connectors: one file per kind of system; the file's stem is the `kind:` in integrations.yaml."""
