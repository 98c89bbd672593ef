"""A table of voices: what it keeps of a voice, in eight bits, and that a checkpoint brings back."""

import torch

from core.models.voice_features import Reference
from core.models.voice_table import Speaker, from_checkpoint, table_of


def voice(steps: int = 90) -> Reference:
    """Three steps each say the same, with spectra around the same one."""
    chance = torch.Generator().manual_seed(0)
    content = (2 * torch.randn(1, steps // 3, 8, generator=chance)).repeat_interleave(3, dim=1)
    spectra = torch.randn(1, steps // 3, 160, generator=chance).clamp(-3, 1).repeat_interleave(3, dim=1)
    loudness = -torch.rand(1, steps // 3, generator=chance).repeat_interleave(3, dim=1)
    return Reference(content, spectra, loudness, torch.ones(1, steps, dtype=torch.bool))


def test_it_keeps_what_similar_steps_have_in_common():
    own = voice()
    speaker = Speaker("ada", "a test", "CC0-1.0", (90.0, 100.0, 110.0), 6.6, 0.1)
    made = table_of("tiny", [speaker], [own], steps=30)
    table = from_checkpoint("voices", made.config(), made.state(), "cpu")
    assert table.encoder == "tiny" and table.speakers == {"ada": speaker}
    kept, chosen = table.reference("ada"), torch.linspace(0, 89, 30).round().long()
    assert kept.steps == 30 and kept.known.all()
    assert (kept.content - own.content[:, chosen]).abs().max() < 0.05
    assert (kept.loudness - own.loudness[:, chosen]).abs().max() < 0.02
    means = own.frames[:, chosen].unflatten(-1, (2, -1)).mean(dim=2)
    assert (kept.frames - means.repeat(1, 1, 2)).abs().max() < 0.02
