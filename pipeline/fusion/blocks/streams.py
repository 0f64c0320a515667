"""The streams that a fusion system reads: which roles it needs, and their temporal encoders."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn


def require_roles(
    system: str, got: Iterable[str], *, needs: Sequence[str] = (), others: tuple[int, int | None]
) -> None:
    """Raise ValueError, naming what is there and what is needed, unless the streams fit the system.

    Parameters
    ----------
    system : name of the fusion system, for the message
    got : roles of the model's streams
    needs : roles that must be among them
    others : how many streams of any other role there may be, at least and at most (None: any number)
    """
    roles = list(got)
    missing = [role for role in needs if role not in roles]
    rest = len([role for role in roles if role not in needs])
    least, most = others
    if missing or rest < least or (most is not None and rest > most):
        wanted = [repr(role) for role in needs]
        if least or not needs:
            wanted.append(f"{'at least ' if most is None else ''}{least} {'other' if needs else 'of any role'}")
        limit = "" if most is None else " and nothing else"
        raise ValueError(f"{system} needs these streams: {' and '.join(wanted)}{limit}; got {roles}")


class StreamEncoders(nn.ModuleDict):
    """One temporal encoder per stream, called `encoders.<role>` in every system's state dict.

    Parameters
    ----------
    encoders : by role, each (b, t, d_in) to (b, t, widths[role])
    widths : width of each encoder's output

    Raises
    ------
    ValueError
        if `encoders` and `widths` name different roles, or a width is below 1
    """

    def __init__(self, *, encoders: Mapping[str, nn.Module], widths: Mapping[str, int]) -> None:
        if set(encoders) != set(widths) or any(width < 1 for width in widths.values()):
            raise ValueError(f"encoders {list(encoders)} need one positive width each, got {dict(widths)}")
        super().__init__(encoders)
        self.widths = {role: widths[role] for role in encoders}

    def forward(self, streams: Mapping[str, Tensor], mask: Tensor) -> dict[str, Tensor]:
        """Encode every stream, with zeros at masked frames.

        Zeros are what makes sums over time (correlations, attention) run over existing frames alone.

        Parameters
        ----------
        streams : (b, t, d_in) for each role
        mask : (b, t) bool, true at frames that exist

        Returns
        -------
        (b, t, widths[role]) for each role, in the order of `encoders`

        Raises
        ------
        ValueError
            if the roles, a shape or the mask's type is not what the model was built for
        """
        if set(streams) != set(self):
            raise ValueError(f"the model reads the streams {list(self)}, got {list(streams)}")
        if mask.dtype != torch.bool or mask.ndim != 2:
            raise ValueError(f"mask must be boolean of shape (b, t), got {mask.dtype} of shape {tuple(mask.shape)}")
        absent = ~mask.unsqueeze(-1)
        encoded = {}
        for role, encoder in self.items():
            x: Tensor = encoder(streams[role])
            expected = (*mask.shape, self.widths[role])
            if x.shape != expected:
                raise ValueError(
                    f"stream {role!r} of shape {tuple(streams[role].shape)} was encoded to {tuple(x.shape)}; "
                    f"the mask and the model's width ask for {expected}"
                )
            encoded[role] = x.masked_fill(absent, 0.0)
        return encoded
