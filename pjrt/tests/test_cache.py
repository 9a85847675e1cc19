"""Compiled programs in files: found again, never trusted when damaged, never in the way."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

#: Compiles one program of some size and prints what it computes.
PROGRAM = """
import jax, jax.numpy as jnp
f = jax.jit(lambda x: (jnp.tanh(x @ x) + jnp.arange(64.0)).sum(axis=0) @ jnp.linspace(0, 1, 64))
print(float.hex(float(f(jnp.ones((64, 64))))))
"""


def start(folder, code=PROGRAM, **more):
    env = dict(os.environ, CRANEFLOW_CACHE_DIR=str(folder), **more)
    pipes = dict(stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return subprocess.Popen([sys.executable, "-c", code], env=env, **pipes)


def finish(process):
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err[-2000:]
    return out.strip(), err


def run(folder, **more):
    return finish(start(folder, **more))[0]


def entries(folder):
    """The files by name, each with the number of its place on disk: another one when it is written anew."""
    return {p.name: p.stat().st_ino for p in pathlib.Path(folder).glob("*.crnflw")}


@pytest.fixture(scope="module")
def expected():
    env = {k: v for k, v in os.environ.items() if k != "CRANEFLOW_CACHE_DIR"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_next_process_finds_what_was_compiled(tmp_path, expected):
    folder = tmp_path / "made" / "when needed"
    assert run(folder) == expected
    first = entries(folder)
    assert first and not list(folder.glob("*.part"))
    assert run(folder) == expected
    assert entries(folder) == first
    # Another option, another entry: the width of vectors and threads change no result.
    assert run(folder, CRANEFLOW_NUM_THREADS="1") == expected


def test_damaged_files_are_compiled_again(tmp_path, expected):
    run(tmp_path)
    for damage in (
        lambda b: b"",
        lambda b: b[:40],
        lambda b: b[: len(b) // 2],
        lambda b: b[:-1],
        lambda b: b + b"\0",
        lambda b: b[:9] + bytes([b[9] ^ 4]) + b[10:],
        lambda b: b[:-100] + bytes([b[-100] ^ 1]) + b[-99:],
        lambda b: bytes(len(b)),
    ):
        before = entries(tmp_path)
        damaged = {n: damage((tmp_path / n).read_bytes()) for n in before}
        for name, content in damaged.items():
            (tmp_path / name).write_bytes(content)
        assert run(tmp_path) == expected
        assert entries(tmp_path).keys() == before.keys()
        assert all((tmp_path / n).read_bytes() != damaged[n] for n in before)


def test_two_processes_at_once(tmp_path, expected):
    both = [start(tmp_path), start(tmp_path)]
    assert [finish(p)[0] for p in both] == [expected, expected]
    assert entries(tmp_path) and run(tmp_path) == expected


def test_killed_processes_leave_nothing_that_harms(tmp_path, expected):
    for delay in (0.0, 0.05, 0.15):
        process = start(tmp_path, "print('ready', flush=True)" + PROGRAM)
        while not entries(tmp_path) and process.poll() is None and not list(tmp_path.iterdir()):
            time.sleep(0.002)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.communicate()
        assert run(tmp_path) == expected
        for name in entries(tmp_path):
            (tmp_path / name).unlink()


def test_a_folder_that_cannot_be_used_is_reported_once(tmp_path, expected):
    (tmp_path / "file").write_text("in the way")
    out, err = finish(start(tmp_path / "file" / "folder"))
    assert out == expected
    assert err.count("CRANEFLOW_CACHE_DIR") == 1
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    out, err = finish(start(shared))
    assert out == expected and not entries(shared)
    assert "everyone may write" in err


def test_a_full_disk_is_reported_once(tmp_path, expected):
    # No file may grow beyond 2000 bytes: writes fail as on a full disk.
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
    out, err = finish(start(tmp_path, limit + PROGRAM))
    assert out == expected
    assert err.count("CRANEFLOW_CACHE_DIR") == 1
    assert all(p.suffix == ".crnflw" for p in tmp_path.iterdir())
    assert run(tmp_path) == expected


def test_the_folder_stays_within_its_size(tmp_path):
    many = """
import jax, jax.numpy as jnp
for n in range(64, 100):
    jax.jit(lambda x: jnp.sin(x) * n + jnp.ones((n, n)) @ x)(jnp.ones((n, n))).block_until_ready()
"""
    finish(start(tmp_path, many, CRANEFLOW_CACHE_MB="1"))
    total = sum(p.stat().st_size for p in tmp_path.iterdir())
    assert 1 << 17 < total <= 1 << 20
