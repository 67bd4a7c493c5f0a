"""Everything that knows Ray Tune.

Ray reads the variable below when it is imported, so it is set before any module of this package
imports Ray.  Despite its name it decides on every system whether Ray takes the machine's network
address or 127.0.0.1: ``ray.init(_node_ip_address="127.0.0.1")`` alone is turned back into the
network address, and Ray's processes then listen on all interfaces.
"""

import os

os.environ.setdefault("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
