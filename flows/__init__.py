"""Sentences: each flow, read aloud, is the runbook. Kept empty so that `heal --help` imports nothing heavy."""
