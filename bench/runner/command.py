"""Measures Takt against what the ground allows, one JSON object per line.

Each throughput figure is the median of the runs, each paired with a run of its ceiling in turn: LMDB alone on the same
disk (one MDB_APPEND value of 256 KiB per commit, full sync, not preallocated). Machines are noisy: read the ratio, not the value.
CPU seconds are those of whole processes, from start to end, the median of the runs too. A latency is that of the median run.
`goal` is what a figure must reach, `met` whether it did: no exit code depends on it.

--peers runs other brokers beside Takt instead: redis-server, postgresql, nats-server, rabbitmq-server and beanstalkd from
Debian, which it installs where missing, each a child of this program on loopback. Then the names are those of brokers.
"""
import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile

from . import broker, comparison, plot
from .child import ROOT, end_with_the_program, fail
from .figures import BENCHES
from .servers import PEERS

TARGETS = ("taktd", "takt_cli", "takt_ceiling", "takt_slow_sync")
PEER_TARGETS = tuple(sorted({f"takt_peer_{peer.program}" for peer in PEERS.values()}))


def machine():
    model = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    settings = {**broker.STORE, **{name.lstrip("-"): value for name, value in {**broker.SEND, **broker.WORK}.items() if name != "--idle"}}
    return {"name": "machine", "cpu": model, "cores": os.cpu_count(), "kernel": platform.release(), "load": os.getloadavg()[0], "commit": commit,
            "clients": "one process each, loopback TCP", "settings": settings}


def at_least_one(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number


def parse():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="what to measure; default: all, see --list")
    parser.add_argument("--data", metavar="DIR", default=os.path.join(ROOT, "build/bench-data"),
                        help="measure the disk of this folder: the broker's data and the ceiling's file are made in a fresh folder there, "
                             "which is removed afterwards (default: build/bench-data)")
    parser.add_argument("--runs", metavar="N", type=at_least_one, default=3, help="runs of each (default: 3)")
    parser.add_argument("--no-build", action="store_true", help="use build/release as it is; packages are installed all the same")
    parser.add_argument("--list", action="store_true", help="print the names and end")
    parser.add_argument("--peers", action="store_true", help="compare with other brokers")
    parser.add_argument("--sync-delay", metavar="MS", type=float, default=0,
                        help="with --peers: make every sync of each server so many milliseconds longer (not of NATS, which is linked statically)")
    parser.add_argument("--plot", metavar="FILE.svg", help="with --peers: draw the comparison")
    arguments = parser.parse_args()
    if not arguments.peers and (arguments.plot or arguments.sync_delay):
        parser.error("--plot and --sync-delay need --peers")
    return arguments


def carry_out(*command):
    if subprocess.run(command, cwd=ROOT, stdout=sys.stderr).returncode != 0:
        fail(f"{' '.join(command)} failed")


def prepare(sets, options, targets, builds):
    carry_out("scripts/lib/packages.sh", *sets)
    if builds:
        carry_out("cmake", "--preset", "release", *options)
        carry_out("scripts/lib/build.sh", "release", *targets)


def say(line):
    print(json.dumps(line), flush=True)


def note(text):
    print(text, file=sys.stderr, flush=True)


def measure(names, folder, runs):
    for name in names or BENCHES:
        say({"name": name, **BENCHES[name](folder, runs)})


def compare(arguments, folder):
    lines = comparison.compare(arguments.names or list(PEERS), folder, arguments.runs, arguments.sync_delay, say, note)
    if arguments.plot:
        plot.draw(lines, arguments.plot)


def main():
    arguments = parse()
    known = PEERS if arguments.peers else BENCHES
    if arguments.list:
        print("\n".join(known))
        return
    unknown = [name for name in arguments.names if name not in known]
    if unknown:
        fail(f"no {'broker' if arguments.peers else 'bench'} is called '{unknown[0]}'; there are: {', '.join(known)}")
    if arguments.peers:
        prepare(["build", "peers"], ["-DTAKT_BENCH_PEERS=ON"], (*TARGETS, *PEER_TARGETS), not arguments.no_build)
    else:
        prepare(["build"], [], TARGETS, not arguments.no_build)
    end_with_the_program()
    os.makedirs(arguments.data, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="takt-bench-", dir=arguments.data)
    os.chmod(folder, 0o755)  # PostgreSQL's user goes through it
    try:
        say(machine())
        if arguments.peers:
            compare(arguments, folder)
        else:
            measure(arguments.names, folder, arguments.runs)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
