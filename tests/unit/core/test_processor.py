import os

import pytest

from mlwright.core.processor import prefer_fast_sort

HEAD = """processor\t: 0
vendor_id\t: {vendor}
cpu family\t: {family}
model name\t: of this test
flags\t\t: fpu sse2 avx2 {flags} bmi2

processor\t: 1
vendor_id\t: {vendor}
"""


def said(tmp_path, monkeypatch, text):
    monkeypatch.delenv("NPY_DISABLE_CPU_FEATURES", raising=False)
    about = tmp_path / "cpuinfo"
    about.write_text(text)
    prefer_fast_sort(about=about)
    found = os.environ.get("NPY_DISABLE_CPU_FEATURES")
    monkeypatch.delenv("NPY_DISABLE_CPU_FEATURES", raising=False)
    return found


@pytest.mark.parametrize(
    ("vendor", "family", "flags", "wanted"),
    [
        ("AuthenticAMD", 25, "avx512f", "X86_V4"),  # Zen 4
        ("AuthenticAMD", 25, "", None),  # Zen 3
        ("AuthenticAMD", 26, "avx512f", None),  # Zen 5
        ("GenuineIntel", 6, "avx512f", None),
    ],
)
def test_only_zen_4_sorts_without_avx_512(tmp_path, monkeypatch, vendor, family, flags, wanted):
    text = HEAD.format(vendor=vendor, family=family, flags=flags)
    assert said(tmp_path, monkeypatch, text) == wanted


def test_other_descriptions_are_no_matter(tmp_path, monkeypatch):
    assert said(tmp_path, monkeypatch, "CPU architecture: 8\n\nserial\n") is None
    prefer_fast_sort(about=tmp_path / "nothing")


def test_the_users_choice_stays(tmp_path, monkeypatch):
    about = tmp_path / "cpuinfo"
    about.write_text(HEAD.format(vendor="AuthenticAMD", family=25, flags="avx512f"))
    monkeypatch.setenv("NPY_DISABLE_CPU_FEATURES", "AVX512_ICL")
    prefer_fast_sort(about=about)
    assert os.environ["NPY_DISABLE_CPU_FEATURES"] == "AVX512_ICL"
