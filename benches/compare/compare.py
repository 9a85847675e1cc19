#!/usr/bin/env python3
"""Craneflow and the installed peers in turn on one machine.

python3 benches/compare/compare.py --venv-prefix ~/peers/venv- --workloads W1,W2 --threads 2,1 --rounds 3

Everything that is measured for a workload is started and compiled first; then all are measured in turn, several
rounds, so that each ratio comes from the same minute. `fresh` processes give the time from their start through the
first step, and the peak resident memory. Peers live outside of the repository: `<prefix>jax`, `<prefix>plugin`,
`<prefix>tf` and `<prefix>torch` are virtual environments with `jax optax`, the same and Craneflow's wheel,
`tensorflow-cpu`, `torch numpy`; `--also NAME=COMMAND` adds
anything that takes the arguments of `craneflow bench --wait` and prints its records. What is not installed is named as
absent. A product of matrices is timed before and after each measurement: where the machine gives less than it did
before (a virtual machine's processors may share one core for seconds, at half the rate, and no clock in it tells),
the measurement is taken again. Standard library only. Below each table: the least time that the arithmetic and memory of the step take at
the machine's own rates, and the kernels of ours that take the most time, with their share of what is possible. With `--lock FILE` the lock is held during each round.
"""
import argparse
import contextlib
import datetime
import fcntl
import json
import os
import pathlib
import platform
import re
import shlex
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
TRAININGS = [f"W{i}" for i in range(1, 9)]
MICRO = [f"M{i}" for i in range(1, 7)] + [f"M7_{2 ** i}" for i in range(6, 12)] + ["M8", "M9", "M10"]
FRAMEWORKS = dict(jax=["jax", "jax-scan"], plugin=["plugin", "plugin-scan"], tf=["tf", "tf-jit"], torch=["torch", "torch-compile"])
# XLA's convolutions lose their fast kernels inside a loop.
NO_SCAN = ("W2", "W3", "W7", "W8")


def contenders(options):
    """Name and command of everything that is measured, and the names of what is absent."""
    found, absent = {"craneflow": [options.craneflow, "bench"]}, []
    for also in options.also:
        name, _, command = also.partition("=")
        found[name] = shlex.split(command)
    for family, names in FRAMEWORKS.items():
        python = pathlib.Path(f"{options.venv_prefix}{family}/bin/python")
        for name in names:
            if name not in options.peers.split(","):
                continue
            if options.venv_prefix and python.exists():
                found[name] = [str(python), str(HERE / "peer.py"), "--framework", name]
            else:
                absent.append(name)
    return found, absent


class Contender:
    """A process that has compiled a workload and measures when it is asked to."""

    def __init__(self, command, workload, threads, seconds):
        arguments = ["--workload", workload, "--threads", str(threads), "--seconds", str(seconds), "--wait"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command + arguments, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        self.records = []

    def line(self):
        for line in self.process.stdout:
            if line.startswith(("READY", "{")):
                return line
        raise RuntimeError(self.process.stderr.read()[-300:].strip() or "it ended")

    def measure(self):
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        self.records.append(json.loads(self.line()))

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.stderr.close()
        self.process.wait()


class Machine:
    """What the machine gives: the time of a product of 256 by 256 matrices, which depends on the arithmetic only."""

    LESS = 1.25

    def __init__(self, options, threads):
        self.product = Contender([options.craneflow, "bench"], "M7_256", threads, 0.02)
        self.product.line()
        self.again = 0
        self.best = min(self.time() for _ in range(5))

    def time(self):
        self.product.measure()
        return self.product.records[-1]["median_s"]

    def gives_all(self):
        time = self.time()
        self.best = min(self.best, time)
        return time < self.best * self.LESS

    def measure(self, contender, tries):
        """Measures once more, several times where the machine slowed down; the last counts."""
        all_before = self.gives_all()
        contender.measure()
        for _ in range(tries):
            all_after = self.gives_all()
            if all_before and all_after:
                break
            self.again += 1
            contender.records.pop()
            contender.measure()
            all_before = all_after


@contextlib.contextmanager
def locked(path):
    if not path:
        yield
        return
    with open(path, "a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def spread(values, form):
    low, high = min(values), max(values)
    return f"{form(statistics.median(values))} ({form(low)} to {form(high)})"


def milliseconds(value):
    return f"{value * 1e3:.4g}"


def compare(options, commands, workload, threads):
    """Rows of the table of one workload."""
    running, rows = {}, []
    # One after the other, so that none disturbs the first step of another.
    for name, command in commands.items():
        if name.endswith("-scan") and workload in NO_SCAN:
            continue
        contender = Contender(command, workload, threads, options.seconds)
        try:
            contender.line()
            running[name] = contender
        except RuntimeError as error:
            rows.append(f"{name:14} {str(error).splitlines()[-1]}")
    machine = Machine(options, threads)
    for _ in range(options.rounds):
        with locked(options.lock):
            for contender in running.values():
                machine.measure(contender, options.tries)
    machine.product.close()
    ours = [record["median_s"] for record in running["craneflow"].records]
    for name, contender in running.items():
        times = [record["median_s"] for record in contender.records]
        options.best[name] = statistics.median(times)
        last = contender.records[-1]
        ratios = [a / b for a, b in zip(ours, times)]
        ratio = "" if name == "craneflow" else spread(ratios, lambda r: f"{r:.2f}")
        first = milliseconds(last["start_to_first_step_s"])
        rows.append(f"{name:14} {spread(times, milliseconds):32} {ratio:24} {first:>10} {last['peak_rss_mib']:>8.0f}")
        options.versions.add(last["version"])
        contender.close()
    if machine.again:
        rows.append(f"{machine.again} measurements were taken again: the machine gave less than before")
    return rows


def limits(options, workload, threads):
    """Lines of the profile: the machine's rates, the floor, the slowest kernels."""
    command = [options.craneflow, "profile", "--workload", workload, "--threads", str(threads)]
    command += ["--seconds", str(options.seconds), "--top", str(options.kernels)]
    with locked(options.lock):
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    return done.stdout.splitlines()[1:-1] if done.returncode == 0 else []


def described():
    info = pathlib.Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())
    load = os.getloadavg()[0]
    return f"{model}, {os.cpu_count()} logical cores, {platform.system()} {platform.release()}, load {load:.1f} at the start"


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add = arguments.add_argument
    add("--craneflow", default="target/release/craneflow", help="our binary")
    add("--also", action="append", default=[], metavar="NAME=COMMAND", help="something more to measure; may be repeated")
    add("--venv-prefix", default="", help="what the paths of the peers' environments begin with")
    add("--peers", default="jax,jax-scan,plugin,plugin-scan,tf,tf-jit,torch", help="which peers, separated by commas")
    add("--workloads", default=",".join(TRAININGS), help="W1 to W8; `micro`, or M1 to M10 with M7_64 to M7_2048")
    add("--threads", default="2,1")
    add("--rounds", type=int, default=3)
    add("--kernels", type=int, default=3, help="how many of our slowest kernels to list; 0 leaves out the limits, too")
    add("--tries", type=int, default=4, help="how often a measurement is taken again at most, where the machine slowed down")
    add("--seconds", type=float, default=0.5, help="time of one measurement")
    add("--lock", default="", help="a file that is locked while something is measured")
    add("--out", default="", help="a file for the result, besides the screen")
    options = arguments.parse_args()
    options.versions = set()
    options.workloads = options.workloads.replace("micro", ",".join(MICRO))
    commands, absent = contenders(options)
    text = []

    def say(line=""):
        print(line, flush=True)
        text.append(line)
    say(f"Craneflow and its peers, {datetime.date.today()}")
    say(described())
    say(f"{options.rounds} rounds in turn of {options.seconds} s each; median of the rounds' medians (least to greatest)")
    say("ratio: our time / its time, round by round; start: ms from the process's start through its first step")
    for threads in map(int, options.threads.split(",")):
        for workload in options.workloads.split(","):
            say()
            say(f"{workload}, {threads} thread{'s' if threads > 1 else ''}")
            say(f"{'':14} {'ms per step':32} {'ratio':24} {'start, ms':>10} {'MiB':>8}")
            options.best = {}
            for row in compare(options, commands, workload, threads):
                say(row)
            ours = options.best.pop("craneflow")
            peers = {name: time for name, time in options.best.items() if not name.startswith("plugin")}
            if peers:
                name = min(peers, key=peers.get)
                say(f"to the best peer, {name}: {ours / peers[name]:.3g}")
            for line in limits(options, workload, threads) if options.kernels else []:
                floor = re.match(r"floor: ([0-9.]+) ms", line)
                say(line + (f"; ours is {ours * 1e3 / float(floor[1]):.2f} of it" if floor and float(floor[1]) else ""))
    say()
    say("versions: " + ", ".join(sorted(options.versions)))
    if absent:
        say("absent: " + ", ".join(absent))
    if options.out:
        beside = pathlib.Path(options.out + ".part")
        beside.write_text("\n".join(text) + "\n")
        beside.replace(options.out)


if __name__ == "__main__":
    sys.exit(main())
