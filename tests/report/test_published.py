import pytest

from pipeline.models.config import PublishedKey
from pipeline.report.published import entries, figure_of, published_row
from pipeline.runtime.errors import ConfigError


def key(source: str, method: str, modality: str = "fusion") -> PublishedKey:
    return PublishedKey.model_validate({"source": source, "method": method, "modality": modality})


def test_the_grjca_row_is_as_printed() -> None:
    row = published_row(key("grjca Table 1", "GRJCA"))
    assert row.ccc == {"valence": 0.623, "arousal": 0.660}
    assert (row.dataset, row.backbones) == ("Aff-Wild2", "A: VGGish; V: ResNet-50")
    assert row.folds == {}
    visual = published_row(key("grjca Table 1", "GRJCA", "visual"))
    assert visual.ccc == {"valence": 0.405, "arousal": 0.635}


def test_a_row_of_folds_gives_their_mean_and_each_of_them() -> None:
    row = published_row(key("interactive_multimodal_fusion Table 2", "Multi-scale TCN + cross-modal attention"))
    valence = [0.3672, 0.4793, 0.5968, 0.5692, 0.6045, 0.4046]
    assert [row.folds[k]["valence"] for k in range(6)] == valence
    assert row.ccc["valence"] == pytest.approx(sum(valence) / 6)


def test_numbers_of_an_official_split_compare_with_fold_0_and_not_with_the_mean() -> None:
    row = published_row(key("grjca Table 1", "GRJCA"))
    official = row.compare(official_split=True)
    assert (official.folds, official.mean) == ({0: row.ccc}, {})
    assert official.words.startswith(
        "on the official validation set of Aff-Wild2; beside fold 0, which validates on this"
    )
    # Of a corpus whose folds are all alike, none is the split of the publication.
    other = row.compare(official_split=False)
    assert (other.folds, other.mean) == ({}, row.ccc)
    folds = published_row(key("interactive_multimodal_fusion Table 2", "Multi-scale TCN + cross-modal attention"))
    for official_split in (True, False):
        compared = folds.compare(official_split=official_split)
        assert (compared.folds, compared.mean) == (folds.folds, folds.ccc)
        assert compared.words.startswith("6 folds")


def test_p_is_the_mean_of_the_printed_targets() -> None:
    ccc = {"valence": 0.6, "arousal": 0.5}
    assert figure_of(ccc, "valence", targets=["valence", "arousal"]) == 0.6
    assert figure_of(ccc, "P", targets=["valence", "arousal"]) == pytest.approx(0.55)
    assert figure_of({"valence": 0.6}, "arousal", targets=["valence", "arousal"]) is None
    assert figure_of({"valence": 0.6}, "P", targets=["valence", "arousal"]) is None


def test_every_entry_belongs_to_one_row_that_can_be_found() -> None:
    assert len(entries()) == 58
    for entry in entries():
        row = published_row(key(entry.source, entry.method, entry.modality))
        number = int(entry.partition[5:]) if entry.partition.startswith("fold-") else None
        found = row.ccc if number is None else row.folds[number]
        assert found[entry.target] == pytest.approx(entry.value)


def test_an_unknown_row_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ConfigError) as caught:
        published_row(key("grjca Table 1", "GRJCA", "audio"))
    assert "there is no row {source: grjca Table 1, method: GRJCA, modality: audio}" in str(caught.value)
    assert "\n  {source: grjca Table 1, method: GRJCA, modality: fusion}" in str(caught.value)
