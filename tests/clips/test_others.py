from pipeline.clips.others import content_of, read_others, write_others


def test_round_trip_sorted_by_name() -> None:
    digests = {"faces_112": "b", "audio_44100": "a"}
    assert write_others(digests) == "audio_44100:a faces_112:b"
    assert read_others(write_others(digests)) == digests
    assert write_others({}) == ""
    assert read_others("") == {}


def test_only_what_is_needed_counts() -> None:
    others = write_others({"faces_112": "b", "audio_44100": "a"})
    assert content_of("m", others, {"faces"}) == content_of("m", "", {"faces"}) == "m"
    assert content_of("m", others, {"faces_112"}) == "m faces_112:b"
    assert content_of("m", others, ("faces_112", "audio_44100")) == "m audio_44100:a faces_112:b"
