"""The servers of other brokers, as Debian ships them: each a child of ours on loopback, with a data folder of its own and the
settings that are best for this load as far as we know. What has happened to a message when its producer is told that it is
safe is said for each; only those that sync before they say so are compared with Takt's own promise."""
import contextlib
import dataclasses
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time

from . import slow_sync
from .child import BIN, Child, fail

READY_SECONDS = 90                                # RabbitMQ takes its time
STOP_SECONDS = 30
POSTGRES = "/usr/lib/postgresql/15/bin"
POSTGRES_USER = "postgres"                        # it refuses to run as root
RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"


@dataclasses.dataclass(frozen=True)
class Peer:
    name: str
    program: str                                  # its client is takt_peer_PROGRAM
    fsynced: bool                                 # before the producer's confirm
    durability: str                               # when the confirm arrives
    settings: str                                 # of the server, beside folders and addresses
    start: object                                 # start(stack, folder, port, environment) -> Child
    batched: tuple                                # flags of the client, for each kind of load
    unbatched: tuple
    steady: tuple                                 # at a rate, for latency
    delivers_unsynced: bool = False               # the worker may have a message before it is fsynced
    count: int = 200_000                          # messages per run
    count_unbatched: int = 200_000


def flags(**options):
    return tuple(word for name, value in options.items() for word in (f"--{name}", str(value)))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def redis(appendfsync):
    def start(stack, folder, port, environment):
        return stack.enter_context(Child(folder, "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", folder, "--save", "",
                                         "--appendonly", "yes", "--appendfsync", appendfsync, "--auto-aof-rewrite-percentage", "0", **environment))
    return start


def beanstalkd(fsync_ms):
    def start(stack, folder, port, environment):
        return stack.enter_context(Child(folder, "beanstalkd", "-l", "127.0.0.1", "-p", str(port), "-b", folder, f"-f{fsync_ms}", **environment))
    return start


def nats(stack, folder, port, environment):
    return stack.enter_context(Child(folder, "nats-server", "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", folder, **environment))


def postgres(stack, folder, port, environment):
    as_user = []
    if os.geteuid() == 0:
        as_user = ["setpriv", f"--reuid={POSTGRES_USER}", f"--regid={POSTGRES_USER}", "--clear-groups"]
        os.chown(folder, pwd.getpwnam(POSTGRES_USER).pw_uid, -1)
    data = os.path.join(folder, "data")
    made = subprocess.run([*as_user, f"{POSTGRES}/initdb", "-D", data, "-U", "postgres", "-A", "trust"], cwd=folder, capture_output=True, text=True)
    if made.returncode != 0:
        fail(f"initdb failed: {made.stderr.strip()}")
    settings = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "shared_buffers": "512MB", "max_wal_size": "8GB",
                "checkpoint_timeout": "30min", "synchronous_commit": "on", "autovacuum_naptime": "1s", "jit": "off"}
    return stack.enter_context(Child(folder, *as_user, f"{POSTGRES}/postgres", "-D", data, "-p", str(port),
                                     *(word for key, value in settings.items() for word in ("-c", f"{key}={value}")), **environment))


def rabbitmq(stack, folder, port, environment):
    erlang = {"ERL_EPMD_PORT": str(free_port()), "ERL_EPMD_ADDRESS": "127.0.0.1", "HOME": folder}
    # Erlang's name service is ours too: else the server would leave one behind.
    stack.enter_context(Child(folder, "epmd", "-address", "127.0.0.1", "-port", erlang["ERL_EPMD_PORT"], **erlang))
    return stack.enter_context(Child(
        folder, RABBITMQ, RABBITMQ_NODENAME="takt-bench@localhost", RABBITMQ_NODE_IP_ADDRESS="127.0.0.1", RABBITMQ_NODE_PORT=str(port),
        RABBITMQ_DIST_PORT=str(free_port()), RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}",
        RABBITMQ_MNESIA_BASE=os.path.join(folder, "mnesia"), RABBITMQ_LOG_BASE=folder, RABBITMQ_LOGS="-", RABBITMQ_CONF_ENV_FILE="/dev/null",
        RABBITMQ_CONFIG_FILE=os.path.join(folder, "none"), RABBITMQ_ENABLED_PLUGINS_FILE=os.path.join(folder, "plugins"), **erlang, **environment))


REDIS = dict(program="redis", batched=flags(outstanding=1000, take=500), unbatched=flags(outstanding=1000, take=500),
             steady=flags(outstanding=1000, take=100))
BEANSTALKD = dict(program="beanstalkd", batched=flags(outstanding=1000, take=500), unbatched=flags(outstanding=1000, take=500),
                  steady=flags(outstanding=1000, take=1))
RABBITMQ_LOADS = dict(program="rabbitmq", start=rabbitmq, settings="as shipped; durable queue, persistent messages")
PEERS = {peer.name: peer for peer in (
    Peer(name="redis-always", fsynced=True, durability="in the append-only file, fsynced (once per turn of its loop)",
         settings="appendfsync always, no rewrite, no snapshots", start=redis("always"), **REDIS),
    Peer(name="redis-everysec", fsynced=False, durability="written to the append-only file; fsync once a second",
         settings="appendfsync everysec, no rewrite, no snapshots", start=redis("everysec"), **REDIS),
    Peer(name="postgres", program="postgres", fsynced=True, durability="committed, WAL fsynced",
         settings="shared_buffers 512MB, max_wal_size 8GB, synchronous_commit on, autovacuum every second", start=postgres,
         batched=flags(batch=1000, outstanding=4000, take=1000), unbatched=flags(outstanding=1000, connections=16, take=500),
         steady=flags(outstanding=1000, connections=4, take=100), count_unbatched=50_000),
    Peer(name="rabbitmq-quorum", fsynced=True, durability="in the Raft log of its one node, fsynced", **RABBITMQ_LOADS,
         batched=flags(kind="quorum", outstanding=2000, take=500), unbatched=flags(kind="quorum", outstanding=1000, take=500),
         steady=flags(kind="quorum", outstanding=1000, take=100), count=100_000, count_unbatched=100_000),
    Peer(name="rabbitmq-classic", fsynced=True, delivers_unsynced=True,
         durability="in the queue's store, fsynced; the worker may have it before", **RABBITMQ_LOADS,
         batched=flags(kind="classic", outstanding=2000, take=500), unbatched=flags(kind="classic", outstanding=1000, take=500),
         steady=flags(kind="classic", outstanding=1000, take=100), count=100_000, count_unbatched=100_000),
    Peer(name="nats", program="nats", fsynced=False, durability="written to the stream's file; fsync every 2 minutes",
         settings="JetStream file storage, work queue", start=nats, batched=flags(outstanding=4000, take=500),
         unbatched=flags(outstanding=1000, take=500), steady=flags(outstanding=1000, take=100)),
    Peer(name="beanstalkd-f0", fsynced=True, durability="in the binlog, fsynced for each job", settings="-f0",
         start=beanstalkd(0), **BEANSTALKD, count=10_000, count_unbatched=10_000),
    Peer(name="beanstalkd-f50", fsynced=False, durability="written to the binlog; fsync every 50 ms", settings="-f50",
         start=beanstalkd(50), **BEANSTALKD, count=100_000, count_unbatched=100_000),
)}


class Server:
    """A peer's server with an empty queue; gone, with its data, when the block ends."""

    def __init__(self, peer, folder, sync_delay_ms=0):
        self.peer, self.folder, self.port = peer, os.path.join(folder, peer.name), free_port()
        self.environment = slow_sync.environment(sync_delay_ms)
        self.stack = contextlib.ExitStack()

    def __enter__(self):
        os.makedirs(self.folder)
        self.stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        try:
            self.child = self.peer.start(self.stack, self.folder, self.port, self.environment)
            self.stack.callback(self.stop)
            self.wait_until_ready()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(self, *_):
        if self.child.has_ended():
            print(f"scripts/bench: {self.peer.name} ended by itself ({self.child.process.returncode}): {self.child.said()}", file=sys.stderr)
        self.stack.close()

    def wait_until_ready(self):
        """A server is ready when its queue could be made."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            with self.client(self.peer.batched, "prepare") as client:
                code = client.process.wait(timeout=READY_SECONDS)
                if code == 0:
                    return
                if self.child.has_ended() or time.monotonic() > deadline:
                    fail(f"{self.peer.name} did not come up: {client.said()}\n{self.child.said()}")
            time.sleep(0.2)

    def stop(self):
        """In its own way, so that its own children go too."""
        if self.child.has_ended():
            return
        self.child.process.send_signal(signal.SIGTERM if self.peer.program != "postgres" else signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.child.process.wait(STOP_SECONDS)

    def client(self, options, *role):
        return Child(self.folder, f"{BIN}/takt_peer_{self.peer.program}", "--port", str(self.port), *options, *role)

    def end_to_end(self, size, count, options):
        """As Broker.end_to_end."""
        self.empty()
        begun = time.monotonic()
        with self.client(options, "work", "--count", str(count)) as worker, \
                self.client(options, "send", "--size", str(size), "--count", str(count)) as producer:
            producer.wait()
            worker.wait()
            return count / (time.monotonic() - begun)

    def empty(self):
        with self.client(self.peer.batched, "empty") as client:
            client.wait()

    def latency(self, rate, seconds):
        self.empty()
        with self.client(self.peer.steady, "latency", "--rate", str(rate), "--seconds", str(seconds)) as child:
            child.wait()
            return child.answer()
