"""The published report: its document, how it is told from a story, and whether it contradicts itself."""

from __future__ import annotations

from models.report.build import attempted, build_report, impact_of, outcome_word
from models.report.consistency import check
from models.report.difference import compare
from models.report.document import MonitoringReport, json_schema
from models.report.status import Status, Weighed, Word, status_of, weigh

__all__ = [
    "MonitoringReport",
    "Status",
    "Weighed",
    "Word",
    "attempted",
    "build_report",
    "check",
    "compare",
    "impact_of",
    "json_schema",
    "outcome_word",
    "status_of",
    "weigh",
]
