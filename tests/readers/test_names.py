import pytest

from pipeline.readers.names import subject_of, video_name


@pytest.mark.parametrize(
    ("trial", "video", "subject"),
    [
        ("360", "360", "360"),
        ("video2", "video2", "video2"),
        ("video2_left", "video2", "video2"),
        ("10-60-1280x720_right", "10-60-1280x720", "10-60-1280x720"),
        ("122-60-1920x1080-1", "122-60-1920x1080-1", "122-60-1920x1080"),
        ("122-60-1920x1080-5", "122-60-1920x1080-5", "122-60-1920x1080"),
        ("28-30-1280x720-4_left", "28-30-1280x720-4", "28-30-1280x720"),
        ("video86_2", "video86_2", "video86"),
        ("video10_1_left", "video10_1", "video10"),
        ("118-30-640x480", "118-30-640x480", "118-30-640x480"),
        ("Video2_LEFT", "Video2", "video2"),
        ("VIDEO10_1_Left", "VIDEO10_1", "video10"),
    ],
)
def test_video_and_subject(trial: str, video: str, subject: str) -> None:
    assert video_name(trial) == video
    assert subject_of(trial) == subject
