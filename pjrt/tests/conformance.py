#!/usr/bin/env python3
"""Runs the primitive harnesses that come with JAX on Craneflow and on JAX's CPU backend, and compares.

    conformance.py --sample 400        a fixed sample, for CI
    conformance.py --all --jobs 2      every case
    conformance.py --all --groups fft  every case of some groups
    conformance.py --all --document    and writes docs/conformance.md (of a sample, it says so)

Results are compared element by element with the tolerance that JAX's own tests have for the operation and
type (TOLERANCES), or their default for the type. Cases that JAX's CPU backend cannot run are left out. A
crash of a worker counts as a failure of its case.
Needs the wheel of Craneflow, jax and absl-py.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
#: Cases in a sample are every n-th of all, from this one on.
FIRST = 3

SINGLE, DOUBLE, HALF = ("float32", "complex64"), ("float64", "complex128"), ("float16", "bfloat16")


def errors(single=None, double=None, half=None):
    """A tolerance for each type of some widths; the others have JAX's default."""
    widths = (SINGLE, single), (DOUBLE, double), (HALF, half)
    return {dtype: error for dtypes, error in widths if error for dtype in dtypes}


#: Relative and absolute errors that are allowed where sums may be in another order, by group. Each is at most
#: what tests in JAX's repository allow for the operation: `lax_test`, `lax_numpy_test`, `lax_numpy_reducers_test`,
#: `fft_test`, `linalg_test` and `export_harnesses_multi_platform_test` of the version at hand, and for powers of
#: complex numbers and running products `jax2tf_limitations` of version 0.4.20.
TOLERANCES = {
    "conv_general_dilated": errors(1e-4, 1e-14),
    "dot_general": errors(1e-5, 1e-14) | {"float16": 1e-2, "bfloat16": 1e-1},
    "cumsum": {"float16": 1e-2, "bfloat16": 1e-1},
    "cumprod": {"float16": 1e-2, "bfloat16": 1e-1},
    "reduce": {"float16": 1e-2, "bfloat16": 3e-2},
    "reduce_window_add": errors(1e-5) | {"float16": 1e-2, "bfloat16": 3e-2},
    "fft": errors(1e-4, 1e-12),
    "pow": errors(1e-3, 5e-5),
    "cholesky": errors(1e-3, 1e-11, 5e-2),
    **dict.fromkeys(("eig", "eigh", "qr", "svd", "triangular_solve"), errors(1e-4, 1e-11, 5e-2)),
}


#: Which of two results that differ is right, by group: both were compared with sums and functions of 64 and more
#: digits. Errors are in units of the tolerance.
EXPLAINED = {
    "atanh": "JAX's CPU backend is 3.2 from the exact value, Craneflow 0.07",
    "log1p": "JAX's CPU backend is 6.1 from the exact value, Craneflow 0.07",
    "log": "JAX's CPU backend is 1.8 from the exact value, Craneflow 0.10",
    "tan": "JAX's CPU backend is 1.06 from the exact value, Craneflow 0.15",
    "conv_general_dilated": "JAX's CPU backend is 2.0 from the exact sum, Craneflow 0.4 (the first case)",
}


def harnesses():
    import numpy as np
    from jax._src.internal_test_util import test_harnesses

    return test_harnesses.all_harnesses, np.random.RandomState


def chosen(sample, groups):
    """Positions of the cases that run."""
    cases = harnesses()[0]
    step = max(1, len(cases) // sample) if sample else 1
    taken = range(FIRST if sample else 0, len(cases), step)
    return [i for i in taken if not groups or cases[i].group_name in groups]


# --------------------------------------------------------------------------------------------- worker


def keys_as_bits(results):
    import jax

    is_key = lambda x: jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key)
    return [jax.random.key_data(x) if is_key(x) else x for x in results]


def compare(group, ours, theirs):
    """An error that says how the results differ, or None."""
    import numpy as np
    from jax._src import test_util as jtu

    if len(ours) != len(theirs):
        return f"{len(ours)} results, expected {len(theirs)}"
    for mine, its in zip(ours, theirs):
        if (mine.dtype, mine.shape) != (its.dtype, its.shape):
            return f"{mine.dtype}{mine.shape}, expected {its.dtype}{its.shape}"
        tolerance = jtu.tolerance(its.dtype, TOLERANCES.get(group))
        if its.dtype.kind == "V" or its.dtype.itemsize < 2 or its.dtype.name == "bfloat16":
            kind = np.int32 if its.dtype.kind in "biu" or "int" in its.dtype.name else np.float32
            mine, its = mine.astype(kind), its.astype(kind)
        try:
            np.testing.assert_allclose(mine, its, rtol=tolerance, atol=tolerance)
        except AssertionError as error:
            lines = [line for line in str(error).splitlines() if line.strip()]
            return " ".join(lines[:4])
    return None


def comparable(harness, args, results):
    """What is compared of results: all, or of those that have many right answers what those have in common."""
    import numpy as np

    group = harness.group_name
    found = [np.asarray(x) for x in results]
    turned = lambda x: np.conj(np.swapaxes(x, -1, -2))
    if group == "cholesky":  # the other triangle is left to the implementation
        return [np.tril(found[0])]
    if group == "qr":
        q, r = found
        return [q @ r, turned(q) @ q, np.abs(np.diagonal(r, axis1=-2, axis2=-1))]
    if group == "eigh":
        v, w = found
        return [w, (v * w[..., None, :]) @ turned(v), turned(v) @ v]
    if group == "svd" and len(found) == 3:
        s, u, v = found
        k = s.shape[-1]
        return [s, (u[..., :k] * s[..., None, :]) @ v[..., :k, :], turned(u) @ u, v @ turned(v)]
    if group == "eig":
        a, w, vectors = np.asarray(args[0]), found[0], found[1:]
        checked = [np.sort(np.abs(w), axis=-1)]
        if harness.params["compute_left_eigenvectors"]:
            left = vectors.pop(0)
            checked.append(turned(left) @ a - w[..., None] * turned(left))
        return checked + [a @ right - right * w[..., None, :] for right in vectors]
    if group == "approx_top_k":  # of equal elements any may come
        values, places = found
        return [values, np.take_along_axis(np.asarray(args[0]), places, axis=-1)]
    if group == "sort" and len(found) > 1 and not harness.params["is_stable"] and found[0].ndim == 1:
        order = np.lexsort(found[::-1])
        return [x[order] for x in found] + found[: harness.params["num_keys"]]
    return found


def run_case(index):
    """What became of a case: ok, skipped, or failed with a reason."""
    import jax

    all_harnesses, rng = harnesses()
    harness = all_harnesses[index]
    if not harness.filter("cpu"):
        return "skipped", "JAX does not implement it on CPU"
    args = harness.dyn_args_maker(rng(0))
    cpu = jax.devices("cpu")[0]
    ours = jax.devices()[0]

    def on(device):
        with jax.default_device(device):
            given = jax.device_put(args, device)
            out = jax.jit(harness.dyn_fun)(*given)
            return jax.block_until_ready(out)

    try:
        theirs = on(cpu)
    except Exception as error:
        return "skipped", f"JAX's CPU backend: {one_line(error)}"
    try:
        mine = on(ours)
    except Exception as error:
        return "failed", one_line(error)
    mine, theirs = (jax.tree.leaves(jax.device_get(x)) for x in (mine, theirs))
    mine, theirs = (comparable(harness, args, keys_as_bits(x)) for x in (mine, theirs))
    difference = compare(harness.group_name, mine, theirs)
    return ("failed", difference) if difference else ("ok", "")


def one_line(error):
    text = re.sub(r"\s+", " ", f"{type(error).__name__}: {error}")
    return text[:300]


def work(positions):
    import jax

    jax.config.update("jax_enable_x64", True)
    for index in positions:
        harness = harnesses()[0][index]
        print(json.dumps({"start": index}), flush=True)
        status, reason = run_case(index)
        line = {
            "case": index,
            "name": harness.fullname,
            "group": harness.group_name,
            "status": status,
            "reason": reason,
        }
        print(json.dumps(line), flush=True)


# --------------------------------------------------------------------------------------------- driver


def drive(positions, jobs, tell):
    """Results of all cases, from `jobs` worker processes at a time. `tell` hears of each as it comes."""
    results, lock = [], threading.Lock()

    def add(line):
        with lock:
            results.append(line)
            tell(line)

    shares = [positions[i::jobs] for i in range(jobs)]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda share: serve(share, add), shares))
    return sorted(results, key=lambda r: r["case"])


def serve(share, add):
    """Runs a share of the cases in a worker that is started again when it dies."""
    while share:
        process, current, done = start(share), None, set()
        for text in process.stdout:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if "start" in line:
                current = line["start"]
            else:
                add(line)
                done.add(line["case"])
        status = process.wait()
        if current is not None and current not in done:
            harness = harnesses()[0][current]
            failed = {"case": current, "name": harness.fullname, "group": harness.group_name}
            add(failed | {"status": "failed", "reason": f"the process ended with {status}"})
            done.add(current)
        elif status:
            raise RuntimeError(f"a worker ended with {status} before its first case")
        share = [p for p in share if p not in done]


def start(share):
    command = [sys.executable, __file__, "--worker"]
    environment = dict(os.environ, JAX_ENABLE_X64="1", JAX_PLATFORMS="craneflow,cpu")
    worker = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    )
    worker.stdin.write(json.dumps(share))
    worker.stdin.close()
    return worker


def cause(reason):
    """The part of a reason that failures share."""
    reason = re.sub(r"\(?byte \d+\)?:? ?", "", reason)
    reason = re.sub(r"\b\d[\d.e+-]*\b", "N", reason)
    if reason.startswith("Not equal to tolerance"):
        return "results differ beyond the tolerance"
    return reason[:110]


def document(results, sample, path):
    import jax

    total = len(harnesses()[0])
    part = "" if len(results) == total else f" These are a fixed sample of {total} cases."
    flags = f"--sample {sample}" if sample else "--all"

    count = collections.Counter(r["status"] for r in results)
    ran = count["ok"] + count["failed"]
    groups = collections.defaultdict(collections.Counter)
    for r in results:
        groups[r["group"]][r["status"]] += 1
    lines = [
        "# Conformance with JAX",
        "",
        f"<!-- Written by pjrt/tests/conformance.py {flags} --document -->",
        "",
        f"The primitive harnesses that come with jax {jax.__version__}, each run with `jax.jit` on Craneflow and on "
        "JAX's CPU backend",
        "and compared element by element with the tolerance that JAX's own tests have for the operation, or their "
        "default for the type",
        "(`TOLERANCES` in the script). Of decompositions that are not unique (eigenvectors, singular vectors, QR) "
        "what they multiply to is compared.",
        "",
        f"- {len(results)} cases; {count['skipped']} of them JAX's CPU backend does not run.{part}",
        f"- **{count['ok']} of {ran} pass: {100 * count['ok'] / max(ran, 1):.2f} %**",
        "",
        "## Groups with failures",
        "",
        "| group | passed | failed | not run |",
        "|---|---|---|---|",
    ]
    for group, c in sorted(groups.items()):
        if c["failed"]:
            lines.append(f"| `{group}` | {c['ok']} | {c['failed']} | {c['skipped']} |")
    lines += ["", "## Failures and their causes", ""]
    causes = collections.defaultdict(list)
    for r in results:
        if r["status"] == "failed":
            causes[r["group"], cause(r["reason"])].append(r["name"])
    for (group, why), names in sorted(causes.items()):
        why = why.replace("|", "\\|").replace("<", "&lt;")
        behind = f". {EXPLAINED[group]}." if group in EXPLAINED and why.startswith("results differ") else ""
        lines.append(f"- `{group}`, {len(names)}: {why}{behind}")
        lines += [f"  - `{name}`" for name in names[:200]]
    if not causes:
        lines.append("None.")
    path.write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--all", action="store_true", help="every case")
    parser.add_argument("--sample", type=int, default=400, help="about how many cases")
    parser.add_argument("--groups", nargs="*", help="only cases of these groups")
    parser.add_argument("--jobs", type=int, default=1, help="worker processes")
    parser.add_argument("--out", type=pathlib.Path, help="results, one JSON object a line, as they come")
    parser.add_argument("--results", type=pathlib.Path, nargs="*", help="run nothing: files that --out left, later ones first")
    parser.add_argument("--document", action="store_true", help="write docs/conformance.md")
    parser.add_argument("--least", type=float, default=97.0, help="percentage that must pass")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return work(json.load(sys.stdin))
    os.environ.update(JAX_ENABLE_X64="1")
    if args.results:
        found = [json.loads(line) for path in args.results for line in path.read_text().splitlines()]
        found = {r["case"]: r for r in reversed(found)}
        return finish([found[i] for i in sorted(found)], args)
    with open(args.out or os.devnull, "w") as out:
        tell = lambda line: print(json.dumps(line), file=out, flush=True)
        results = drive(chosen(0 if args.all else args.sample, args.groups), args.jobs, tell)
    finish(results, args)


def finish(results, args):
    if args.document:
        document(results, 0 if args.all else args.sample, ROOT / "docs" / "conformance.md")
    count = collections.Counter(r["status"] for r in results)
    ran = count["ok"] + count["failed"]
    share = 100 * count["ok"] / max(ran, 1)
    for r in results:
        if r["status"] == "failed":
            print(f"failed: {r['name']}: {r['reason'][:200]}")
    print(f"{count['ok']} of {ran} pass ({share:.2f} %), {count['skipped']} not run on CPU")
    if not ran or share < args.least:
        sys.exit(1)


if __name__ == "__main__":
    main()
