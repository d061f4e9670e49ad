"""Scheduled messages: what many that wait cost, and how late those that are due come."""
import os
import threading
import time

from .broker import Broker
from .child import anonymous_mb, fail
from .footprint import MILLION, SETTLE, disk_bytes
from .goal import all_of, at_least, at_most

PENDING_DISK_BYTES = {10: 4 * 10**9, 100: 30 * 10**9}
FIRST_DUE, SPREAD = "1h", "30d"                   # nothing fires while it is measured
STORM_LEAD = 15                                   # seconds until a storm is due: it is stored by then
STORM_BEFORE, STORM_SECONDS = 3, 8                # when others begin, and how long they send
STORM_RATE = 1000                                 # others, per second
LATENESS_SECONDS, LATENESS_DELAY = 10, "2s"


class Peak:
    """The most anonymous memory of a process while the block runs, looked at 50 times a second."""

    def __init__(self, pid):
        self.pid, self.mb, self.ended = pid, 0.0, threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self):
        while not self.ended.wait(0.02):
            self.mb = max(self.mb, anonymous_mb(self.pid))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()


def tables_bytes(broker):
    return os.stat(os.path.join(broker.data, "partition-0", "tables.mdb")).st_blocks * 512


def pending(millions, goals=True):
    """So many messages of 100 B, due at random over 30 days; then kill -9, and a start on what is there. Once: it takes minutes."""
    def run(folder, _):
        space = os.statvfs(folder)
        if space.f_bavail * space.f_frsize < PENDING_DISK_BYTES[millions]:
            fail(f"{folder} has less than {PENDING_DISK_BYTES[millions] / 1e9:g} GB free, which {millions} M scheduled messages want")
        count = millions * MILLION
        with Broker(folder) as broker:
            with Peak(broker.pid) as peak:
                rate = broker.enqueue(100, count, "--delay", FIRST_DUE, "--spread", SPREAD)
                time.sleep(SETTLE)
            settled, index, disk = anonymous_mb(broker.pid), tables_bytes(broker), disk_bytes(broker.data)
            start = broker.restart()
            restarted = anonymous_mb(broker.pid)
        wanted = () if millions > 10 else (
            at_least("value", rate, 300_000), at_most("index_bytes_per_message", index / count, 40),
            at_most("rss_anon_mb_peak", peak.mb, 150), at_most("restart_s", start, 2))
        return {"value": round(rate), "unit": "msg/s", **all_of(*wanted), "index_bytes_per_message": round(index / count, 1),
                "rss_anon_mb_peak": round(peak.mb, 1), "rss_anon_mb": round(settled, 1), "restart_s": round(start, 2),
                "rss_anon_mb_restarted": round(restarted, 1), "disk_mb": round(disk / 1e6), "messages": count, "size_bytes": 100,
                "due_within": SPREAD, "runs": 1}
    return run


def lateness(rate):
    """From the due time to the handler, messages scheduled 2 s ahead at a steady rate, on an otherwise idle broker; of the median run."""
    def once(folder):
        with Broker(folder) as broker:
            result = broker.latency(rate, LATENESS_SECONDS, "--delay", LATENESS_DELAY)
            broker.stop()
        if result["early"] != 0:
            fail(f"{result['early']} messages came before they were due: {result}")
        return result

    def run(folder, runs):
        result = sorted((once(folder) for _ in range(runs)), key=lambda one: one["delivery_p50_ms"])[(runs - 1) // 2]
        p50, p99 = result["delivery_p50_ms"], result["delivery_p99_ms"]
        return {"value": p50, "unit": "ms", **all_of(at_most("value", p50, 1), at_most("p99_ms", p99, 5)), "p99_ms": p99,
                "p999_ms": result["delivery_p999_ms"], "max_ms": result["delivery_max_ms"], "rate": rate, "seconds": LATENESS_SECONDS,
                "delay": LATENESS_DELAY, "runs": runs}
    return run


def storm(folder, runs):
    """From the begin of the second in which 1 M messages come due until a worker has done them all, while others send and work."""
    def once():
        with Broker(folder) as broker, broker.worker(MILLION) as worker:
            with broker.producer(100, MILLION, "--delay", f"{STORM_LEAD}s", "--spread", "1s") as producer:
                broker.sent(producer, MILLION)
                due = producer.answer()["due_from_ms"] / 1000
            ahead = due - STORM_BEFORE - time.time()
            if ahead < 0:
                fail(f"it took longer than {STORM_LEAD - STORM_BEFORE} s to store them")
            time.sleep(ahead)
            with broker.latency_program(STORM_RATE, STORM_SECONDS) as others:
                broker.worked(worker, MILLION)
                took = time.time() - due
                return took, broker.came_back(others)

    took, others = sorted((once() for _ in range(runs)), key=lambda one: one[0])[(runs - 1) // 2]
    return {"value": round(took, 2), "unit": "s", **at_most("value", took, 3), "messages": MILLION, "size_bytes": 100, "due_within": "1s",
            "others_rate": STORM_RATE, "others_p50_ms": others["delivery_p50_ms"], "others_p99_ms": others["delivery_p99_ms"],
            "others_max_ms": others["delivery_max_ms"], "runs": runs}
