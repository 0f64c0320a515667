from base64 import b64decode

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.packed import GAP, STEPS, pack, pack_bytes, pack_times


@given(st.lists(st.one_of(st.floats(-3, 7), st.just(float("nan"))), max_size=50))
def test_values_come_back_to_half_a_step_and_gaps_stay_gaps(values: list[float]) -> None:
    low, high = -2.0, 5.0
    whole = np.frombuffer(b64decode(pack(np.array(values), low=low, high=high)), dtype="<i2")
    assert len(whole) == len(values)
    for value, packed in zip(values, whole, strict=True):
        if np.isnan(value):
            assert packed == GAP
        else:
            # As the page's script reads them.
            read = low + (int(packed) + 32767) / STEPS * (high - low)
            assert read == pytest.approx(np.clip(value, low, high), abs=0.51 * (high - low) / STEPS)


def test_times_are_single_precision_and_bytes_are_bytes() -> None:
    seconds = np.array([0.0, 0.04, 7199.96])
    read = np.frombuffer(b64decode(pack_times(seconds)), dtype="<f4")
    np.testing.assert_allclose(read, seconds, atol=5e-4)
    assert b64decode(pack_bytes(b"\xff\xd8")) == b"\xff\xd8"
