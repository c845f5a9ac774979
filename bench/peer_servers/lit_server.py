"""A LitServe server as its guide writes one: `python lit_server.py PORT`."""

import os
import sys

import joblib
import litserve
import pandas as pd


class Predictor(litserve.LitAPI):
    def setup(self, device):
        self.model = joblib.load(os.environ["MODEL"])

    def decode_request(self, request):
        return pd.DataFrame(request["records"])

    def predict(self, table):
        return self.model.predict_proba(table)[:, 1]

    def encode_response(self, output):
        return {"probability": output.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Predictor(), accelerator="cpu", workers_per_device=1)
    server.run(port=int(sys.argv[1]), host="127.0.0.1", generate_client_file=False)
