"""SHA-256 over the contents of a trial's files: what its index row and its clip are known by."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

IMAGE_NAME = re.compile(r"(?P<number>[0-9]{5})\.(jpg|jpeg|png)", re.IGNORECASE)
"""Frame number, from 1: image ``00001.jpg`` shows frame 0."""

CLUTTER = frozenset({"thumbs.db", "desktop.ini"})
"""What file managers leave behind; names with a leading dot are left out too."""


def list_images(folder: Path) -> list[str]:
    """Return the names of all files in a folder of crops, sorted, without what file managers leave there."""
    with os.scandir(folder) as entries:  # which know the files from the folders without asking for each
        return sorted(
            entry.name
            for entry in entries
            if not entry.name.startswith(".") and entry.name.lower() not in CLUTTER and entry.is_file()
        )


def digest_bytes(data: bytes) -> str:
    """Return the SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class FolderDigest:
    """SHA-256 over names and bytes of a folder's files, fed one by one in the order of their names."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def add(self, name: str, data: bytes) -> None:
        """Count one more file in."""
        # The length keeps one file's end from passing for the next one's beginning.
        self._digest.update(f"{name}\0{len(data)}\0".encode())
        self._digest.update(data)

    def hexdigest(self) -> str:
        """Return the SHA-256 of all files so far."""
        return self._digest.hexdigest()


def trial_digest(sources: Mapping[str, str]) -> str:
    """Return one SHA-256 for a trial from those of its sources (``video``, ``images``, ``annotation``, ``audio``)."""
    return digest_bytes(json.dumps(dict(sources), sort_keys=True).encode())
