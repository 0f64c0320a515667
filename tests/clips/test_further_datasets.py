from pipeline.clips.further_datasets import content_of, read_further, write_further


def test_round_trip_sorted_by_name() -> None:
    digests = {"faces_112": "b", "audio_44100": "a"}
    assert write_further(digests) == "audio_44100:a faces_112:b"
    assert read_further(write_further(digests)) == digests
    assert write_further({}) == ""
    assert read_further("") == {}


def test_only_the_datasets_of_a_backbone_count() -> None:
    further = write_further({"faces_112": "b", "audio_44100": "a"})
    assert content_of("m", further, {"faces"}) == content_of("m", "", {"faces"}) == "m"
    assert content_of("m", further, {"faces_112"}) == "m faces_112:b"
    assert content_of("m", further, ("faces_112", "audio_44100")) == "m audio_44100:a faces_112:b"
