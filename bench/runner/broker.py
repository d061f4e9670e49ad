"""A taktd of our own and the clients that load it."""
import os
import shutil
import time

from . import slow_sync
from .child import BIN, Child, cpu_seconds, fail

# What is used is said, to the programs and in the first line of the output; these are the defaults of taktd and of the SDK.
STORE = {"store.bytes_max": "64GiB", "store.checkpoint_bytes": "128MiB", "store.checkpoint_interval": "10s", "store.cache_bytes": "64MiB"}
SEND = {"--batch": "256KiB", "--linger": "1ms", "--acks": "all"}
WORK = {"--prefetch": "16384", "--mode": "push", "--idle": "60s"}
UNBATCHED = ("--unbatched", "--outstanding", "1000")
# A measurement of latency is not one of the wait that the sender chose.
LATENCY_LINGER = "0"
CONNECT_PATIENCE = "60s"                     # 2,000 workers come at once


def flat(options):
    return [word for pair in options.items() for word in pair]


class Broker:
    """On a fresh data folder; gone, with its data, when the block ends. `cpu` sums up who used how much."""

    def __init__(self, folder, store=None, sync_delay_ms=0):
        self.folder, self.data = folder, os.path.join(folder, "taktd")
        self.store, self.sync_delay_ms = {**STORE, **(store or {})}, sync_delay_ms
        self.cpu = {"producer": 0.0, "broker": 0.0, "worker": 0.0}

    def __enter__(self):
        self.start()
        return self

    def start(self):
        settings = [word for key, value in self.store.items() for word in ("--set", f"{key}={value}")]
        self.child = Child(self.folder, f"{BIN}/taktd", "--data", self.data, "--listen", "tcp://127.0.0.1:0", "--http", "off", *settings,
                           **slow_sync.environment(self.sync_delay_ms))
        try:
            self.address = self.wait_for_address()
        except BaseException:
            self.__exit__()
            raise

    def restart(self):
        """After kill -9. Seconds from the start of the program until it has answered a request, whose program's own start is in it."""
        self.child.__exit__()
        os.unlink(os.path.join(self.data, "endpoints"))
        begun = time.monotonic()
        self.start()
        self.ask("topics", "list")
        return time.monotonic() - begun

    def __exit__(self, *_):
        self.child.__exit__()
        shutil.rmtree(self.data, ignore_errors=True)

    @property
    def pid(self):
        return self.child.pid

    def wait_for_address(self):
        endpoints = os.path.join(self.data, "endpoints")
        for _ in range(200):
            if os.path.exists(endpoints):
                return dict(line.split() for line in open(endpoints))["clients"]
            if self.child.has_ended():
                fail(f"taktd ended at once:\n{self.child.said()}")
            time.sleep(0.05)
        fail(f"taktd did not come up:\n{self.child.said()}")

    def cpu_seconds(self):
        return cpu_seconds(self.pid)

    def stop(self):
        """Drains; from here on `cpu` has the broker too."""
        self.child.process.terminate()
        self.cpu["broker"] = self.child.wait()

    def takt(self, *arguments):
        return Child(self.folder, f"{BIN}/takt", "-o", "json", "--timeout", CONNECT_PATIENCE, *arguments, TAKT_SERVER=self.address)

    def ask(self, *arguments):
        with self.takt(*arguments) as child:
            child.wait()
            return child.answer()

    def producer(self, size, count, *more, topic="bench"):
        return self.takt("bench", "send", "--topic", topic, "--size", str(size), "--count", str(count), *flat(SEND), *more)

    def worker(self, count=None, topic="bench", **options):
        """Until `count` messages are done; `options` go before WORK: `prefetch=64`."""
        wishes = {**WORK, **({"--count": count} if count else {}), **{f"--{name}": value for name, value in options.items()}}
        return self.takt("bench", "work", "--topic", topic, *(str(word) for word in flat(wishes)))

    def sent(self, producer, count):
        self.cpu["producer"] = producer.wait()
        result = producer.answer()
        if result["messages"] != count:
            fail(f"{result['messages']} of {count} messages were stored: {result}")
        return result["msgs_per_second"]

    def worked(self, worker, count):
        """Handled is not enough: each message is delivered once, and its ack confirmed."""
        self.cpu["worker"] = worker.wait()
        result = worker.answer()
        if result["messages"] != count or result["delivered"] != count or result["stale"] != 0:
            fail(f"not every one of {count} messages was delivered once and done: {result}")
        return result["msgs_per_second"]

    def enqueue(self, size, count, *more, topic="bench"):
        with self.producer(size, count, *more, topic=topic) as producer:
            return self.sent(producer, count)

    def dequeue(self, size, count):
        self.enqueue(size, count)
        with self.worker(count) as worker:
            return self.worked(worker, count)

    def end_to_end(self, size, count, *more):
        """One producer and one worker process at the same time: from the start of both until the last ack is durable."""
        begun = time.monotonic()
        with self.worker(count) as worker, self.producer(size, count, *more) as producer:
            self.sent(producer, count)
            self.worked(worker, count)
            return count / (time.monotonic() - begun)

    def end_to_end_unbatched(self, size, count):
        return self.end_to_end(size, count, *UNBATCHED)

    def latency(self, rate, seconds, *more):
        with self.latency_program(rate, seconds, *more) as program:
            return self.came_back(program)

    def latency_program(self, rate, seconds, *more):
        return self.takt("bench", "latency", "--rate", str(rate), "--seconds", str(seconds), "--linger", LATENCY_LINGER, *more)

    @staticmethod
    def came_back(program):
        """Every message must."""
        program.wait()
        result = program.answer()
        if result["delivered"] != result["messages"]:
            fail(f"not every message came back: {result}")
        return result
