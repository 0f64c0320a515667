import pytest

from pipeline.media.sample_tables import check_tables
from tests.media_factory import boxes, write_video


@pytest.fixture(scope="module")
def movie(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, int]:
    """The content of a movie box with B-frames, edits and two tracks; the size of its file."""
    path = write_video(tmp_path_factory.mktemp("tables") / "a.mp4", frames=45)
    place = boxes(path)["moov"]
    return path.read_bytes()[place.start + 8 : place.stop], path.stat().st_size


def changed(movie: tuple[bytes, int], table: bytes, place: int, value: int) -> str:
    """Set four bytes of the first table of a kind, `place` bytes into its content; return what is said then."""
    data = bytearray(movie[0])
    start = data.find(table) + 4 + place
    assert start > 4 + place
    data[start : start + 4] = value.to_bytes(4, "big")
    return "; ".join(check_tables(bytes(data), movie[1]))


def test_whole_tables_agree(movie: tuple[bytes, int]) -> None:
    for table in (b"stts", b"ctts", b"stsz", b"stco", b"stsc", b"elst", b"tkhd", b"mdhd"):
        assert table in movie[0]
    assert list(check_tables(*movie)) == []
    assert list(check_tables(b"", 0)) == []


@pytest.mark.parametrize(
    ("table", "place", "value", "message"),
    [
        (b"stts", 8, 40, "45 samples with 40 durations"),
        (b"stsz", 8, 44, "44 samples with 45 durations"),
        (b"stsz", 12, 1 << 30, "bytes behind the file's end"),
        (b"stco", 8, 1 << 30, "bytes behind the file's end"),
        (b"stsc", 12, 7, "samples, of which"),
        (b"stts", 12, 1 << 20, "and its samples"),
        (b"mdhd", 16, 1, "and its samples"),
        (b"mdhd", 12, 1 << 20, "s of it are shown, and it is"),
        (b"ctts", 12, 1 << 30, "long before or after"),
        (b"elst", 8, 1, "its edit list has another length than the track"),
        (b"stco", 4, 1 << 24, "the tables of its track 1 are damaged"),
        (b"stsc", 8, 1 << 24, "the tables of its track 1 are damaged"),
    ],
)
def test_a_damaged_number_is_noticed(
    movie: tuple[bytes, int], table: bytes, place: int, value: int, message: str
) -> None:
    assert message in changed(movie, table, place, value)


@pytest.mark.parametrize("box", [b"mdhd", b"tkhd", b"stsz", b"stts", b"stco", b"mvhd"])
def test_a_table_that_is_gone(movie: tuple[bytes, int], box: bytes) -> None:
    text = "; ".join(check_tables(movie[0].replace(box, b"xxxx"), movie[1]))
    assert text.startswith("the tables of its track 1 are damaged")
    assert ("co64" if box == b"stco" else box.decode()) in text


def test_a_file_that_is_shorter_than_its_samples(movie: tuple[bytes, int]) -> None:
    assert "behind the file's end" in "; ".join(check_tables(movie[0], movie[1] // 2))
