"""The type of what embedders give and stores take."""

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
"""float32 (n, dimension), each row of length 1."""
