"""Voices on offer: what texts name, whose cards there are, and that recordings of one's own leave no file."""

import numpy as np
import pytest

from core.errors import InputError
from core.signal.clip import Clip
from core.signal.files import write_clip
from core.tasks.settings import Settings
from core.tasks.utterance import load_speech
from core.tasks.voice import speakers, voice_of
from demos.voice import offer
from tests.tasks.test_voice_conversion import talk


@pytest.mark.parametrize(
    ("text", "names"),
    [("", []), (None, []), ("ada, bob", ["ada", "bob"]), (" bob,, ada ,bob", ["bob", "ada"])],
)
def test_names_in_a_text(text, names):
    assert offer.names_in(text) == names


def test_every_bundled_voice_has_a_card_and_ones_own_stands_before_them(tiny_converter):
    own = voice_of(talk(6.0), load_speech(Settings(tiny_converter)))
    without, beside = offer.offer("ls1998", None), offer.offer("your own, ls1998", own)
    assert [card["name"] for card in without["voices"]] == list(speakers())
    assert [card["name"] for card in beside["voices"]] == ["your own", *speakers()]
    assert beside["chosen"] == ["your own", "ls1998"] and all(card["facts"] for card in beside["voices"])


def test_voices_that_are_not_on_offer_are_not_chosen(tiny_vqvae):
    assert offer.offer("your own, nobody, ls1998", None)["chosen"] == ["ls1998"]
    of_codes = offer.offer("ls1998, Ada", None, tiny_vqvae)
    assert of_codes["chosen"] == ["Ada"] and [card["name"] for card in of_codes["voices"]] == ["Ada", "Bob"]
    assert offer.offer("ls1998", None, "nothing of that name") == {"voices": [], "chosen": []}


def test_a_recording_of_a_voice_leaves_no_file(tmp_path, tiny_converter):
    good, bad, short = (tmp_path / name for name in ("good.wav", "bad.wav", "short.wav"))
    write_clip(good, talk(6.0))
    bad.write_bytes(b"no sound")
    write_clip(short, Clip(np.zeros((1, 8000)), 16000))
    assert offer.take_voice(str(good), tiny_converter).name == "your own"
    for path in (bad, short):
        with pytest.raises(InputError):
            offer.take_voice(str(path), tiny_converter)
    assert list(tmp_path.iterdir()) == []


def test_own_voices_are_their_visitors_until_they_leave(monkeypatch):
    monkeypatch.setattr(offer, "MOST_OWN", 2)
    kept = offer.OwnVoices()
    for visitor in ("ada", "bob"):
        kept.put(visitor, f"voice of {visitor}")
    assert kept.get("ada") == "voice of ada" and kept.get("eve") is None
    kept.put("eve", "voice of eve")
    assert kept.get("bob") is None, "asked for longest ago"
    kept.forget("ada")
    assert kept.get("ada") is None and kept.get("eve") == "voice of eve"
