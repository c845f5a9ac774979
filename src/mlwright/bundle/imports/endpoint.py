"""A model that answers at an address: which contract it speaks is found out by asking."""

from __future__ import annotations

import json

from mlwright.bundle.foreign import Columns, Foreign
from mlwright.bundle.imports.asked import Asked, Incoming, settled
from mlwright.bundle.manifest import to_bytes
from mlwright.bundle.plan import Plan
from mlwright.bundle.runtimes.endpoint import CONTRACTS, load
from mlwright.bundle.sources import FileSource
from mlwright.core.errors import BundleError, ConfigError, RemoteError
from mlwright.core.signature import Signature
from mlwright.data.schema import columns

_PROBED = 2


def read(where: str, asked: Asked) -> Incoming:
    """Send the first rows of the reference in each contract until one is understood.

    Raises:
        BundleError: the address is not trusted, or its answers cannot be read.
        RemoteError: it answers no contract.
        ConfigError, DataError: see `settled`.
    """
    asked.trust.check_address(where)
    if asked.reference is None:
        raise ConfigError(
            "an endpoint does not say which columns it takes", hint="give --reference FILE"
        )
    signature = settled(asked, only_where_null=True)
    few = columns(asked.reference.table.head(_PROBED), signature)
    data = _understood(where, asked, signature, few)
    source = FileSource("endpoint", "model.json", data, ("numpy",))
    contract = json.loads(data)["contract"]
    return Incoming("endpoint", signature, Plan(()), source, params={"contract": contract})


def _understood(where: str, asked: Asked, signature: Signature, few: Columns) -> bytes:
    refusals = []
    for contract in CONTRACTS:
        data = to_bytes(
            {
                "url": where,
                "contract": contract,
                "timeout": asked.timeout,
                "token": asked.token,
            },
            sort=True,
        )
        try:
            load(Foreign(data, signature, {}, asked.trust)).scores(few)
        except (RemoteError, BundleError) as exc:
            refusals.append(f"{contract}: {exc}")
        else:
            return data
    raise RemoteError(
        f"no contract is understood there: {'; '.join(refusals)}",
        hint="the endpoint must take JSON rows by POST at exactly this address",
    )
