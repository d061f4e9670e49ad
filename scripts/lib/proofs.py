"""The long proofs that scripts/prove repeats: to add one is to add its entry to PROOFS."""
import dataclasses
import glob
import os
import re
from pathlib import Path

from planted_bugs import listed

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@dataclasses.dataclass(frozen=True)
class Proof:
    """One entry of the table. In `command` {seed}, {last}, {size} and {variant} are filled in; the program gets seed and size as
    TAKT_PROVE_SEED and TAKT_PROVE_COUNT too. docs/results/README.md says what it owes us."""
    name: str
    claim: str
    unit: str                     # the figure that the target counts
    target: int                   # of each variant
    size: int                     # units of one slice: about a minute of work
    command: tuple
    build: tuple = ()             # arguments of scripts/lib/build.sh; empty: the command builds by itself
    seeds_each: bool = False      # a unit is a seed; else a slice draws all from one
    variants: object = None       # a function that lists them
    minutes_max: int = 15         # a slice that takes longer hangs


def fuzz_targets():
    """tests/fuzz/NAME.cpp"""
    return sorted(name[:-4] for name in os.listdir(os.path.join(ROOT, "tests/fuzz")) if name.endswith(".cpp"))


def attacks():
    """The names in the tables of tests/attack/*_attacks.cpp"""
    names = []
    for source in sorted(glob.glob(os.path.join(ROOT, "tests/attack/*_attacks.cpp"))):
        with open(source) as text:
            names += re.findall(r'^      \{(?:\.name = )?"([a-z_]+)",', text.read(), re.M)
    return names


PLANTED = len(listed(Path(ROOT)))

PROOFS = [
    Proof("kill-broker", "kill -9 of taktd under load: nothing acknowledged is lost, nothing confirmed comes again", "kills", 200, 20,
          ("build/release/tests/e2e_kill_twenty", "--gtest_filter=*Nothing*"), ("release", "e2e_kill_twenty")),
    Proof("kill-workers", "kill -9 of workers that hold leases, frozen ones come back too late: the history is clean", "kills", 50, 10,
          ("build/release/tests/e2e_kill_workers",), ("release", "e2e_kill_workers")),
    Proof("kill-producers", "kill -9 of producers in the middle of a batch: the history is clean", "kills", 50, 10,
          ("build/release/tests/e2e_kill_producers",), ("release", "e2e_kill_producers")),
    Proof("crash-images", "loss of power at any instant: nothing acknowledged is lost, nothing corrupt, every image opens", "images", 100_000,
          4000, ("build/release/bin/takt_crash", "images"), ("release", "takt_crash")),
    Proof("bit-flips", "a bit that falls over in a stopped broker's files: harmless or said, never wrong data", "flips", 4000, 1000,
          ("build/release/bin/takt_crash", "flips"), ("release", "takt_crash")),
    Proof("disk-faults", "EIO, a short write or a full disk at one call, for every call: said, nothing lost, and it starts again", "calls", 700,
          10, ("build/release/bin/takt_crash", "faults"), ("release", "takt_crash")),
    Proof("full-disk", "a disk that runs full: no exit, acks go on without a byte free, sends within 5 s of room", "cycles", 20, 5,
          ("build/release/tests/e2e_full_disk", "--gtest_filter=*AcksGoOn*"), ("release", "e2e_full_disk")),
    Proof("simulation", "simulated runs of 10,000 steps: no invariant is broken", "seeds", 100_000, 500,
          ("build/release/bin/takt_sim", "--brief", "--seeds", "{seed}..{last}", "--steps", "10000"), ("release", "takt_sim"),
          seeds_each=True),
    Proof("plant-bugs", "every planted bug is caught by every kind of test that must", "caught", PLANTED, PLANTED, ("scripts/plant-bugs",),
          minutes_max=60),
    Proof("fuzz", "fuzzing of every decoder: no crash, no leak, no hang", "seconds", 600, 60,
          ("scripts/fuzz", "--seconds", "{size}", "--seed", "{seed}", "{variant}"), variants=fuzz_targets),
    Proof("attack", "hostile clients at 100 MB/s: taktd stays under 512 MB, no honest request fails, honest p99 within 3 times or 50 ms",
          "seconds", 60, 60, ("build/release/bin/takt_attack", "--judge-p99", "--seconds", "{size}", "{variant}"), ("release", "takt_attack"),
          variants=attacks),
]
