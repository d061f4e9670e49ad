"""What many topics and many workers cost, against one of each in the same run."""
import contextlib
import math
import statistics
import time

from .broker import Broker
from .child import anonymous_mb, fail
from .footprint import SETTLE, wait_for_workers

TOPICS_COUNT = 500_000                       # messages: five to each of the most topics
COUNTS = {1: 1_000_000, 100: 1_000_000, 2000: 200_000}   # messages
WORKERS_SECONDS = 30                         # how long workers stay after their first message
WORKERS_PER_PROCESS = 500                    # ten descriptors and five threads each
PREFETCH = {1: 16384, 100: 1024, 2000: 64}   # messages un-acked per worker, as somebody with so many workers would set it


def topics(number):
    """Messages of 100 B sent round robin, so that each topic of many has a small batch of its own."""
    def once(folder, number):
        with Broker(folder) as broker:
            rate = broker.enqueue(100, TOPICS_COUNT, "--topics", str(number))
            used = broker.cpu_seconds()
            time.sleep(SETTLE)
            return rate, used, anonymous_mb(broker.pid)

    def run(folder, runs):
        ones, many = [], []
        for _ in range(runs):
            ones.append(once(folder, 1)[0])
            many.append(once(folder, number))
        rate, used, rss = (statistics.median(values) for values in zip(*many))
        one = statistics.median(ones)
        return {"value": round(rate), "unit": "msg/s", "against": "one_topic", "ceiling": round(one), "ratio": round(rate / one, 4),
                "broker_cpu_s_per_1M": round(used / (TOPICS_COUNT / 1e6), 3), "rss_anon_mb": round(rss, 1),
                "topics": number, "messages": TOPICS_COUNT, "size_bytes": 100, "runs": runs}
    return run


def workers(number):
    """All connected before the first message of 100 B is sent; from the first message handled to the last."""
    def once(folder, number):
        count = COUNTS[number]
        with contextlib.ExitStack() as stack:
            broker = stack.enter_context(Broker(folder))
            crews = [stack.enter_context(broker.worker(seconds=WORKERS_SECONDS, workers=min(number, WORKERS_PER_PROCESS), prefetch=PREFETCH[number]))
                     for _ in range(math.ceil(number / WORKERS_PER_PROCESS))]
            wait_for_workers(broker, crews[0], "bench", number)
            before = broker.cpu_seconds()
            broker.enqueue(100, count)
            for crew in crews:
                crew.wait()
            used = broker.cpu_seconds() - before
            answers = [crew.answer() for crew in crews]
        done, delivered = (sum(answer[field] for answer in answers) for field in ("messages", "delivered"))
        if done != count or delivered != count:
            fail(f"{done} of {count} messages were done, {delivered} delivered, within {WORKERS_SECONDS} s")
        return count / max(answer["busy_seconds"] for answer in answers), used / (count / 1e6)

    def run(folder, runs):
        ones, many = [], []
        for _ in range(runs):
            ones.append(once(folder, 1)[0])
            many.append(once(folder, number))
        rate, used = (statistics.median(values) for values in zip(*many))
        one = statistics.median(ones)
        return {"value": round(rate), "unit": "msg/s", "against": "one_worker", "ceiling": round(one), "ratio": round(rate / one, 4),
                "broker_cpu_s_per_1M": round(used, 3),
                "workers": number, "prefetch": PREFETCH[number], "messages": COUNTS[number], "size_bytes": 100, "runs": runs}
    return run
