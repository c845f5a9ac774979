"""txtai on whole documents: dense, and its hybrid."""

import meaning
import numpy as np
from txtai import Embeddings


def transform(texts):
    return np.array(meaning.embed_documents(texts), dtype=np.float32)


def ask(**settings):
    index = Embeddings(method="external", transform=transform, **settings)
    index.index((key, text, None) for key, text in meaning.documents().items())
    return lambda text: [key for key, _ in index.search(text, meaning.ASKED)]


meaning.write(dense=ask(), hybrid=ask(hybrid=True))
