"""Which arithmetic a processor is asked for."""

from pathlib import Path

import pytest
import torch

from cnn_core.training import inference


@pytest.mark.parametrize(
    ("amx", "avx512", "vendor", "fast"),
    [
        (True, True, "GenuineIntel", True),
        (False, True, "GenuineIntel", False),
        (False, True, "AuthenticAMD", True),
        (False, True, "", True),
        (False, False, "AuthenticAMD", False),
    ],
)
def test_bf16_only_where_it_is_faster(monkeypatch, amx, avx512, vendor, fast):
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(inference, "cpu_vendor", lambda: vendor)
    inference.fast_bf16.cache_clear()
    try:
        assert inference.use_bf16("auto", torch.device("cpu")) is fast
        assert inference.use_bf16("bf16", torch.device("cpu"))
        assert not inference.use_bf16("fp32", torch.device("cpu"))
    finally:
        inference.fast_bf16.cache_clear()


def test_the_vendor_is_that_of_the_system():
    listed = Path("/proc/cpuinfo").exists() and "vendor_id" in Path("/proc/cpuinfo").read_text(errors="replace")
    assert bool(inference.cpu_vendor()) is listed
