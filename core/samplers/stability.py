"""How many windows an update of PnF's samplers can move at once.

Windows that share samples add up there: k of them go k times as far as one. Where one goes a share p of the way, k go
k p of it, and from twice the way on the chain swings further out at every update: it blows up.
"""

from core.errors import InputError

PNF_BATCH = 2  # PnF
FARTHEST = 2.0  # times the way to where an update pulls


def windows_at_once(batch: int | None, window: int, frames: int, pull: float) -> int:
    """The windows of an update.

    Args:
        batch: what was asked for; None takes PnF's, or fewer where these would blow up.
        window, frames: samples of a window, and of all there is.
        pull: share of the way that one window's update goes.

    Raises:
        InputError: so many, or such long ones, that the chain would blow up.
    """
    covered = min(window, frames) / frames
    most = max(1, int(FARTHEST / (pull * covered)))
    if batch is None:
        return min(PNF_BATCH, most)
    if not 1 <= batch <= most:
        raise InputError(
            f"{batch} windows of {window} samples at once overlap too much in {frames} samples: where windows share "
            f"samples their updates add up, and the chain blows up. Choose a batch of 1 to {most}, or shorter windows."
        )
    return batch
