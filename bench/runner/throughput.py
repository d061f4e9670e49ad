"""Messages per second beside the ceiling of the same disk, taken in turn."""
import statistics

from . import ceiling
from .broker import Broker
from .goal import at_least

COUNTS = {100: 3_000_000, 1024: 400_000}     # messages per run: a few seconds each


def throughput(size, measure, ratio_min=None, count=None, sync_delay_ms=0):
    """`measure` is a method of Broker that takes size and count."""
    count = count or COUNTS[size]

    def run(folder, runs):
        values, ceilings, cpu = [], [], []
        for _ in range(runs):
            ceilings.append(ceiling.lmdb(folder, size, sync_delay_ms=sync_delay_ms)["msgs_per_second"])
            with Broker(folder, sync_delay_ms=sync_delay_ms) as broker:
                values.append(measure(broker, size, count))
                broker.stop()
                cpu.append(broker.cpu)
        value, limit = statistics.median(values), statistics.median(ceilings)
        ratio = value / limit
        return {"value": round(value), "unit": "msg/s", "against": ceiling.NAME, "ceiling": round(limit), "ratio": round(ratio, 4),
                **at_least("ratio", ratio, ratio_min), **({"sync_delay_ms": sync_delay_ms} if sync_delay_ms else {}),
                "zmq_loopback_64KiB": round(ceiling.zmq(folder, size)),
                **{f"{who}_cpu_s_per_1M": round(statistics.median(used[who] for used in cpu) / (count / 1e6), 3) for who in cpu[0]},
                "messages": count, "runs": runs}
    return run
