"""One framework on one workload (W1 to W8, M1 to M10), with the arguments and records of `craneflow bench --wait`.

python peer.py --framework jax[-scan]|plugin[-scan]|tf[-jit]|torch[-compile] --workload W1 --threads 2 --seconds 0.5

Compiles, runs a step, prints READY, and then measures once for each line of standard input. A record is a line
of JSON; times are seconds per step. One thread is kept on one core. `plugin` is JAX's program on Craneflow.
"""
import argparse
import json
import os
import resource
import statistics
import sys
import time


def age():
    """Seconds since this process was made, to about 10 ms."""
    fields = open("/proc/self/stat").read().rsplit(")", 1)[1].split()
    return float(open("/proc/uptime").read().split()[0]) - int(fields[19]) / os.sysconf("SC_CLK_TCK")


def measure(training, seconds, chunk=0.025):
    def timed(steps):
        start = time.perf_counter()
        for _ in range(steps):
            training.step()
        training.wait()
        return time.perf_counter() - start
    timed(3)
    steps = max(1, int(chunk / min(timed(1) for _ in range(4))))
    samples, start = [], time.perf_counter()
    while time.perf_counter() - start < seconds or len(samples) < 7:
        samples.append(timed(steps) / steps / training.steps_per_call)
    samples.sort()
    return dict(median_s=statistics.median(samples), min_s=samples[0], samples=len(samples))


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--framework", required=True)
    arguments.add_argument("--workload", required=True)
    arguments.add_argument("--threads", type=int, default=2)
    arguments.add_argument("--seconds", type=float, default=1.0)
    arguments.add_argument("--wait", action="store_true")
    a = arguments.parse_args()
    if a.threads == 1:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = str(a.threads)
    family, _, variant = a.framework.partition("-")
    platforms = "craneflow,cpu" if family == "plugin" else "cpu"
    os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", JAX_PLATFORMS=platforms, CUDA_VISIBLE_DEVICES="",
                      CRANEFLOW_NUM_THREADS=str(a.threads))
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    peer = __import__("peer_jax" if family == "plugin" else f"peer_{family}")
    if a.workload.startswith("M"):
        from micro import Function
        training = Function("jax" if family == "plugin" else family, a.workload, variant, a.threads)
    else:
        training = peer.Training(a.workload, variant, a.threads)
    training.step()
    training.wait()
    record = dict(framework=a.framework, workload=a.workload, threads=a.threads, version=peer.VERSION,
                  start_to_first_step_s=age())

    def once():
        record.update(measure(training, a.seconds), last_loss=training.wait(),
                      peak_rss_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
        print(json.dumps(record), flush=True)
    if not a.wait:
        return once()
    print("READY", flush=True)
    for _ in sys.stdin:
        once()


main()
