"""A BentoML service as its guide writes one."""

import os

import bentoml
import joblib
import pandas as pd


@bentoml.service(workers=1, metrics={"enabled": True})
class Predictor:
    def __init__(self) -> None:
        self.model = joblib.load(os.environ["MODEL"])

    @bentoml.api
    def predict(self, records: list[dict]) -> list[float]:
        return self.model.predict_proba(pd.DataFrame(records))[:, 1].tolist()
