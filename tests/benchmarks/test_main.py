from benchmarks.__main__ import measurements


def test_every_measurement_is_run_and_that_of_a_gpu_where_there_is_one() -> None:
    without = measurements(gpu=False)
    assert {"clips", "extract", "views"} <= set(without)
    assert not {"gpu", "contact_sheet", "gating", "precision"} & set(without)
    assert sorted([*without, "gpu"]) == measurements(gpu=True)
