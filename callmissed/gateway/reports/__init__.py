"""What suppliers say they counted, held day by day against what was metered here.

A supplier is asked once a day for each of the last days, by a job that nobody's transaction waits for; others are read from a file.
Days are the suppliers': UTC. Calls on the accounts of workspaces are not the operator's, and left out.
"""

from callmissed.gateway.reports.comparing import Compared, differences, states
from callmissed.gateway.reports.imported import import_file
from callmissed.gateway.reports.models import SupplierReport
from callmissed.gateway.reports.sources import Reports

__all__ = ["Compared", "Reports", "SupplierReport", "differences", "import_file", "states"]
