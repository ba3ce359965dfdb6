"""Origin: where a cascade began, told from a graph of who calls whom and from what each node measured.

The origin is the earliest, most upstream node that is consistent with the graph. Two questions decide it, and both
have the same form for a shop of microservices and for our integrations that share an identity provider:

1. **How much trouble arises here, and not in what it calls?** Trouble of one kind adds up: extra seconds and failed
   requests flow from a callee to its callers. What is left after subtraction arose here (`models.origin.amounts`).
2. **How surprising is what was measured here, beyond what it calls?** For all that does not add up (processor,
   memory, a verdict of a detector) and where no graph or no count is known (`models.origin.surprise`).

`find_origin(case)` reads arrays of measurements; `trace(graph, ailing)` starts from what is already known of each
node, e.g. the onsets of `models.correlate`. Nothing is fitted: docs/decisions/0029-the-origin-of-a-cascade.md.
"""

from models.origin.case import Case, Column
from models.origin.node import Ailing, Suspect
from models.origin.search import find_origin
from models.origin.trace import trace

__all__ = ["Ailing", "Case", "Column", "Suspect", "find_origin", "trace"]
