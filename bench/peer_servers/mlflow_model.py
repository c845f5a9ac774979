"""Saves a model for `mlflow models serve`: `python mlflow_model.py JOBLIB FOLDER`."""

import sys

import joblib
import mlflow.pyfunc


class Probability(mlflow.pyfunc.PythonModel):
    def load_context(self, context):
        self.model = joblib.load(context.artifacts["model"])

    def predict(self, context, model_input, params=None):
        return self.model.predict_proba(model_input)[:, 1]


if __name__ == "__main__":
    mlflow.pyfunc.save_model(
        sys.argv[2],
        python_model=Probability(),
        artifacts={"model": sys.argv[1]},
        pip_requirements=["mlflow==3.17.2"],
    )
