#!/usr/bin/env python3
"""Builds the wheel `craneflow_jax`: ``python3 pjrt/python/build_wheel.py [--out DIR] [--workspace]``.

Needs cargo, and nothing but Python's own library. The wheel holds the plugin, a small package that
registers it, and an entry point by which JAX finds that package; it fits every Python 3. With
``--workspace`` it builds every package with the library, which is quick where they have been built
already, as by the tests, and slow elsewhere.
"""

import argparse
import base64
import hashlib
import os
import pathlib
import platform
import re
import shutil
import subprocess
import tempfile
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LIBRARY = "libcraneflow_pjrt.so"

METADATA = """\
Metadata-Version: 2.1
Name: craneflow-jax
Version: {version}
Summary: Craneflow for JAX: compiles JAX and Keras programs for CPUs
License: MIT OR Apache-2.0
Requires-Python: >=3.10
Requires-Dist: jax>=0.7

Craneflow as a backend of JAX. Installing it makes it JAX's default backend; JAX's own CPU backend stays.
This package is not made or endorsed by the makers of JAX or Keras.
"""

WHEEL = """\
Wheel-Version: 1.0
Generator: craneflow
Root-Is-Purelib: false
Tag: py3-none-{tag}
"""

ENTRY_POINTS = """\
[jax_plugins]
craneflow = craneflow_jax
"""


def version():
    text = (ROOT / "Cargo.toml").read_text()
    return re.search(r'^version = "(.*)"', text, re.M).group(1)


def tag():
    """The platform tag: this machine's C library is the oldest that will do."""
    library, number = platform.libc_ver()
    machine = platform.machine()
    if library == "glibc":
        major, minor = number.split(".")[:2]
        return f"manylinux_{major}_{minor}_{machine}"
    return f"linux_{machine}"


def library(selection):
    """The plugin, built and without the parts that only a debugger reads."""
    subprocess.run(["cargo", "build", "--release", *selection], cwd=ROOT, check=True)
    target = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    built = target / "release" / LIBRARY
    strip = shutil.which("strip")
    if strip is None:
        return built.read_bytes()
    with tempfile.TemporaryDirectory() as scratch:
        stripped = pathlib.Path(scratch) / LIBRARY
        subprocess.run([strip, "--strip-unneeded", "-o", stripped, built], check=True)
        return stripped.read_bytes()


def digest(content):
    sha = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
    return "sha256=" + sha.rstrip(b"=").decode()


def build(out, selection):
    name = f"craneflow_jax-{version()}"
    info = f"{name}.dist-info"
    files = {f"craneflow_jax/{p.name}": p.read_bytes() for p in (HERE / "craneflow_jax").glob("*.py")}
    files[f"craneflow_jax/{LIBRARY}"] = library(selection)
    for licence in ("LICENSE-APACHE", "LICENSE-MIT"):
        files[f"{info}/licenses/{licence}"] = (ROOT / licence).read_bytes()
    files[f"{info}/licenses/NOTICE"] = (HERE.parent / "NOTICE").read_bytes()
    files[f"{info}/METADATA"] = METADATA.format(version=version()).encode()
    files[f"{info}/WHEEL"] = WHEEL.format(tag=tag()).encode()
    files[f"{info}/entry_points.txt"] = ENTRY_POINTS.encode()
    record = "".join(f"{path},{digest(data)},{len(data)}\n" for path, data in files.items())
    files[f"{info}/RECORD"] = (record + f"{info}/RECORD,,\n").encode()

    out.mkdir(parents=True, exist_ok=True)
    wheel = out / f"{name}-py3-none-{tag()}.whl"
    beside = wheel.with_suffix(".part")
    with zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            # A fixed time, so that the same files give the same wheel.
            entry = zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    beside.replace(wheel)
    return wheel


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "target" / "wheels")
    parser.add_argument("--workspace", action="store_true", help="build all packages of the workspace")
    args = parser.parse_args()
    wheel = build(args.out, ["--workspace"] if args.workspace else ["-p", "craneflow-pjrt"])
    print(f"{wheel} ({wheel.stat().st_size / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
