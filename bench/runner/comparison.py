"""Takt beside other brokers in one run: the same loads in turn, then the ratios to the best at equal durability."""
import statistics

from .broker import Broker
from .goal import at_least, at_most
from .servers import PEERS, Server
from .throughput import COUNTS

TAKT = "taktd"
UNBATCHED_COUNT = 300_000
LATENCY_RATE, LATENCY_SECONDS = 1000, 5
# Ratio to the best peer at equal durability. More is better; of a latency less.
RATES = {"end_to_end_100B": 8, "end_to_end_1KiB": 3, "end_to_end_100B_unbatched": 1.5}
LATENCIES = {"latency_1k_p50": 2, "latency_1k_p99": 2}


def measure_takt(folder, sync_delay_ms):
    with Broker(folder, sync_delay_ms=sync_delay_ms) as broker:
        values = {"end_to_end_100B": broker.end_to_end(100, COUNTS[100]), "end_to_end_1KiB": broker.end_to_end(1024, COUNTS[1024]),
                  "end_to_end_100B_unbatched": broker.end_to_end_unbatched(100, UNBATCHED_COUNT)}
        return {**values, **percentiles(broker.latency(LATENCY_RATE, LATENCY_SECONDS))}


def measure_peer(peer, folder, sync_delay_ms):
    with Server(peer, folder, sync_delay_ms) as server:
        values = {"end_to_end_100B": server.end_to_end(100, peer.count, peer.batched),
                  "end_to_end_1KiB": server.end_to_end(1024, peer.count, peer.batched),
                  "end_to_end_100B_unbatched": server.end_to_end(100, peer.count_unbatched, peer.unbatched)}
        return {**values, **percentiles(server.latency(LATENCY_RATE, LATENCY_SECONDS))}


def percentiles(result):
    return {f"latency_1k_{name}": result[f"delivery_{name}_ms"] for name in ("p50", "p99")}


def compare(names, folder, runs, sync_delay_ms, say, note):
    """Says one line per figure of each broker, then one per ratio; returns the lines. `note` hears how far it is."""
    seen = {name: [] for name in (TAKT, *names)}
    for number in range(runs):
        for name in seen:
            note(f"run {number + 1} of {runs}: {name}")
            seen[name].append(measure_takt(folder, sync_delay_ms) if name == TAKT else measure_peer(PEERS[name], folder, sync_delay_ms))
    medians = {name: {figure: statistics.median(run[figure] for run in results) for figure in results[0]} for name, results in seen.items()}
    lines = [described(name, figure, medians[name][figure], [run[figure] for run in seen[name]], runs, sync_delay_ms)
             for figure in (*RATES, *LATENCIES) for name in medians]
    lines += ratios(medians)
    for line in lines:
        say(line)
    return lines


def described(name, figure, value, values, runs, sync_delay_ms):
    digits = 3 if figure in LATENCIES else None
    peer = PEERS.get(name)
    safety = {"fsynced": True, "durability": "in the log, fsynced"} if peer is None else \
        {"fsynced": peer.fsynced, "durability": peer.durability, "settings": peer.settings}
    options = {} if peer is None else {"client": " ".join(peer.steady if figure in LATENCIES else peer.unbatched if "unbatched" in figure else peer.batched)}
    return {"name": f"peers_{figure}", "broker": name, "value": round(value, digits), "unit": "ms" if figure in LATENCIES else "msg/s",
            **safety, **options, "each_run": [round(one, digits) for one in values], "runs": runs,
            **({"sync_delay_ms": sync_delay_ms} if sync_delay_ms else {})}


def durability(name, figure):
    """What the figure of a peer is compared as. A latency ends where the worker has the message: before the fsync it is another's."""
    peer = PEERS[name]
    if not peer.fsynced:
        return "not_fsynced"
    return "delivered_before_fsync" if figure in LATENCIES and peer.delivers_unsynced else "equal"


def ratios(medians):
    """Against the best at equal durability, and for information against the best of the others."""
    for figure, goal in {**RATES, **LATENCIES}.items():
        best_of, judge = (max, at_least) if figure in RATES else (min, at_most)
        line = {"name": f"ratio_{figure}"}
        for kind in ("equal", "delivered_before_fsync", "not_fsynced"):
            rivals = {name: values[figure] for name, values in medians.items() if name != TAKT and durability(name, figure) == kind}
            if not rivals:
                continue
            best = best_of(rivals, key=rivals.get)
            ratio = medians[TAKT][figure] / rivals[best]
            line |= {"value": round(ratio, 2), "against": best, **judge("value", ratio, goal)} if kind == "equal" else \
                {kind: round(ratio, 2), f"{kind}_against": best}
        yield line
