import numpy as np
import pytest

from pipeline.clips.target import Target
from pipeline.corpora.gold_standard import parse_gold_standard
from pipeline.runtime.errors import InputError

AROUSAL = Target("arousal", -1.0, 1.0)
HEADER = """@relation GOLDSTANDARD

@attribute Instance_name string
@attribute frameTime numeric
@attribute GoldStandard numeric


@data

"""


def rows(count: int) -> str:
    return "".join(f"'train_1',{0.04 * number:.2f},{0.0001 * number:.6f}\n" for number in range(count))


def problems_of(text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        parse_gold_standard(text.encode(), AROUSAL, file="train_1.arff")
    return [str(problem) for problem in caught.value.problems]


def test_the_released_form() -> None:
    found = parse_gold_standard((HEADER + rows(7501)).encode(), AROUSAL, file="train_1.arff")
    assert found.time is not None
    assert len(found.values) == 7501
    assert found.time[-1] == 300.0
    assert found.values[100] == np.float32(0.01)


@pytest.mark.parametrize(
    "text",
    [
        "time,GoldStandard\n0.00,0.1\n0.04,0.2\n",
        "time;arousal\n0.00;0.1\n0.04;0.2\n",
        "Instance_name,frameTime,GoldStandard,label\n'train_1',0.00,0.1,9\n'train_1',0.04,0.2,9\n",
        "GoldStandard\n0.1\n0.2\n",
        "0.1\n0.2\n",
        "% a comment\n@RELATION x\n@ATTRIBUTE 'frameTime' real\n@ATTRIBUTE arousal real\n@DATA\n0,0.1\n0.04,0.2\n",
    ],
)
def test_other_forms_mean_the_same(text: str) -> None:
    found = parse_gold_standard(text.encode(), AROUSAL, file="train_1.csv")
    assert found.time is not None
    assert found.time.tolist() == [0, 0.04]
    assert found.values.tolist() == [np.float32(0.1), np.float32(0.2)]


def test_a_missing_value_is_no_rating() -> None:
    found = parse_gold_standard((HEADER + "'a',0.00,?\n'a',0.04,1\n").encode(), AROUSAL, file="a.arff")
    assert np.array_equal(found.values, np.array([np.nan, 1], dtype=np.float32), equal_nan=True)


def test_bad_rows_are_listed_with_their_lines_in_the_file() -> None:
    found = problems_of(HEADER + "'a',0.00,0.5\n'a',0.04,1.5\n\n'a',0.04\n'a',0.02,x\n")
    assert [line.split(": ")[0] for line in found] == [f"train_1.arff:{line}" for line in (11, 12, 13, 14)]
    assert "arousal 1.5 is outside [-1, 1]" in found[0]


def test_ratings_of_single_raters_are_no_gold_standard() -> None:
    (found,) = problems_of("time;FM1;FM2\n0.00;0.1;0.2\n")
    assert "one of them must be GoldStandard or arousal" in found


def test_an_arff_file_that_breaks_off_is_refused() -> None:
    assert "an ARFF file without @data" in problems_of(HEADER.partition("@data")[0])[0]
    assert "there are no rows" in problems_of(HEADER)[0]
    assert "columns ''" in problems_of("@relation x\n@data\n1\n")[0]
