"""How well something can be read off features: ridge regression on identities it was not fitted to."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def held_out_r2(features: Array, targets: Array, identity: NDArray[np.integer], *, ridge: float = 100.0) -> Array:
    """R^2 of each target over the last third of the identities, from features kept as float16 and standardised."""
    features = features.astype(np.float16).astype(np.float64)
    fitted = identity < int(identity.max() * 2 / 3)
    assert 0 < fitted.sum() < len(identity)
    mean, deviation = features[fitted].mean(axis=0), features[fitted].std(axis=0)
    x = (features - mean) / deviation
    centre = targets[fitted].mean(axis=0)
    gram = x[fitted].T @ x[fitted] + ridge * np.eye(x.shape[1])
    answer = x[~fitted] @ np.linalg.solve(gram, x[fitted].T @ (targets[fitted] - centre)) + centre
    held_out = targets[~fitted]
    unexplained: Array = ((answer - held_out) ** 2).sum(axis=0)
    varied: Array = ((held_out - held_out.mean(axis=0)) ** 2).sum(axis=0)
    return 1 - unexplained / varied
