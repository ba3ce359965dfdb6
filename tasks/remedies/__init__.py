"""Remedies: one file per thing we may do about a diagnosis; the file's stem is its name in policy.yaml."""
