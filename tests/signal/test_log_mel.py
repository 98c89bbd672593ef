"""Log mels of batches are those of `core.signal.mel`, and gradients pass through them."""

import numpy as np
import pytest
import torch

from core.signal.log_mel import log_mel
from core.signal.mel import FRONT_ENDS, mel_spectrogram


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_batches_are_as_single_waveforms(name):
    waveforms = np.random.default_rng(0).standard_normal((2, 5000)).astype(np.float32) * [[0.1], [1e-3]]
    batch = log_mel(torch.from_numpy(waveforms).float(), FRONT_ENDS[name])
    for waveform, mel in zip(waveforms, batch, strict=True):
        np.testing.assert_allclose(mel.numpy(), mel_spectrogram(waveform, FRONT_ENDS[name]), atol=2e-4)


def test_gradients_pass():
    waveform = torch.randn(1, 4096, generator=torch.Generator().manual_seed(0)).requires_grad_()
    log_mel(waveform, FRONT_ENDS["resound-16k"]).sum().backward()
    assert torch.isfinite(waveform.grad).all() and waveform.grad.any()
