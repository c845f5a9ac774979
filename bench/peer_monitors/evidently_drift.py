"""Evidently's DataDriftPreset on two Parquet files; prints wall s, CPU s and MB of the whole."""

import resource
import sys
import time

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

begin = time.perf_counter()
reference, current = (pd.read_parquet(path) for path in sys.argv[1:3])
names = list(reference.columns)
columns = DataDefinition(
    numerical_columns=[name for name in names if name[0] != "c"],
    categorical_columns=[name for name in names if name[0] == "c"],
)
pair = [Dataset.from_pandas(table, data_definition=columns) for table in (current, reference)]
Report([DataDriftPreset()]).run(*pair).dict()
used = resource.getrusage(resource.RUSAGE_SELF)
print(time.perf_counter() - begin, used.ru_utime + used.ru_stime, used.ru_maxrss / 1000)
