import av
import numpy as np
import pytest

from pipeline.media.downmix import Downmix, mono_weights

# fmt: off
LAYOUTS = [
    "mono", "stereo", "2.1", "3.0", "3.0(back)", "4.0", "quad", "quad(side)", "3.1", "5.0", "5.0(side)", "4.1", "5.1",
    "5.1(side)", "6.0", "6.0(front)", "hexagonal", "6.1", "6.1(back)", "6.1(front)", "7.0", "7.0(front)", "7.1",
    "7.1(wide)", "7.1(wide-side)", "octagonal", "5.1.2", "7.1.2", "downmix",
]
# fmt: on
FORMS = {"u8": (128, np.uint8), "s16": (2**15, np.int16), "s32": (2**31, np.int32), "flt": (1, np.float32)}


def frame_of(samples: np.ndarray, layout: str, form: str) -> av.AudioFrame:
    """Pack (channels, n) samples in [-1, 1) into a frame."""
    scale, kind = {"u8": (128, np.uint8), "s16": (2**15, np.int16), "s32": (2**31, np.int32), "flt": (1, np.float32)}[
        form
    ]
    data = (samples.T.reshape(1, -1) * scale + (128 if form == "u8" else 0)).astype(kind)
    frame = av.AudioFrame.from_ndarray(data, format=form, layout=layout)
    frame.sample_rate = 48000
    return frame


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_mix_is_that_of_ffmpeg(layout: str) -> None:
    count = len(av.AudioLayout(layout).channels)
    samples = np.random.default_rng(0).uniform(-0.5, 0.5, (count, 512))
    ours = Downmix()(frame_of(samples, layout, "flt"))
    resampler = av.AudioResampler(format="s32", layout="mono", rate=48000)
    (theirs,) = resampler.resample(frame_of(samples, layout, "flt"))
    np.testing.assert_allclose(ours, theirs.to_ndarray()[0] / 2**31, atol=1e-6)


def test_a_centre_voice_keeps_its_place_and_effects_are_left_out() -> None:
    channels = tuple(channel.name for channel in av.AudioLayout("5.1").channels)
    weights = dict(zip(channels, mono_weights(channels), strict=True))
    assert weights["FC"] == pytest.approx(1 / (2 + 2**0.5))
    assert weights["FL"] / weights["FC"] == pytest.approx(10 ** (-3.01 / 20), abs=1e-4)
    assert weights["BL"] / weights["FL"] == pytest.approx(10 ** (-3.01 / 20), abs=1e-4)
    assert weights["LFE"] == 0
    assert sum(weights.values()) == pytest.approx(1)


def test_stereo_is_the_mean_and_unknown_channels_are_averaged() -> None:
    np.testing.assert_allclose(mono_weights(("FL", "FR")), [0.5, 0.5])
    np.testing.assert_allclose(mono_weights(("BIL", "BIR", "X")), [1 / 3] * 3)
    np.testing.assert_array_equal(mono_weights(("FC",)), [1.0])


@pytest.mark.parametrize("form", ["u8", "s16", "s32", "flt"])
def test_full_scale_of_every_format(form: str) -> None:
    samples = np.array([[-1.0, -0.5, 0.0, 0.25, 0.5]])
    np.testing.assert_array_equal(Downmix()(frame_of(samples, "mono", form)), samples[0])


def test_format_and_layout_may_change_on_the_way() -> None:
    mono = Downmix()
    for layout, form in (("stereo", "s16"), ("mono", "s16"), ("mono", "flt"), ("stereo", "flt")):
        count = len(av.AudioLayout(layout).channels)
        np.testing.assert_array_equal(mono(frame_of(np.full((count, 4), 0.5), layout, form)), [0.5] * 4)


def test_channels_that_a_file_only_counts_are_the_usual_ones() -> None:
    samples = np.zeros((6, 8))
    samples[2] = 0.5
    named, counted = (Downmix()(frame_of(samples, layout, "flt")) for layout in ("5.1", "6 channels"))
    assert named[0] == pytest.approx(0.5 * 0.2929, abs=1e-4)
    np.testing.assert_array_equal(named, counted)
    many = Downmix()(frame_of(np.full((9, 8), 0.5), "9 channels", "flt"))
    np.testing.assert_allclose(many, [0.5] * 8)
