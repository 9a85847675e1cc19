#!/usr/bin/env python3
"""Runs JAX's own tests, from a checkout of its repository, on Craneflow.

    git clone --depth 1 --branch jax-v0.10.2 https://github.com/jax-ml/jax CHECKOUT
    jax_suite.py CHECKOUT                           every file of FILES
    jax_suite.py CHECKOUT --files fft_test --part 4 one test in four of one file
    jax_suite.py CHECKOUT --document                and writes docs/jax-tests.md

The checkout must be of the version of JAX that is installed. Each file is a run of pytest of its own with
a time limit; a test that ends its process counts as failed. Results are one file of JSON lines for each
file of tests, in --out; the document is written from all that are there.
Needs the wheel of Craneflow, jax, pytest, pytest-xdist, absl-py, hypothesis and scipy.
"""

import argparse
import collections
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FILES = (
    "lax_test lax_numpy_test lax_numpy_operators_test lax_numpy_indexing_test lax_numpy_einsum_test "
    "lax_numpy_reducers_test lax_numpy_ufuncs_test lax_autodiff_test lax_control_flow_test lax_vmap_test "
    "nn_test api_test array_test dtypes_test random_lax_test linalg_test fft_test lax_scipy_test ode_test "
    "jet_test image_test"
).split()
#: What is behind failures whose message does not say it, by a part of the test's name.
EXPLAINED = {
    "testSchur": "A Schur form is not unique, and this test compares with LAPACK's, element by element. What its factors "
    "multiply to is right: the tests of `lax.linalg.schur` check that.",
    "test_dce_sink_prevents": "It reads XLA's text of the compiled program; Craneflow has none.",
    "testQrInvalidDtypeCPU": "It wants a QR of 16-bit floats to be refused, as LAPACK has none; here it works.",
    "test_print_token_buffer_error": "Reading a token is not refused.",
}
#: What this file, as a plugin of pytest, is told by its driver: where results go, of how many tests one is
#: taken, and where the checkout is.
RESULTS, PART, CHECKOUT = "CRANEFLOW_SUITE_RESULTS", "CRANEFLOW_SUITE_PART", "CRANEFLOW_SUITE_CHECKOUT"

# --------------------------------------------------------------------------------------------- plugin


def pytest_configure(config):
    import jax
    import jax._src
    from jax._src import test_util  # has the option that is set next

    # Parts that only tests use are not in the wheel.
    jax._src.__path__.append(os.path.join(os.environ[CHECKOUT], "jax", "_src"))
    jax.config.update("jax_test_dut", "cpu")


def pytest_collection_modifyitems(items):
    items[:] = items[:: int(os.environ.get(PART, "1"))]


def pytest_runtest_logreport(report):
    """With several workers only their controller has the place for results, and hears of all tests."""
    over = report.when == "call" or report.outcome != "passed"
    if "PYTEST_XDIST_WORKER" in os.environ or not over:
        return
    line = {"name": report.nodeid.split("::", 1)[-1], "status": report.outcome, "reason": ""}
    if report.outcome == "failed":
        line["reason"] = reason(str(report.longrepr))
    with open(os.environ[RESULTS], "a") as out:
        print(json.dumps(line), file=out)


def reason(text):
    """What a failed test says went wrong."""
    said = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    said = said or text.strip().splitlines()[-1:]
    first = next((i for i, line in enumerate(said) if re.match(r"[\w.]*(Error|Exception|Warning)\b", line)), 0)
    return " ".join(said[first : first + 6])[:400]


# --------------------------------------------------------------------------------------------- driver


def run(checkout, file, args):
    """Runs one file of tests; its results are in the file that is returned."""
    results = args.out / f"{file}.jsonl"
    settings = {"name": "", "status": "settings", "reason": "", "cases": args.cases, "part": args.part}
    results.write_text(json.dumps(settings) + "\n")
    environment = dict(
        os.environ,
        JAX_PLATFORMS="craneflow,cpu",
        JAX_NUM_GENERATED_CASES=str(args.cases),
        PYTHONPATH=os.pathsep.join([os.path.dirname(__file__), os.environ.get("PYTHONPATH", "")]),
    )
    environment |= {RESULTS: str(results), PART: str(args.part), CHECKOUT: str(checkout)}
    command = [sys.executable, "-P", "-m", "pytest", str(checkout / "tests" / f"{file}.py")]
    command += ["-p", "jax_suite", "-p", "no:cacheprovider", "-n", str(args.jobs), "-q", "--tb=short", "-s"]
    command += ["-W", "ignore", "--import-mode=importlib", "-c", os.devnull, "--rootdir", str(checkout)]
    command += ["-k", args.select] if args.select else []
    log = args.out / f"{file}.log"
    # A folder without a package jax in it: that of the checkout must not be imported.
    with tempfile.TemporaryDirectory() as folder, open(log, "w") as out:
        tests = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=out, stderr=out, start_new_session=True
        )
        try:
            tests.wait(args.limit)
        except subprocess.TimeoutExpired:
            os.killpg(tests.pid, signal.SIGKILL)
            tests.wait()
            with open(results, "a") as out:
                print(json.dumps({"name": "", "status": "cut", "reason": ""}), file=out)
    return results


def read(path):
    """The results of a file, each test once, whether the time limit cut it, and the settings of the run."""
    tests, cut, settings = {}, False, None
    for line in path.read_text().splitlines():
        result = json.loads(line)
        if result["status"] == "settings":
            settings = result
        elif result["status"] == "cut":
            cut = True
        elif result["status"] == "failed":
            tests[result["name"]] = result
        else:
            tests.setdefault(result["name"], result)
    return list(tests.values()), cut, settings


def cause(text):
    """The part of a reason that failures share."""
    text = re.sub(r"\(?byte \d+\)?:? ?", "", text)
    text = re.sub(r"0x[0-9a-f]+", "N", text)
    text = re.sub(r"\b\d[\d.e+-]*\b", "N", text)
    if "Not equal to tolerance" in text:
        return "results differ beyond the tolerance"
    text = re.sub(r"^(jax\.errors\.|jaxlib\.[\w.]*|E )", "", text)
    return text[:140]


def counts(tests):
    count = collections.Counter(t["status"] for t in tests)
    ran = count["passed"] + count["failed"]
    return count["passed"], count["failed"], count["skipped"], 100 * count["passed"] / max(ran, 1)


def document(results, path):
    import jax

    lines = [
        "# JAX's own tests",
        "",
        "<!-- Written by pjrt/tests/jax_suite.py --document -->",
        "",
        f"Files of tests of jax {jax.__version__}, run with Craneflow as the default backend. The table says how many "
        "cases of each test with parameters there are,",
        "and of how many tests of the file one is taken: 1 is all of them.",
        "A plugin has a name of its own, and the tests decide by the name of a platform what to skip and how exact a "
        "result must be. They are told here that",
        "the device is `cpu` (JAX's option `jax_test_dut`): so every test that runs on JAX's CPU backend runs, with "
        "its tolerances. Nothing else is changed.",
        "",
        "| file | cases | one test of | passed | failed | skipped | passed of those that ran |",
        "|---|---|---|---|---|---|---|",
    ]
    whole = []
    for file, (tests, cut, settings) in results.items():
        passed, failed, skipped, share = counts(tests)
        note = " (cut by the time limit)" if cut else ""
        run = f"{settings['cases']} | {settings['part']}"
        lines.append(f"| `{file}`{note} | {run} | {passed} | {failed} | {skipped} | {share:.1f} % |")
        whole += tests
    passed, failed, skipped, share = counts(whole)
    lines.append(f"| **all** | | | **{passed}** | **{failed}** | **{skipped}** | **{share:.1f} %** |")
    lines += ["", "## Failures and their causes", ""]
    for file, (tests, *_) in results.items():
        causes = collections.defaultdict(list)
        for test in tests:
            if test["status"] == "failed":
                causes[cause(test["reason"])].append(test["name"])
        if causes:
            lines += [f"### {file}", ""]
        for why, names in sorted(causes.items(), key=lambda c: (-len(c[1]), c[0])):
            why = why.replace("|", "\\|").replace("<", "&lt;")
            lines.append(f"- {len(names)}: {why}")
            lines += [f"  - `{name}`" for name in sorted(names)[:50]]
            behind = [text for part, text in EXPLAINED.items() if any(part in name for name in names)]
            lines += [f"  - {text}" for text in behind]
        if causes:
            lines.append("")
    path.write_text("\n".join(lines).rstrip() + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkout", type=pathlib.Path, help="a checkout of JAX's repository")
    parser.add_argument("--files", nargs="*", default=FILES, help="files of tests, without .py")
    parser.add_argument("--cases", type=int, default=5, help="cases of each test with parameters")
    parser.add_argument("--part", type=int, default=1, help="takes one test in so many")
    parser.add_argument("--select", help="pytest's -k: only tests whose names fit")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes")
    parser.add_argument("--limit", type=float, default=3600, help="seconds for each file")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "target" / "jax-suite")
    parser.add_argument("--document", action="store_true", help="write docs/jax-tests.md")
    parser.add_argument("--least", type=float, default=97.0, help="percentage that must pass in each file")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    bad = []
    for file in args.files:
        tests, cut, _ = read(run(args.checkout.resolve(), file, args))
        passed, failed, skipped, share = counts(tests)
        end = ", cut by the time limit" if cut else ""
        print(f"{file}: {passed} passed, {failed} failed, {skipped} skipped: {share:.1f} %{end}", flush=True)
        if share < args.least or cut or not passed:
            bad.append(file)
    if args.document:
        found = {f: read(args.out / f"{f}.jsonl") for f in FILES if (args.out / f"{f}.jsonl").exists()}
        document(found, ROOT / "docs" / "jax-tests.md")
    if bad:
        sys.exit(f"below {args.least} %: {', '.join(bad)}")


if __name__ == "__main__":
    main()
