"""Runs a piece of Python on Craneflow and on JAX's CPU backend, each in a process of its own."""

import json
import os
import subprocess
import sys

BACKENDS = ("craneflow", "cpu")


def run(module, name, **environment):
    """What ``module.name()`` returns on each backend; it must be JSON."""
    code = f"import json, {module}; print('RESULT', json.dumps({module}.{name}()))"
    results = []
    for backend in BACKENDS:
        env = dict(os.environ, JAX_PLATFORMS=f"{backend},cpu", **environment)
        env["PYTHONPATH"] = os.pathsep.join(
            [os.path.dirname(__file__), env.get("PYTHONPATH", "")]
        )
        done = subprocess.run(
            [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=900
        )
        assert done.returncode == 0, f"{backend}: {done.stderr[-3000:]}"
        lines = [x for x in done.stdout.splitlines() if x.startswith("RESULT ")]
        results.append(json.loads(lines[-1].removeprefix("RESULT ")))
    return results


def close(ours, theirs, tolerance):
    """Whether two lists of numbers agree, relative to the second."""
    assert len(ours) == len(theirs) and len(ours) > 0
    for step, (a, b) in enumerate(zip(ours, theirs)):
        assert abs(a - b) <= tolerance * abs(b) + 1e-7, f"step {step}: {a}, expected {b}"
