"""Features in several views: every view of every clip is an item, and so is what joins a clip's views.

The centre view is the item that it is without other views. Asking for one more view embeds that view and no other.
"""

from collections.abc import Sequence

from pipeline.backbones.common.embed import embed_clip
from pipeline.backbones.common.embed_view import ViewExtraction, embed_view
from pipeline.backbones.common.views import CENTRE
from pipeline.features.views import ViewJoin, join_views
from pipeline.runtime.code import code_key
from pipeline.runtime.executor import Executor
from pipeline.runtime.items import Item, ItemCache, Materialised, item_key, materialise


def embed_views(
    items: Sequence[Item], views: Sequence[str], *, cache: ItemCache, executor: Executor, label: str
) -> Materialised:
    """Embed clips in several views and join them.

    Parameters
    ----------
    items : of the centre views, by trial; the payload is an `Extraction`
    views : names, the centre first
    cache, executor : where results are kept, and on what they are computed
    label : for the progress lines

    Returns
    -------
    Each trial's group with all its views.
    """
    if tuple(views[:1]) != (CENTRE,) or len(views) < 2:
        raise ValueError(f"several views are joined, the centre first, got {', '.join(views) or 'none'}")
    parts = {item.name: {view: _view(item, view) for view in views} for item in items}
    code = code_key("pipeline.features.views")
    keys = {
        name: item_key(kind="views", parts=[[view, part.key] for view, part in of.items()], code=code)
        for name, of in parts.items()
    }
    # Where the whole is there, its parts may be gone: `affectflow cache prune` drops what is not asked for.
    lacking = [item for item in items if cache.get(keys[item.name], name=item.name) is None]
    centres = materialise(lacking, embed_clip, cache=cache, executor=executor, label=f"{label} {CENTRE}")
    others = materialise(
        [part for item in lacking for view, part in parts[item.name].items() if view != CENTRE],
        embed_view,
        cache=cache,
        executor=executor,
        label=f"{label} other views",
    )
    paths = centres.paths | others.paths
    joins = [
        Item(name, key, ViewJoin(tuple((view, paths.get(part.name)) for view, part in parts[name].items())))
        for name, key in keys.items()
    ]
    return materialise(joins, join_views, cache=cache, executor=executor, label=f"{label} joined")


def _view(item: Item, view: str) -> Item:
    if view == CENTRE:
        return item
    code = code_key("pipeline.backbones.common.embed_view", f"pipeline.backbones.{item.payload.backbone}")
    # The centre's key holds all that reaches the network and the clip.
    key = item_key(kind="view", centre=item.key, view=view, code=code)
    return Item(f"{item.name} {view}", key, ViewExtraction(centre=item.payload, view=view))
