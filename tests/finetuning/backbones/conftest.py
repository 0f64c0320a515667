"""The random networks of the backbones' tests."""

from tests.backbones.conftest import one_thread, random_ir50, random_vggish

__all__ = ["one_thread", "random_ir50", "random_vggish"]
