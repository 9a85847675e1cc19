"""Writes the .npy files of this folder with NumPy; they hold what `tests::npy` expects."""

import numpy as np
from numpy.lib import format as npy

KINDS = ["b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8"]
counts = np.arange(6).reshape(2, 3)

for kind in KINDS:
    values = counts % 2 == 1 if kind == "b1" else counts * 7 + 1
    if kind[0] in "if":
        values = values - 9
    if kind[0] == "f":
        values = values * 0.5
    np.save(f"{kind}.npy", values.astype(kind))
    if kind[1] != "1":
        np.save(f"{kind}-big.npy", values.astype(">" + kind))

for version in [(2, 0), (3, 0)]:
    with open(f"version{version[0]}.npy", "wb") as file:
        npy.write_array(file, counts.astype("<i4"), version)
np.save("fortran.npy", np.asfortranarray(np.arange(24, dtype="<i4").reshape(2, 3, 4)))
np.save("scalar.npy", np.float32(2.5))
np.save("vector.npy", np.arange(5, dtype="<f4"))
np.save("empty.npy", np.zeros((2, 0, 3), "<f4"))
np.save("structured.npy", np.zeros(2, [("a", "<f4"), ("b", "<i4")]))
np.save("complex.npy", np.zeros(2, "<c8"))
