"""What is usually written by hand: FastAPI, pydantic, a DataFrame, `predict_proba`."""

import os

import joblib
import pandas as pd
from fastapi import FastAPI
from pydantic import BaseModel, create_model

app = FastAPI()
model = joblib.load(os.environ["MODEL"])
if os.environ["WORKLOAD"] == "floats":
    fields = {f"f{i}": (float, ...) for i in range(20)}
else:
    fields = {f"n{i}": (float, ...) for i in range(8)} | {f"t{i}": (str, ...) for i in range(4)}
Row = create_model("Row", **fields)


class Rows(BaseModel):
    records: list[Row]


@app.post("/predict")
def predict(rows: Rows):
    table = pd.DataFrame([row.model_dump() for row in rows.records])
    return {"probability": model.predict_proba(table)[:, 1].tolist()}
