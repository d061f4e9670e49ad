"""What taktd takes of the machine: memory with a backlog, CPU per message, CPU when nothing happens."""
import os
import statistics
import time

from .broker import Broker
from .child import anonymous_mb, fail
from .goal import at_most

MILLION = 1_000_000
SETTLE = 10                                       # seconds after the last send: checkpoint and caches are where they stay
BACKLOG_STEPS = (1, 10, 50, 100)                  # million messages queued
BACKLOG_DISK_BYTES = 24 * 10**9                   # 100 M messages of 100 B, twice: nobody's disk shall run full
IDLE_TOPICS, IDLE_WORKERS, IDLE_SECONDS = 1000, 10, 10


def memory(cache, mb_max):
    """RssAnon with 1 M queued messages of 100 B."""
    def once(folder):
        with Broker(folder, {"store.cache_bytes": cache}) as broker:
            empty = anonymous_mb(broker.pid)
            broker.enqueue(100, MILLION)
            time.sleep(SETTLE)
            return empty, anonymous_mb(broker.pid)

    def run(folder, runs):
        empty, queued = (statistics.median(values) for values in zip(*(once(folder) for _ in range(runs))))
        return {"value": round(queued, 1), "unit": "MB RssAnon", **at_most("value", queued, mb_max), "empty_broker": round(empty, 1),
                "messages": MILLION, "size_bytes": 100, "after_seconds": SETTLE, "store.cache_bytes": cache, "runs": runs}
    return run


def cpu(seconds_max):
    """CPU seconds of taktd per 1 M batched messages of 100 B enqueued, the checkpoint that follows included."""
    def once(folder):
        with Broker(folder) as broker:
            before = broker.cpu_seconds()
            broker.enqueue(100, MILLION)
            sent = broker.cpu_seconds() - before
            time.sleep(SETTLE)
            return sent, broker.cpu_seconds() - before

    def run(folder, runs):
        sent, settled = (statistics.median(values) for values in zip(*(once(folder) for _ in range(runs))))
        return {"value": round(settled, 2), "unit": "CPU s per 1M", **at_most("value", settled, seconds_max),
                "until_the_last_answer": round(sent, 2), "messages": MILLION, "size_bytes": 100, "after_seconds": SETTLE, "runs": runs}
    return run


def disk_bytes(folder):
    return sum(os.stat(os.path.join(at, name)).st_blocks * 512 for at, _, names in os.walk(folder) for name in names)


def backlog(growth_mb_max):
    """Rate and memory as the backlog grows, and the rate of a worker that then begins at its far end. Once: it takes minutes."""
    def run(folder, _):
        space = os.statvfs(folder)
        if space.f_bavail * space.f_frsize < BACKLOG_DISK_BYTES:
            fail(f"{folder} has less than {BACKLOG_DISK_BYTES / 1e9:g} GB free, which a backlog of 100 M messages wants")
        steps, queued = [], 0
        with Broker(folder) as broker:
            for millions in BACKLOG_STEPS:
                rate = broker.enqueue(100, millions * MILLION - queued)
                queued = millions * MILLION
                time.sleep(SETTLE)
                steps.append({"queued": queued, "msgs_per_second": round(rate), "rss_anon_mb": round(anonymous_mb(broker.pid), 1),
                              "disk_mb": round(disk_bytes(broker.data) / 1e6)})
            with broker.worker(MILLION) as worker:  # what else was on its way when it ended is done or given back
                worker.wait()
                work = worker.answer()["msgs_per_second"]
            after_work = anonymous_mb(broker.pid)
        growth = steps[-1]["rss_anon_mb"] - steps[0]["rss_anon_mb"]
        return {"value": round(growth, 1), "unit": "MB RssAnon more than with 1M", **at_most("value", growth, growth_mb_max), "steps": steps,
                "rate_of_last_to_first_step": round(steps[-1]["msgs_per_second"] / steps[0]["msgs_per_second"], 2),
                "work_first_1M_msgs_per_second": round(work), "rss_anon_mb_after_work": round(after_work, 1), "size_bytes": 100, "runs": 1}
    return run


def idle(percent_max):
    """CPU of taktd while workers are connected and nothing comes."""
    def once(folder):
        with Broker(folder) as broker:
            broker.enqueue(100, IDLE_TOPICS, "--topics", str(IDLE_TOPICS), topic="idle")
            with broker.worker(1, topic="quiet", workers=IDLE_WORKERS) as workers:
                wait_for_workers(broker, workers, "quiet", IDLE_WORKERS)
                time.sleep(SETTLE)
                before, begun = run_seconds(broker.pid), time.monotonic()
                time.sleep(IDLE_SECONDS)
                return 100 * (run_seconds(broker.pid) - before) / (time.monotonic() - begun)

    def run(folder, runs):
        percent = statistics.median(once(folder) for _ in range(runs))
        return {"value": round(percent, 3), "unit": "% of a core", **at_most("value", percent, percent_max),
                "topics": IDLE_TOPICS, "workers": IDLE_WORKERS, "seconds": IDLE_SECONDS, "runs": runs}
    return run


def run_seconds(pid):
    """As cpu_seconds, but exact: what the scheduler counted for each thread, which must stay alive in between."""
    return sum(int(open(f"/proc/{pid}/task/{thread}/schedstat").read().split()[0]) for thread in os.listdir(f"/proc/{pid}/task")) / 1e9


def wait_for_workers(broker, child, topic, count, patience=120):
    """Until `count` workers have joined the group of `topic`."""
    deadline = time.monotonic() + patience
    joined = 0
    while time.monotonic() < deadline:
        groups = broker.ask("groups", "list")["groups"]
        joined = next((group["workers"] for group in groups if group["topic"] == topic), 0)
        if joined >= count:
            return
        if child.has_ended():
            fail(f"the workers ended before they had joined: {child.said()}")
        time.sleep(0.1)
    fail(f"{joined} of {count} workers joined within {patience} s: {child.said()}")
