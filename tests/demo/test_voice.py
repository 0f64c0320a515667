import numpy as np
import numpy.typing as npt
import pytest
from scipy.signal import welch

from pipeline.demo.latent import View, stream
from pipeline.demo.voice import Speech, Voice, speak, synthesise, voice_of

RATE = 16000
SECONDS = 6.0
COUNT = 700
VOICE = Voice(pitch=150.0, formants=1.0, rate=1.0)


def level(valence: float, arousal: float) -> tuple[Speech, npt.NDArray[np.float64]]:
    view = View(valence=np.full(COUNT, valence), arousal=np.full(COUNT, arousal))
    speech = speak(view, VOICE, stream(0, "syllables"), np.ones(COUNT))
    return speech, synthesise(view, speech, VOICE, stream(0, "sound"), seconds=SECONDS, rate=RATE)


def centroid(sound: npt.NDArray[np.float64]) -> float:
    frequency, power = welch(sound, RATE, nperseg=1024)
    return float((frequency * power).sum() / power.sum())


def syllables(speech: Speech) -> int:
    return int(np.sum(np.diff(np.sign(speech.energy - 0.3)) > 0))


def test_arousal_makes_the_voice_louder_brighter_and_faster() -> None:
    (calm, quiet), (excited, loud) = level(0, -1), level(0, 1)
    assert 20 * np.log10(loud.std() / quiet.std()) == pytest.approx(13, abs=2.5)
    assert centroid(loud) > 1.15 * centroid(quiet)
    assert syllables(excited) > 1.3 * syllables(calm)


def test_valence_spreads_the_formants_but_not_the_level() -> None:
    (_, low), (_, high) = level(-1, 0), level(1, 0)
    assert abs(20 * np.log10(high.std() / low.std())) < 2


def test_the_pitch_is_the_speakers() -> None:
    _, sound = level(1, 0)
    frequency, power = welch(sound, RATE, nperseg=8192)
    band = (frequency > 110) & (frequency < 190)
    assert frequency[band][power[band].argmax()] == pytest.approx(150, rel=0.06)


def test_nobody_speaks_out_of_turn() -> None:
    view = View(valence=np.zeros(COUNT), arousal=np.zeros(COUNT))
    turn = (np.arange(COUNT) < 300).astype(float)
    speech = speak(view, VOICE, stream(0, "syllables"), turn)
    sound = synthesise(view, speech, VOICE, stream(0, "sound"), seconds=SECONDS, rate=RATE)
    assert sound[: 2 * RATE].std() > 0.01
    assert np.abs(sound[int(3.2 * RATE) :]).max() < 1e-6


@pytest.mark.parametrize("rate", [16000, 44100, 48000])
def test_the_sound_has_the_length_asked_for(rate: int) -> None:
    view = View(valence=np.zeros(COUNT), arousal=np.zeros(COUNT))
    speech = speak(view, VOICE, stream(0, "s"), np.ones(COUNT))
    sound = synthesise(view, speech, VOICE, stream(0, "s"), seconds=2.5, rate=rate)
    assert sound.shape == (round(2.5 * rate),)
    assert np.abs(sound).max() < 2


def test_a_subject_keeps_the_voice() -> None:
    assert voice_of(1, "video7") == voice_of(1, "video7")
    assert len({voice_of(1, f"video{number}").pitch for number in range(10)}) == 10
