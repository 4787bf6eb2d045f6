#!/usr/bin/env python3
"""The race on Docker: this blockade, Python Blockade 0.4.0, and the floor, in one run on one machine.

    cargo build --release && sudo benches/docker_race.py [--rounds 3] [--nodes 50] [--small 20]

Every round does the same with each contestant in turn, so that a busy minute of the machine hits all of them; the
table (Markdown, on standard output) shows medians. The floor is the least that anybody could do: the same containers
created, started and removed by parallel calls of Docker's API, with nothing else done to them. The Python tool is
installed from PyPI into a folder of its own; where that cannot be had, the race is run without it.

Needs: Docker on its Unix socket, `busybox-static`; for the Python tool also `iptables`, `iproute2` and PyPI.
Everything it makes on the daemon bears the prefix `blockade-race` and is removed at the end.
"""

import argparse
import contextlib
import http.client
import io
import json
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor

PREFIX = f"blockade-race-{os.getpid()}"
NODE_IMAGE = "blockade-race:node"
# The image in which the Python tool runs iptables and tc; the name is fixed in its source.
HELPER_IMAGE = "vimagick/iptables:latest"
# What ours has, and the old tool has not: IPv6. Every container costs the daemon more on it.
DUAL = {"EnableIPv6": True, "IPAM": {"Config": [{"Subnet": "10.231.77.0/24"}, {"Subnet": "fd00:b10c:f100::/64"}]}}
# PID 1 obeys SIGTERM only where it handles it.
COMMAND = ["/bin/sh", "-c", "trap 'exit 0' TERM; while :; do sleep 3600 & wait; done"]
# More calls at once make the daemon no faster.
AT_ONCE = 8

OLD = "blockade==0.4.0"
# Its own pins do not build on today's Python (PyYAML 3.11, gevent 1.1.1): these are the last with the interfaces it uses.
OLD_NEEDS = ["docker==6.1.3", "requests==2.31.0", "urllib3<2", "PyYAML", "clint==0.5.1", "six", "setuptools<81"]
# What it takes to run its code, unchanged, on today's Python; loaded by the venv's interpreter at its start.
OLD_SHIM = '''
import collections, collections.abc, sys, types
# Python 3.10 moved these names.
for name in ("Callable", "Mapping", "Sequence"):
    setattr(collections, name, getattr(collections.abc, name))
# Its REST server is not raced: what that imports need not be there, nor cost time.
class Anything:
    def __call__(self, *args, **kwargs):
        return self
    def __getattr__(self, name):
        return self
for name in ("flask", "gevent", "gevent.wsgi"):
    module = sys.modules[name] = types.ModuleType(name)
    for symbol in ("Flask", "abort", "jsonify", "request", "Response", "WSGIServer"):
        setattr(module, symbol, Anything())
# Where the machine cannot give all rights (a container without CAP_SYS_RESOURCE), its helper gets those it needs.
import os
if os.environ.get("RACE_UNPRIVILEGED"):
    import docker
    create = docker.APIClient.create_host_config
    def create_host_config(self, *args, **kwargs):
        if kwargs.pop("privileged", False):
            kwargs["cap_add"] = ["NET_ADMIN", "NET_RAW"]
        kwargs.pop("ulimits", None)
        return create(self, *args, **kwargs)
    docker.APIClient.create_host_config = create_host_config
'''


def say(text):
    print(text, file=sys.stderr, flush=True)


# Docker's API, as little of it as a race needs. ---------------------------------------------------------------------


class Connection(http.client.HTTPConnection):
    """HTTP over Docker's socket."""

    def __init__(self):
        super().__init__("docker")

    def connect(self):
        host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(host.removeprefix("unix://"))


def api(method, path, body=None, fine=()):
    """One call; an answer that is no success and not in `fine` is the end of the race."""
    connection = Connection()
    raw = isinstance(body, bytes)
    data = body if raw or body is None else json.dumps(body).encode()
    kind = "application/x-tar" if raw else "application/json"
    connection.request(method, "/v1.41" + path, data, {"Content-Type": kind} if body is not None else {})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status >= 300 and answer.status != 304 and answer.status not in fine:
        raise SystemExit(f"docker: {method} {path}: {answer.status} {text.decode(errors='replace')}")
    return json.loads(text) if text.strip().startswith((b"{", b"[")) else None


def imported(tag, files, links):
    """An image of files (path inside → path here) and symbolic links, made without a registry."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        for folder in ["bin", "sbin", "etc", "run", "tmp", "proc", "sys", "dev", "usr", "usr/sbin", "usr/bin"]:
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(info)
        for inside, here in files.items():
            tar.add(os.path.realpath(here), inside.lstrip("/"))
        for inside, target in links.items():
            info = tarfile.TarInfo(inside.lstrip("/"))
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    name, _, version = tag.rpartition(":")
    api("POST", f"/images/create?fromSrc=-&repo={name}&tag={version}", made.getvalue())


def busybox():
    names = ["sh", "sleep", "cat", "ls", "true"]
    return {"/bin/busybox": shutil.which("busybox")}, {f"/bin/{name}": "busybox" for name in names}


def libraries(program):
    """The shared libraries of a program: where it looks for them → where they are."""
    told = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    words = [word for line in told.splitlines() for word in line.split() if word.startswith("/")]
    return {word: word for word in words}


def node_image():
    imported(NODE_IMAGE, *busybox())


def helper_image():
    """iptables, ip and tc from this machine, in the image that the Python tool asks for."""
    files, links = busybox()
    for name in ["iptables", "ip", "tc"]:
        program = shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if program is None:
            raise RuntimeError(f"{name} is missing: apt-get install iptables iproute2")
        real = os.path.realpath(program)
        files |= {f"/usr/sbin/{os.path.basename(real)}": real} | libraries(real)
        if os.path.basename(real) != name:
            links[f"/usr/sbin/{name}"] = os.path.basename(real)
    for extensions in pathlib.Path("/usr/lib").glob("*/xtables"):
        files |= {str(module): str(module) for module in extensions.glob("*.so")}
    imported(HELPER_IMAGE, files, links)


# The contestants ----------------------------------------------------------------------------------------------------


class Tool:
    """A blockade of a folder of its own, driven by its command line."""

    def __init__(self, title, program, folder, environment, tries=1):
        self.tries = tries
        self.title, self.program, self.folder = title, [str(part) for part in program], folder
        self.environment = os.environ | environment
        folder.mkdir(parents=True)

    def cluster(self, nodes):
        text = f"containers:\n  n:\n    image: {NODE_IMAGE}\n    count: {nodes}\n    command: {json.dumps(COMMAND)}\n"
        (self.folder / "blockade.yaml").write_text(text)

    def __call__(self, *args):
        for left in reversed(range(self.tries)):
            begun = time.monotonic()
            ended = subprocess.run(self.program + list(args), cwd=self.folder, env=self.environment,
                                   capture_output=True, text=True)
            took = time.monotonic() - begun
            if ended.returncode == 0:
                return took
            told = f"{self.title}: {args}: exit {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
            if left == 0:
                raise SystemExit(told)
            say(f"  once more: {told}")

    def up(self, nodes):
        self.cluster(nodes)
        return self("up")

    def destroy(self):
        return self("destroy")

    def clean(self):
        """After a failure: whatever is still up."""
        for _ in range(self.tries):
            subprocess.run(self.program + ["destroy"], cwd=self.folder, env=self.environment, capture_output=True)


class Floor:
    """The containers themselves and nothing else."""

    def __init__(self, title, holders):
        self.title, self.holders = title, holders
        self.network, self.nodes = f"{PREFIX}-floor", 0

    def parallel(self, act):
        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(act, range(self.nodes)))

    def start(self, name, network):
        body = {"Image": NODE_IMAGE, "Cmd": COMMAND, "HostConfig": {"NetworkMode": network}}
        api("POST", f"/containers/create?name={name}", body)
        api("POST", f"/containers/{name}/start")

    def start_node(self, index):
        network = self.network
        if self.holders:
            self.start(f"{PREFIX}-holder-{index}", network)
            network = f"container:{PREFIX}-holder-{index}"
        self.start(f"{PREFIX}-node-{index}", network)

    def stop_node(self, index):
        for role in ["node", "holder"] if self.holders else ["node"]:
            api("POST", f"/containers/{PREFIX}-{role}-{index}/stop?t=3")
            api("DELETE", f"/containers/{PREFIX}-{role}-{index}")

    def up(self, nodes):
        self.nodes = nodes
        begun = time.monotonic()
        api("POST", "/networks/create", {"Name": self.network, **(DUAL if self.holders else {})})
        self.parallel(self.start_node)
        return time.monotonic() - begun

    def destroy(self):
        begun = time.monotonic()
        self.parallel(self.stop_node)
        api("DELETE", f"/networks/{self.network}")
        return time.monotonic() - begun

    def clean(self):
        pass


def privileged_works():
    """Whether this machine can start a container with all rights, as the Python tool's helper is started."""
    name = f"{PREFIX}-privileged"
    body = {"Image": NODE_IMAGE, "Cmd": ["/bin/true"], "HostConfig": {"Privileged": True, "NetworkMode": "host"}}
    api("POST", f"/containers/create?name={name}", body)
    tried = api("POST", f"/containers/{name}/start", fine=(400, 500))
    api("DELETE", f"/containers/{name}?force=1")
    return tried is None


def python_blockade(folder):
    """The Python tool in a venv of its own, or nothing."""
    try:
        venv = folder / "venv"
        subprocess.run([sys.executable, "-m", "venv", venv], check=True, capture_output=True)
        pip = [venv / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, *OLD_NEEDS], check=True, capture_output=True, text=True)
        subprocess.run([*pip, "--no-deps", OLD], check=True, capture_output=True, text=True)
        packages = next(venv.glob("lib/python*/site-packages"))
        (packages / "race_shim.py").write_text(OLD_SHIM)
        (packages / "race_shim.pth").write_text("import race_shim\n")
        if not image_exists(HELPER_IMAGE):
            helper_image()
        environment = {"BLOCKADE_HOST_CONTAINER_PREFIX": f"{PREFIX}-helper"}
        if not privileged_works():
            environment["RACE_UNPRIVILEGED"] = "1"
        # It deletes rules by numbers that it has read before: where anybody else changes the host's FORWARD chain
        # meanwhile, as Docker does for every network, a command fails. Only what succeeds is timed.
        tool = Tool("Python 0.4.0", [venv / "bin/blockade"], folder / f"raceold{os.getpid()}", environment, tries=3)
        tool("version")
        return tool
    except (subprocess.CalledProcessError, RuntimeError, OSError, SystemExit) as error:
        say(f"without the Python tool: {error}\n{getattr(error, 'stderr', None) or ''}")
        return None


# The race -----------------------------------------------------------------------------------------------------------


def halves(nodes):
    """The first half against the rest, and every other node against the rest."""
    names = [f"n_{number}" for number in range(1, nodes + 1)]
    return [names[: nodes // 2], names[nodes // 2 :]], [names[::2], names[1::2]]


def faults(tool, nodes, note):
    """The commands on a cluster that is up."""
    first, second = ([",".join(group) for group in groups] for groups in halves(nodes))
    note("partition half/half", tool("partition", *first))
    note("re-partition", tool("partition", *second))
    note("status", tool("status"))
    note("join", tool("join"))


def race(tools, floors, options, figures):
    for number in range(1, options.rounds + 1):
        for contestant in [*tools, *floors]:
            say(f"round {number}: {contestant.title}")

            def note(row, seconds, title=contestant.title):
                say(f"  {row}: {seconds:.3f} s")
                figures.setdefault(row, {}).setdefault(title, []).append(seconds)

            note(f"up, N={options.small}", contestant.up(options.small))
            note(f"destroy, N={options.small}", contestant.destroy())
            if contestant in tools:
                contestant.up(options.nodes)
                faults(contestant, options.nodes, lambda row, took: note(f"{row}, N={options.nodes}", took))
                contestant.destroy()


def shown(seconds):
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.0f} ms"


def table(figures, titles, rounds):
    print(f"Medians of {rounds} rounds, wall.\n")
    print(f"| | {' | '.join(titles)} |")
    print(f"|---|{'---|' * len(titles)}")
    for row, by_title in figures.items():
        cells = [shown(statistics.median(by_title[title])) if title in by_title else "" for title in titles]
        print(f"| {row} | {' | '.join(cells)} |")


def sweep():
    """Removes what is still there by this race's own names."""
    filters = json.dumps({"name": [f"^/{PREFIX}-"]}).replace('"', "%22").replace(" ", "")
    for container in api("GET", f"/containers/json?all=1&filters={filters}"):
        api("DELETE", f"/containers/{container['Id']}?force=1", fine=(404, 409))
    api("DELETE", f"/networks/{PREFIX}-floor", fine=(404,))


def image_exists(tag):
    return "Id" in api("GET", f"/images/{tag}/json", fine=(404,))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    root = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--nodes", type=int, default=50, help="nodes of the commands [50]")
    parser.add_argument("--small", type=int, default=20, help="nodes of up and destroy [20]")
    parser.add_argument("--binary", type=pathlib.Path, default=root / "target/release/blockade")
    parser.add_argument("--only", choices=["ours", "python", "floor"], action="append", help="not all of them")
    options = parser.parse_args()
    only = options.only or ["ours", "python", "floor"]
    if "ours" in only and not options.binary.exists():
        parser.error(f"{options.binary} is missing: cargo build --release")
    figures, folder = {}, pathlib.Path(tempfile.mkdtemp(prefix=PREFIX))
    foreign = [tag for tag in [NODE_IMAGE, HELPER_IMAGE] if image_exists(tag)]
    node_image()
    tools, floors = [], []
    try:
        if "ours" in only:
            tools.append(Tool("ours", [options.binary.resolve()], folder / f"raceours{os.getpid()}", {}))
        old = python_blockade(folder) if "python" in only else None
        tools += [old] if old else []
        if "floor" in only:
            floors = [Floor("floor", False), Floor("floor with holders", True)]
        race(tools, floors, options, figures)
    finally:
        for contestant in tools:
            contestant.clean()
        sweep()
        for tag in [NODE_IMAGE, HELPER_IMAGE]:
            if tag not in foreign:
                api("DELETE", f"/images/{tag}", fine=(404, 409))
        shutil.rmtree(folder, ignore_errors=True)
    table(figures, [contestant.title for contestant in [*tools, *floors]], options.rounds)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
