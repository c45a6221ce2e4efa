"""A territory: its communes, where its inhabitants are, its premises, and where all this is from.

On disk a territory is a folder that QGIS opens: ``territory.gpkg`` (layers communes, residents,
premises), ``territory.toml`` (its title, its CRS and the register of sources), the roads as
OpenStreetMap gave them, and ``inputs/`` with the tables it was built from. `build` makes that
folder from local files, and makes the same bytes each time; `fetch` gets those files from open
data and builds; `read` checks a folder and returns a
`Territory`; `names` lists those that ship with the planner; `check` says all that is wrong with a
folder, and what a sound one leaves to estimates.
"""

from planner.territory._build import build
from planner.territory._check import Remark, Report, check
from planner.territory._fetch import fetch
from planner.territory._model import Territory
from planner.territory._read import names, read

__all__ = ["Remark", "Report", "Territory", "build", "check", "fetch", "names", "read"]
