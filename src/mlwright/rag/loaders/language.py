"""Which language a text is in, where kreuzberg is there to tell."""

from __future__ import annotations

from functools import cache
from typing import Any

_SAMPLE = 2_000
_CODES = {  # ISO 639-3 to the two letters that people write in filters
    "ara": "ar", "ces": "cs", "cmn": "zh", "dan": "da", "deu": "de", "ell": "el", "eng": "en",
    "fin": "fi", "fra": "fr", "heb": "he", "hin": "hi", "hun": "hu", "ind": "id", "ita": "it",
    "jpn": "ja", "kor": "ko", "nld": "nl", "nob": "no", "pes": "fa", "pol": "pl", "por": "pt",
    "ron": "ro", "rus": "ru", "spa": "es", "swe": "sv", "tha": "th", "tur": "tr", "ukr": "uk",
    "vie": "vi",
}  # fmt: skip


def language(text: str) -> str | None:
    """Return the code of the text's language (`en`), or None where it cannot be told."""
    found = _detector()
    return found(text[:_SAMPLE]) if found else None


@cache
def _detector() -> Any:
    try:
        import kreuzberg
    except ModuleNotFoundError:
        return None
    config = kreuzberg.ExtractionConfig(
        language_detection=kreuzberg.LanguageDetectionConfig(enabled=True),
        use_cache=False,
        enable_quality_processing=False,
    )

    def detect(text: str) -> str | None:
        try:
            result = kreuzberg.extract_bytes_sync(text.encode(), "text/plain", config)
        except kreuzberg.KreuzbergError:
            return None
        codes = result.detected_languages or []
        return _CODES.get(codes[0], codes[0]) if codes else None

    return detect
