"""The ledger: what was decided and done, in one transactional place that survives `kill -9`.

    ledger = open_ledger(home)
    with ledger.change("monitor", at) as change:      # one transaction: state, audit row, outbox together
        incident = change.save_incident(incident.advance(...))

SQLite in `<home>/ledger.sqlite` by default, PostgreSQL by URL. The ledger decides; Prefect schedules and shows.
"""

from tasks.ledger.audit import Anchor, AuditVerdict
from tasks.ledger.change import Change
from tasks.ledger.ledger import Ledger
from tasks.ledger.opening import open_ledger

__all__ = ["Anchor", "AuditVerdict", "Change", "Ledger", "open_ledger"]
