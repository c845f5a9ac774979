"""The exact packages that a model needs, as they are installed here."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version


def requirements(packages: tuple[str, ...]) -> list[str]:
    """Return the exact packages that a model needs, mlwright among them."""
    return [exact(name) for name in ("mlwright", *packages)]


def exact(name: str) -> str:
    """Return a package with its version.

    Raises:
        PackageNotFoundError: it is not installed.
    """
    try:
        return f"{name}=={version(name)}"
    except PackageNotFoundError:
        # The same package without what a GPU needs.
        return f"{name}=={version(f'{name}-cpu')}"
