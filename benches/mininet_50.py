"""The peer of `up` and `destroy`: 50 hosts on a Linux bridge with Mininet (Debian: mininet, bridge-utils, net-tools).

Prints the milliseconds of start and stop. Needs root.
"""

import time

from mininet.net import Mininet
from mininet.nodelib import LinuxBridge
from mininet.topo import SingleSwitchTopo

begun = time.monotonic()
net = Mininet(topo=SingleSwitchTopo(50), switch=LinuxBridge, controller=None)
net.start()
up = time.monotonic()
net.stop()
down = time.monotonic()
print(f"{(up - begun) * 1e3:.1f} {(down - up) * 1e3:.1f}")
