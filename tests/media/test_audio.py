from pathlib import Path

import numpy as np
import pytest

from pipeline.media import audio
from pipeline.media.audio import read_audio
from pipeline.runtime.errors import InputError
from tests.media_factory import cut_off, damage, write_video
from tests.miniatures import write_wav


def sine(frequency: float, rate: int, seconds: float) -> np.ndarray:
    return np.sin(2 * np.pi * frequency * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def test_both_rates_come_from_one_reading(tmp_path: Path) -> None:
    low, high = read_audio(write_video(tmp_path / "a.avi", sound_codec="pcm_s16le"), (16000, 44100))
    assert (low.rate, len(low.samples)) == (16000, 16000)
    assert (high.rate, len(high.samples)) == (44100, 44100)
    expected = np.rint(0.5 * sine(440, 44100, 1.0) * 32767)
    np.testing.assert_allclose(high.samples, expected, atol=1)


def test_channels_are_averaged(tmp_path: Path) -> None:
    tone = sine(440, 44100, 1.0)
    path = write_video(tmp_path / "a.avi", audio=np.stack([tone, -tone]), sound_codec="pcm_s16le")
    (track,) = read_audio(path, (44100,))
    assert np.abs(track.samples).max() <= 1
    path = write_video(tmp_path / "b.avi", audio=np.stack([tone, 0 * tone]), sound_codec="pcm_s16le")
    (track,) = read_audio(path, (44100,))
    np.testing.assert_allclose(track.samples, np.rint(tone * 32767) / 2, atol=1)


@pytest.mark.parametrize(("codec", "name"), [("pcm_s16le", "a.avi"), ("aac", "a.mp4"), ("pcm_f32le", "a.wav")])
def test_a_centre_voice_of_surround_sound_is_mixed_as_ffmpeg_does(tmp_path: Path, codec: str, name: str) -> None:
    signal = np.zeros((6, 44100))
    signal[2] = 0.5 * sine(440, 44100, 1.0)
    path = write_video(tmp_path / name, audio=signal, sound_codec=codec, video=name != "a.wav")
    (track,) = read_audio(path, (44100,))
    inner = track.samples[4410:-4410].astype(float) / 32768
    assert np.sqrt(2 * np.mean(inner**2)) == pytest.approx(0.5 * 0.2929, rel=0.01)


def test_eight_channels_are_read(tmp_path: Path) -> None:
    signal = np.stack([0.3 * sine(200 + 100 * channel, 44100, 1.0) for channel in range(8)])
    (track,) = read_audio(write_video(tmp_path / "a.mp4", audio=signal, video=False), (44100,))
    spectrum = np.abs(np.fft.rfft(track.samples[:44100].astype(float)))
    levels = spectrum[200:1000:100]
    assert levels[2] == levels.max()
    assert levels[3] < 0.05 * levels.max()
    assert levels[4:].min() > 0.3 * levels.max()


def test_samples_of_64_bits(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.wav", video=False, sound_codec="pcm_s64le")
    (track,) = read_audio(path, (44100,))
    np.testing.assert_allclose(track.samples, np.rint(0.5 * sine(440, 44100, 1.0) * 32767), atol=1)


def test_a_rate_nearly_coprime_with_the_wanted_one(tmp_path: Path) -> None:
    (track,) = read_audio(write_wav(tmp_path / "a.wav", seconds=2.0, rate=47999, hertz=300.0), (16000,))
    assert len(track.samples) == 32000
    spectrum = np.abs(np.fft.rfft(track.samples.astype(float)))
    assert np.argmax(spectrum) == 600
    assert spectrum[600] == pytest.approx(8000 * 16000, rel=0.01)


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_wav_that_breaks_off(tmp_path: Path, share: float) -> None:
    with pytest.raises(InputError, match=r"a\.wav: the file breaks off: \d+ bytes of its part 'RIFF WAVE' are missing"):
        read_audio(cut_off(write_wav(tmp_path / "a.wav"), share), (16000,))


def test_a_rate_that_no_recorder_has(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav")
    data = bytearray(path.read_bytes())
    data[24:28] = (3).to_bytes(4, "little")
    path.write_bytes(bytes(data))
    with pytest.raises(InputError, match="its sample rate is 3 Hz"):
        read_audio(path, (16000,))


def test_a_folder_is_no_sound(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the file does not open: Is a directory"):
        read_audio(tmp_path, (16000,))


def test_missing_packets_leave_silence_and_no_shift(tmp_path: Path) -> None:
    rate = 44100
    signal = np.zeros((1, 2 * rate))
    signal[0, rate : rate + 200] = 0.9
    whole = read_audio(write_video(tmp_path / "a.mp4", frames=60, audio=signal), (rate,))[0]
    holed = read_audio(write_video(tmp_path / "b.mp4", frames=60, audio=signal, skip_sound=range(10, 20)), (rate,))[0]
    assert np.abs(whole.samples).argmax() == pytest.approx(rate, abs=300)
    assert np.abs(holed.samples).argmax() == pytest.approx(np.abs(whole.samples).argmax(), abs=2)
    assert len(holed.samples) == len(whole.samples)
    assert "are missing at 0.2" in holed.notes[0]
    assert whole.notes == ()


def test_overlapping_sound_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pieces = [(np.full(1000, 0.25), 1000, 0.0), (np.full(1000, 0.5), 1000, 0.9)]
    monkeypatch.setattr(audio, "_frames", lambda *_: iter(pieces))
    (track,) = read_audio(write_video(tmp_path / "a.mp4"), (1000,))
    np.testing.assert_array_equal(track.samples, [8192] * 1000 + [16384] * 900)
    assert "overlap" in track.notes[0]


@pytest.mark.parametrize(
    ("second", "message"), [((1000, 100.0), "jump by 99.0 s at 1.00 s"), ((2000, 1.0), "changes from 1000 to 2000 Hz")]
)
def test_what_cannot_be_laid_out_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, second: tuple[int, float], message: str
) -> None:
    pieces = [(np.zeros(1000), 1000, 0.0), (np.zeros(1000), *second)]
    monkeypatch.setattr(audio, "_frames", lambda *_: iter(pieces))
    with pytest.raises(InputError, match=message):
        read_audio(write_video(tmp_path / "a.mp4"), (1000,))


def test_damage_names_the_time(tmp_path: Path) -> None:
    path = damage(write_video(tmp_path / "a.mp4", frames=60, video=False), count=600)
    with pytest.raises(InputError, match=r"a\.mp4: the sound cannot be decoded after \d\.\d\d s"):
        read_audio(path, (16000,))


def test_a_file_without_sound(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no audio stream"):
        read_audio(write_video(tmp_path / "a.mp4", audio=False), (16000,))
