"""Ways to fill gaps, in NumPy: each takes a matrix with NaN and the training part that it learns from."""

from common import np


def filled(x, values):
    return np.where(np.isnan(x), values, x)


def most_frequent(column):
    values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
    return values[counts.argmax()]


def neighbours(x, known, k=5):
    result = x.copy()
    for row in result:
        gaps = np.isnan(row)
        if gaps.any():
            both = ~np.isnan(known) & ~gaps
            squares = np.where(both, (known - row) ** 2, 0).sum(1)
            distance = np.where(both.any(1), squares / np.maximum(both.sum(1), 1), np.inf)
            order = np.argsort(distance, kind="stable")
            for c in np.flatnonzero(gaps):
                near = known[order, c]
                row[c] = near[~np.isnan(near)][:k].mean()
    return result


def regression(x, known, rounds=10, ridge=1e-3):
    """Each column from all others, by the rows that have it, in rounds."""
    gaps_of = np.isnan
    fit = filled(known, np.nanmean(known, axis=0))
    use = filled(x, np.nanmean(known, axis=0))
    for _ in range(rounds):
        for c in np.argsort(gaps_of(known).sum(0), kind="stable"):
            others = lambda m: np.c_[np.delete(m, c, axis=1), np.ones(len(m))]
            have = ~gaps_of(known[:, c])
            a, b = others(fit[have]), known[have, c]
            penalty = ridge * len(a) * np.eye(a.shape[1])
            penalty[-1, -1] = 0
            weights = np.linalg.solve(a.T @ a + penalty, a.T @ b)
            fit[~have, c] = others(fit[~have]) @ weights
            gaps = gaps_of(x[:, c])
            use[gaps, c] = others(use[gaps]) @ weights
    return use


METHODS = {
    "mean": lambda x, known: filled(x, np.nanmean(known, axis=0)),
    "median": lambda x, known: filled(x, np.nanmedian(known, axis=0)),
    "most_frequent": lambda x, known: filled(x, [most_frequent(c) for c in known.T]),
    "neighbours": neighbours,
    "regression": regression,
}
