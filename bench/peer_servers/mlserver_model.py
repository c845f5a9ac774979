"""A model of MLServer that gives probabilities, as its guide writes a custom one."""

import joblib
from mlserver import MLModel
from mlserver.codecs import PandasCodec
from mlserver.types import InferenceRequest, InferenceResponse, ResponseOutput


class Probability(MLModel):
    async def load(self) -> bool:
        self._model = joblib.load(self.settings.parameters.uri)
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        table = PandasCodec.decode_request(payload)
        found = self._model.predict_proba(table)[:, 1].tolist()
        output = ResponseOutput(
            name="probability", shape=[len(found), 1], datatype="FP64", data=found
        )
        return InferenceResponse(model_name=self.name, outputs=[output])
