from pipeline.report.provenance import Repaired, summarise_alignment


def test_what_was_done_is_counted_over_trials() -> None:
    done = [
        "nothing",
        "3 frames past the last label row masked; 12 frames without a face image masked",
        "2 frames past the last label row masked",
        "sound starts late",
        "1 frames without a face image masked; sound starts late",
    ]
    assert summarise_alignment(done) == (
        Repaired("frames past the last label row masked", 2, 5),
        Repaired("frames without a face image masked", 2, 13),
        Repaired("sound starts late", 2, 0),
    )
    assert summarise_alignment(["nothing"]) == ()
