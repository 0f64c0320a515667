"""The extract stage with several views of a backbone; `embedded` holds views by trial and name, and joins by trial."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from zarr.storage import ZipStore

from pipeline.features.store import FeatureStore
from pipeline.features.trial_file import FILE, read_array
from pipeline.features.views import views_of
from pipeline.runtime.errors import ConfigError
from pipeline.runtime.items import ItemCache
from stages import extract
from tests.backbones.clips import make_clip
from tests.stages.test_extract import STORE, content, embedded, project, write_clips, write_params

__all__ = ["embedded", "project"]


def ask_for(views: str) -> None:
    write_params(precision=f"float32, views: {views}" if views else "float32")


def test_the_centre_alone_is_what_it_is_without_views(embedded: list[str]) -> None:
    extract.main()
    before = content()
    ask_for("[centre]")
    extract.main()
    assert embedded == ["7", "video2_left"]
    assert content() == before
    assert "views" not in FeatureStore.open(STORE).attributes
    assert FeatureStore.open(STORE).read("7").embedding.shape == (3, 512)


def test_what_comes_out(embedded: list[str]) -> None:
    extract.main()
    centre = {trial: FeatureStore.open(STORE).read(trial) for trial in ("7", "video2_left")}
    embedded.clear()
    ask_for("[centre_flipped, centre, top_left]")
    extract.main()
    further = [f"{trial} {view}" for trial in ("7", "video2_left") for view in ("centre_flipped", "top_left")]
    assert embedded == [*further, "7", "video2_left"], "the centre is there already; two views each, and the joins"
    store = FeatureStore.open(STORE)
    store.check(["7", "video2_left"])
    assert store.attributes["views"] == ["centre", "centre_flipped", "top_left"]
    assert views_of(store) == ("centre", "centre_flipped", "top_left")
    for trial, alone in centre.items():
        features = store.read(trial)
        assert features.embedding.shape == (3, *alone.embedding.shape)
        assert features.embedding.dtype == np.float16
        np.testing.assert_array_equal(features.embedding[0], alone.embedding)
        np.testing.assert_array_equal(features.time, alone.time)
        np.testing.assert_array_equal(features.valid, alone.valid)
        assert np.abs(features.embedding[1:] - alone.embedding).max() > 1e-3
    assert xr.open_zarr(ZipStore(STORE / "7.zip"), consolidated=False)["embedding"].dims == ("view", "frame", "feature")
    assert not any(str(Path.cwd()).encode() in data for data in content().values())


def test_one_more_view_is_embedded_alone_and_a_return_costs_nothing(embedded: list[str]) -> None:
    write_clips(make_clip("7", frames=2))
    ask_for("[centre, top_left]")
    extract.main()
    before = content()
    assert embedded == ["7 centre", "7 top_left", "7"]
    embedded.clear()
    ask_for("[centre, top_left, bottom_right]")
    extract.main()
    assert embedded == ["7 bottom_right", "7"]
    embedded.clear()
    ask_for("[top_left, centre]")
    extract.main()
    ask_for("")
    extract.main()
    assert embedded == []
    ask_for("[centre, top_left]")
    extract.main()
    assert content() == before


def test_a_join_needs_its_views_no_more(embedded: list[str]) -> None:
    write_clips(make_clip("7", frames=2))
    ask_for("[centre, top_left]")
    extract.main()
    before, cache = content(), ItemCache()
    keys = cache.keys()
    parts = [key for key in keys if read_array(cache.path(key) / FILE, "embedding").ndim == 2]
    assert len(parts) == 2
    for key in parts:
        cache.remove(key)
    embedded.clear()
    extract.main()
    assert embedded == []
    assert content() == before


def test_a_view_that_cannot_be_is_refused_before_any_work(embedded: list[str]) -> None:
    ask_for("[centre, top_left]")
    path = Path("params.yaml")
    path.write_text(path.read_text() + "clips: {face_size: 40}\n")
    with pytest.raises(ConfigError, match=r"backbones\.ir50\.views: top_left: a crop of 40 pixels has one place"):
        extract.main()
    assert embedded == []
