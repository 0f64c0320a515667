import pytest

from tests.fusion.factory import ROLES


@pytest.fixture(params=sorted(ROLES))
def system(request: pytest.FixtureRequest) -> str:
    """The name of each fusion system in turn."""
    return str(request.param)
