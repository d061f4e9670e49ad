"""Time from send to handler at a steady rate, on an otherwise idle broker; of the median run."""
from . import ceiling
from .broker import LATENCY_LINGER, Broker

SECONDS = 10


def latency(rate):
    def once(folder):
        commit = ceiling.lmdb(folder, 100, unit=100, seconds=1.0)
        with Broker(folder) as broker:
            result = broker.latency(rate, SECONDS)
            broker.stop()
        p50 = result["delivery_p50_ms"]
        return {"value": p50, "unit": "ms", "against": "lmdb_commit_100B_sync_p50",
                "ceiling": round(commit["commit_p50_ms"], 3), "ratio": round(p50 / commit["commit_p50_ms"], 2),
                "handler_p99_ms": result["delivery_p99_ms"], "durable_p50_ms": result["ack_p50_ms"], "durable_p99_ms": result["ack_p99_ms"],
                "lmdb_commit_p99_ms": round(commit["commit_p99_ms"], 3), "rate": rate, "linger": LATENCY_LINGER}

    def run(folder, runs):
        results = sorted((once(folder) for _ in range(runs)), key=lambda result: result["value"])
        return {**results[(runs - 1) // 2], "runs": runs}
    return run
