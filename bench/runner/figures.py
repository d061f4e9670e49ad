"""Every figure by its name. The goals are those of the project; a ratio is to the ceiling of the same run."""
from .broker import Broker
from .footprint import backlog, cpu, idle, memory
from .latency import latency
from .scheduling import lateness, pending, storm
from .spread import topics, workers
from .throughput import throughput

BENCHES = {
    "enqueue_100B": throughput(100, Broker.enqueue, ratio_min=0.4),
    "enqueue_1KiB": throughput(1024, Broker.enqueue, ratio_min=0.7),
    "dequeue_ack_100B": throughput(100, Broker.dequeue),
    "end_to_end_100B": throughput(100, Broker.end_to_end, ratio_min=0.2),
    "end_to_end_1KiB": throughput(1024, Broker.end_to_end, ratio_min=0.4),
    "end_to_end_100B_unbatched": throughput(100, Broker.end_to_end_unbatched, ratio_min=0.03, count=500_000),
    "end_to_end_100B_sync_1ms": throughput(100, Broker.end_to_end, sync_delay_ms=1),
    "end_to_end_100B_sync_5ms": throughput(100, Broker.end_to_end, sync_delay_ms=5),
    "latency_1k": latency(1000),
    "latency_10k": latency(10_000),
    "cpu_1M": cpu(seconds_max=0.5),
    "idle_cpu": idle(percent_max=0.5),
    "memory_1M": memory("64MiB", mb_max=96),
    "memory_1M_cache_4MiB": memory("4MiB", mb_max=32),
    "queued_100M": backlog(growth_mb_max=64),
    "scheduled_10M": pending(10),
    "scheduled_100M": pending(100),
    "lateness_5k": lateness(5000),
    "storm_1M": storm,
    "topics_1": topics(1),
    "topics_1k": topics(1000),
    "topics_100k": topics(100_000),
    "workers_1": workers(1),
    "workers_100": workers(100),
    "workers_2000": workers(2000),
}
