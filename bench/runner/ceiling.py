"""What the ground allows: LMDB and ZeroMQ alone on the same disk and loopback (bench/ceiling.h)."""
from . import slow_sync
from .child import BIN, run_json

UNIT = 256 * 1024
NAME = "lmdb_append_256KiB_sync"


def lmdb(folder, size, unit=UNIT, seconds=2.0, sync_delay_ms=0):
    return run_json(folder, f"{BIN}/takt_ceiling", "lmdb", "--folder", folder, "--size", str(size), "--unit", str(unit),
                    "--seconds", str(seconds), **slow_sync.environment(sync_delay_ms))


def zmq(folder, size):
    return run_json(folder, f"{BIN}/takt_ceiling", "zmq", "--size", str(size), "--unit", str(64 * 1024), "--seconds", "1")["msgs_per_second"]
