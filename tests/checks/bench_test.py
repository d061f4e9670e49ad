#!/usr/bin/env python3
"""scripts/bench starts, knows every figure that the project promises, and refuses what it does not know."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BENCH = ROOT / "scripts/bench"
PROMISED = {
    "enqueue_100B", "enqueue_1KiB", "dequeue_ack_100B", "end_to_end_100B", "end_to_end_1KiB", "end_to_end_100B_unbatched",
    "end_to_end_100B_sync_1ms", "end_to_end_100B_sync_5ms", "latency_1k", "latency_10k", "cpu_1M", "idle_cpu", "memory_1M",
    "memory_1M_cache_4MiB", "queued_100M", "scheduled_10M", "scheduled_100M", "lateness_5k", "storm_1M",
    "topics_1", "topics_1k", "topics_100k", "workers_1", "workers_100", "workers_2000",
}


BROKERS = {"redis-always", "redis-everysec", "postgres", "nats", "rabbitmq-quorum", "rabbitmq-classic", "beanstalkd-f0", "beanstalkd-f50"}


def run(*arguments):
    return subprocess.run([sys.executable, BENCH, *arguments], capture_output=True, text=True, timeout=50)


def faults_of_list(promised, *options):
    listed = run("--list", *options)
    if listed.returncode != 0:
        yield f"--list ended with {listed.returncode}: {listed.stderr}"
        return
    names = listed.stdout.split()
    page = (ROOT / "docs/performance.md").read_text()
    yield from (f"'{name}' is not listed" for name in sorted(promised - set(names)))
    yield from (f"'{name}' is not explained in docs/performance.md" for name in names if f"`{name}`" not in page)


def faults_of_refusal(code, text, *arguments):
    refused = run("--no-build", *arguments)
    if refused.returncode != code or text not in refused.stderr:
        yield f"{arguments} was not refused with '{text}': {refused.returncode} {refused.stderr}"


def faults_of_ratios():
    """Each figure is compared with the best that is as durable when the figure ends."""
    sys.path.insert(0, str(ROOT / "bench"))
    sys.dont_write_bytecode = True
    from runner.comparison import LATENCIES, RATES, ratios   # noqa: E402, it lies in the tree
    speed = {"taktd": 30, "postgres": 10, "rabbitmq-classic": 15, "nats": 60}
    medians = {name: {**{rate: value for rate in RATES}, **{latency: 1 / value for latency in LATENCIES}} for name, value in speed.items()}
    for line in ratios(medians):
        is_rate = line["name"].removeprefix("ratio_") in RATES
        wanted = (2.0, "rabbitmq-classic") if is_rate else (0.33, "postgres")
        if (line["value"], line["against"]) != wanted or line["not_fsynced_against"] != "nats":
            yield f"{line} should have {wanted} and name nats as one that does not sync"
        if ("delivered_before_fsync" in line) == is_rate:
            yield f"{line}: a classic queue's worker may have a message before the fsync, which is no matter of rates"


def faults():
    for path in sorted((ROOT / "bench/runner").rglob("*.py")):
        compile(path.read_text(), str(path), "exec")
    yield from faults_of_list(PROMISED)
    yield from faults_of_list(BROKERS, "--peers")
    yield from faults_of_ratios()
    yield from faults_of_refusal(1, "no bench is called 'no_such_figure'", "no_such_figure")
    yield from faults_of_refusal(1, "no broker is called 'enqueue_100B'", "--peers", "enqueue_100B")
    yield from faults_of_refusal(2, "--plot and --sync-delay need --peers", "--plot", "x.svg")


def main():
    found = list(faults())
    print("\n".join(found) if found else "scripts/bench: every figure has its name and its explanation")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
