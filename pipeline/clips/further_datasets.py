"""Further datasets of a clip, such as ``faces_112`` or ``audio_44100``: their digests in one cell of the manifest.

They stand apart from the digest of the rest, so that a clip which gains one stays the same for every feature that does
not depend on it.
"""

from collections.abc import Iterable, Mapping


def write_further(digests: Mapping[str, str]) -> str:
    """Join SHA-256 by dataset to one text; empty where there are none."""
    return " ".join(f"{name}:{digest}" for name, digest in sorted(digests.items()))


def read_further(text: str) -> dict[str, str]:
    """Take apart what `write_further` joined."""
    return {name: digest for name, _, digest in (part.partition(":") for part in text.split())}


def content_of(media: str, further: str, datasets: Iterable[str]) -> str:
    """Return what identifies the parts of a clip that a feature depends on.

    Parameters
    ----------
    media : digest of what every clip holds
    further : text of `write_further`
    datasets : those that the feature reads; the ones that every clip holds are in `media`
    """
    digests = read_further(further)
    return " ".join([media, *(f"{name}:{digests[name]}" for name in sorted(set(datasets) & digests.keys()))])
