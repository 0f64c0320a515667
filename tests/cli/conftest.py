import pytest

from tests.cli.calling import Call, caller


@pytest.fixture
def affectflow(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Call a command in this process."""
    return caller(monkeypatch, capsys)
