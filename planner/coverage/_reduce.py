"""Make a covering instance smaller without changing its optimum."""

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


def merge_equal_rows(
    cover: sp.csr_array, weights: NDArray[np.int64]
) -> tuple[sp.csr_array, NDArray[np.int64]]:
    """Merge demand points that exactly the same sites cover; drop those that none does.

    Rows are compared as they are, on their packed bits, not on a hash of them.

    Parameters
    ----------
    cover
        Demand points × sites, True where covered.
    weights
        Weight of each demand point.

    Returns
    -------
    tuple[csr_array, NDArray[np.int64]]
        Distinct rows, in the order of their bits, and the weight of each.

    Examples
    --------
    >>> cover = sp.csr_array(np.array([[1, 0], [1, 0], [0, 0], [0, 1]], bool))
    >>> rows, total = merge_equal_rows(cover, np.array([2, 3, 9, 4]))
    >>> rows.toarray().astype(int).tolist(), total.tolist()
    ([[0, 1], [1, 0]], [4, 5])
    """
    some = np.diff(cover.indptr) > 0
    bits = np.packbits(cover[some].toarray().astype(np.bool_), axis=1)
    distinct, inverse = np.unique(bits, axis=0, return_inverse=True)
    total = np.zeros(len(distinct), np.int64)
    np.add.at(total, inverse.ravel(), weights[some])
    dense = np.unpackbits(distinct, axis=1, count=cover.shape[1]).astype(np.bool_)
    return sp.csr_array(dense.reshape(len(distinct), cover.shape[1])), total
