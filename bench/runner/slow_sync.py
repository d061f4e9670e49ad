"""A disk whose syncs take longer: the library of bench/slow_sync.cpp, loaded into whoever writes."""
import os

from .child import BUILD

LIBRARY = os.path.join(BUILD, "lib/libtakt_slow_sync.so")


def environment(delay_ms):
    """For the program that syncs; a statically linked one, as Go makes them, takes no notice."""
    return {"LD_PRELOAD": LIBRARY, "SLOW_SYNC_US": str(round(delay_ms * 1000))} if delay_ms else {}
