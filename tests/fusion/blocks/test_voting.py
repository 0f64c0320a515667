import numpy as np
import pytest
import torch

from pipeline.fusion.blocks.voting import Votes, VotingHead


def test_a_sharpness_of_one_weighs_by_the_precision() -> None:
    errors = torch.tensor([0.2, 0.4, 0.8])
    votes = Votes(torch.tensor([[[[1.0], [2.0], [4.0]]]]), -errors.log().reshape(1, 1, 3))
    expected = np.average([1.0, 2.0, 4.0], weights=[1 / 0.2, 1 / 0.4, 1 / 0.8])
    assert votes.weighed(sharpness=1.0).item() == pytest.approx(expected)
    assert votes.weighed(sharpness=50.0).item() == pytest.approx(1.0)


def test_a_vote_reads_its_own_part_of_the_features() -> None:
    head = VotingHead(in_features=3 * 5, ranges=[(-1.0, 1.0)], voters=3).eval()
    features = torch.randn(2, 7, 15, requires_grad=True)
    votes = head.votes(features)
    assert votes.predictions.shape == (2, 7, 3, 1)
    torch.testing.assert_close(votes.precision, features[..., -3:])
    torch.testing.assert_close(head(features), votes.weighed(sharpness=head.sharpness))
    for voter in range(3):
        (gradient,) = torch.autograd.grad(votes.predictions[..., voter, :].sum(), features, retain_graph=True)
        columns = gradient.abs().sum(dim=(0, 1)).nonzero().flatten().tolist()
        assert columns == list(range(4 * voter, 4 * voter + 4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"voters": 1}, "got 1 and 15 features"),
        ({"voters": 4}, "got 4 and 15 features"),
        ({"voters": 3, "sharpness": 0.0}, "got 0.0"),
        ({"voters": 3, "dropout": 1.0}, "got 1.0"),
    ],
)
def test_what_cannot_vote_is_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VotingHead(in_features=15, ranges=[(-1.0, 1.0)], **options)
