"""Whether chance explains a difference: Welch's t-test, its correction over a study, intervals of means."""

import math
import statistics
import warnings
from collections.abc import Sequence
from typing import Any

from cnn_core.errors import UserError


def welch(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Two-sided p-value of Welch's t-test (unequal variances); None where it is not defined."""
    if min(len(a), len(b)) < 2 or len({*a, *b}) == 1:
        return None
    try:
        from scipy.stats import ttest_ind  # comes with scikit-learn
    except ImportError as error:
        raise UserError("the significance test needs SciPy: pip install 'cnn-suite[bench]'") from error
    with warnings.catch_warnings():  # a model without chance gives the same every time: its variance is 0, as it should
        warnings.filterwarnings("ignore", "Precision loss", RuntimeWarning)
        _, p = ttest_ind(a, b, equal_var=False)
    return float(p)  # type: ignore[arg-type]


def half_width(values: Sequence[float]) -> float | None:
    """Half of the 95 % interval of the mean (Student's t); None for one value."""
    if len(values) < 2:
        return None
    from scipy.stats import t

    return float(t.ppf(0.975, len(values) - 1)) * statistics.stdev(values) / math.sqrt(len(values))


def holm(p: Sequence[float]) -> list[float]:
    """p-values corrected for their number, so that one below .05 is wrong in 5 % of studies at most (Holm 1979)."""
    order = sorted(range(len(p)), key=p.__getitem__)
    found, largest = [0.0] * len(p), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - rank) * p[i]))
        found[i] = largest
    return found


def correct(rows: dict[str, list[dict[str, Any]]]) -> None:
    """Correct the p-values of all tables together; what each was alone is kept as `p_alone`."""
    tested = [row for entries in rows.values() for row in entries if row["p"] is not None]
    for row, p in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_alone"], row["p"] = row["p"], p
