"""Programs that a measurement starts: always ended, always told apart from what else runs on the machine."""
import json
import os
import signal
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build/release")
BIN = os.path.join(BUILD, "bin")
PATIENCE = 600                               # seconds that any one program may take
TICKS = os.sysconf("SC_CLK_TCK")


def fail(text):
    sys.exit(f"scripts/bench: {text}")


def end_with_the_program():
    """Every end of this program, also by a signal, runs its `finally`s, so that no child is left."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    signal.signal(signal.SIGALRM, lambda *_: fail(f"a program took more than {PATIENCE} s"))


class Child:
    """A program without our TAKT_ variables, which would change what is measured; killed, with all it started, when its block ends before it."""

    def __init__(self, folder, *command, **environment):
        self.command = " ".join((os.path.basename(command[0]), *command[1:]))
        self.out, self.err = tempfile.TemporaryFile("w+", dir=folder), tempfile.TemporaryFile("w+", dir=folder)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("TAKT_")}
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.out, stderr=self.err,
                                        env={**inherited, **environment}, process_group=0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.returncode is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.out.close()
        self.err.close()

    @property
    def pid(self):
        return self.process.pid

    def has_ended(self):
        return self.process.poll() is not None

    def said(self):
        self.err.seek(0)
        return self.err.read()[-2000:].strip()

    def wait(self):
        """CPU seconds that it used. It must end well and in time."""
        signal.alarm(PATIENCE)
        _, status, usage = os.wait4(self.pid, 0)
        signal.alarm(0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        if self.process.returncode != 0:
            fail(f"{self.command} failed ({self.process.returncode}): {self.said()}")
        return usage.ru_utime + usage.ru_stime

    def answer(self):
        self.out.seek(0)
        return json.load(self.out)


def run_json(folder, *command, **environment):
    with Child(folder, *command, **environment) as child:
        child.wait()
        return child.answer()


def cpu_seconds(pid):
    """Of a running program so far, its ended threads and awaited children included; to the tick of 10 ms."""
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:15]) / TICKS


def anonymous_mb(pid):
    """RssAnon: memory that is the program's own, without the files that it maps."""
    line = next(line for line in open(f"/proc/{pid}/status") if line.startswith("RssAnon:"))
    return int(line.split()[1]) * 1024 / 1e6
