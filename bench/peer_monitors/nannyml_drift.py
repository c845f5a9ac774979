"""NannyML's univariate drift on two Parquet files; prints wall s, CPU s and MB of the whole."""

import os
import resource
import sys
import time

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"  # it would tell its makers

import nannyml
import pandas as pd

begin = time.perf_counter()
reference, current = (pd.read_parquet(path) for path in sys.argv[1:3])
names = list(reference.columns)
calculator = nannyml.UnivariateDriftCalculator(
    column_names=names,
    treat_as_categorical=[name for name in names if name[0] == "c"],
    continuous_methods=["kolmogorov_smirnov", "jensen_shannon"],
    categorical_methods=["chi2", "jensen_shannon"],
    chunk_number=1,
)
calculator.fit(reference)
calculator.calculate(current)
used = resource.getrusage(resource.RUSAGE_SELF)
print(time.perf_counter() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000)
