"""The voice track of a video: speakers taking turns, room tone, and the stretches in which it is useless."""

import numpy as np
import numpy.typing as npt

from pipeline.demo.config import DemoConfig
from pipeline.demo.latent import CONTROL_RATE, Curve, at, stream, view
from pipeline.demo.plan import Plan
from pipeline.demo.segments import cover
from pipeline.demo.voice import Speech, speak, synthesise, voice_of

_ROOM_TONE = 0.0006
_STREET_NOISE = 0.09
_FADE = 0.05


def turns(random: np.random.Generator, *, speakers: int, count: int) -> list[Curve]:
    """Share the time among speakers: each holds the floor for 2 to 3.5 seconds; a lone speaker always does."""
    floor = np.zeros(count, dtype=int)
    start, speaker = 0, int(random.integers(speakers))
    while start < count:
        end = start + int(random.uniform(2.0, 3.5) * CONTROL_RATE)
        floor[start:end] = speaker
        start, speaker = end, (speaker + 1) % speakers
    return [(floor == place).astype(np.float64) for place in range(speakers)]


def voice_track(config: DemoConfig, script: Plan) -> tuple[npt.NDArray[np.int16], list[Speech]]:
    """Speak the video.

    Returns
    -------
    samples : (N,) at `config.sample_rate`
    speeches : each person's syllables, which move the mouths
    """
    video = script.video
    random = stream(config.seed, video.name, "sound")
    floor = turns(random, speakers=len(video.subjects), count=script.controls)
    count = round(script.seconds * config.sample_rate)
    times = np.arange(count) / config.sample_rate
    total = np.zeros(count)
    speeches = []
    for place, subject in enumerate(video.subjects):
        own = stream(config.seed, video.name, "voice", str(place))
        seen = view(script.affects[place], config.noise.audio, own, period=config.latent_period)
        voice = voice_of(config.seed, subject)
        speech = speak(seen, voice, own, floor[place])
        speeches.append(speech)
        total += synthesise(seen, speech, voice, own, seconds=script.seconds, rate=config.sample_rate)

    segments = list(script.audio)
    silent, noisy = (
        at(times, cover(segments, modality="audio", kind=kind, count=script.controls, ramp=_FADE))
        for kind in ("silence", "noise")
    )
    # Low-passed white noise, like traffic: it hides the voice in every band instead of adding to it.
    rumble = random.standard_normal(count + 1)
    street = 0.6 * (rumble[1:] + rumble[:-1]) * _STREET_NOISE
    total = total * (1 - silent) * (1 - noisy) + noisy * street
    total += _ROOM_TONE * (1 - silent) * random.standard_normal(count)
    return np.round(32767 * 0.98 * np.tanh(total)).astype(np.int16), speeches
