"""Notifiers: one file per channel; the file's stem is the `route:` in policy.yaml."""
