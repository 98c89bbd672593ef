"""The named endpoints by `gradio_client`: a file in, the restored file and the report out."""

import json
import time

import numpy as np
import pytest
import soundfile
from PIL import Image

from demos.page.examples import SOUNDS

client = pytest.importorskip("gradio_client")
NOT_ASKED = object()
NO_QUALITY = {"quality": NOT_ASKED}


@pytest.fixture(scope="module")
def api(server):
    return client.Client(server.url, verbose=False)


def ask(api, name: str, sound: str, *own, **options):
    options = {"prior": "tiny", "quality": "draft", "length": 1.0} | options
    options = {name: value for name, value in options.items() if value is not NOT_ASKED}
    return api.predict(client.handle_file(str(SOUNDS / f"{sound}.flac")), *own, api_name=name, **options)


def test_super_resolve(api):
    path, report = ask(api, "/super_resolve", "piano", 4, "plain")
    samples, rate = soundfile.read(path)
    assert rate == 16000 and len(samples) == 16000
    assert report["task"] == "super-resolve" and np.isfinite(report["metrics"]["psnr_db"])


def test_inpaint_leaves_the_rest_alone(api):
    path, report = ask(api, "/inpaint", "piano", "1.5-1.6", start=1.0)
    restored, rate = soundfile.read(path, dtype="float32")
    original, _ = soundfile.read(SOUNDS / "piano.flac", dtype="float32", start=rate, frames=rate)
    outside = np.r_[0 : rate // 2, round(0.6 * rate) : rate]
    assert report["task"] == "inpaint" and len(restored) == rate
    assert np.array_equal(restored[outside], original[outside])


def test_declip_with_a_reference(api):
    truth = client.handle_file(str(SOUNDS / "piano.flac"))
    _, report = ask(api, "/declip", "piano-clipped", None, reference=truth)
    assert report["threshold"] == pytest.approx(0.12, abs=1e-3) and report["metrics"]["sdr_db"] is not None


def test_vocode(api):
    path, report = ask(api, "/vocode", "speech", 1.5, 2.0)
    assert soundfile.info(path).duration == pytest.approx(1.5, abs=0.05)
    assert report["semitones"] == 2 and report["metrics"]["mel_error"] > 0


def test_vocode_takes_the_fast_vocoder_by_default(api):
    path, report = ask(api, "/vocode", "speech", prior="")
    assert report["prior"] == "voice-vocoder" and report["front_end"] == "resound-16k"
    assert soundfile.info(path).frames == 16000


def test_convert_voice(api):
    path, report = ask(api, "/convert_voice", "speech", "vctk_p226", prior="", transpose=1.5, **NO_QUALITY)
    assert soundfile.info(path).frames == 16000 and report["voice"] == "vctk_p226" and report["semitones"] == 1.5
    own = client.handle_file(str(SOUNDS / "speech-garden.flac"))
    path, report = ask(api, "/convert_voice", "speech", voice=own, prior="", **NO_QUALITY)
    assert soundfile.info(path).frames == 16000 and report["voice"] == "your own"


@pytest.mark.parametrize(
    ("given", "said"),
    [({}, "a speaker, or a recording"), ({"speaker": "nobody"}, "no speaker"), ({"transpose": 99}, "from -24 to 24")],
)
def test_convert_voice_refuses(api, given, said):
    with pytest.raises(client.exceptions.AppError, match=said):
        ask(api, "/convert_voice", "speech", prior="", **given, **NO_QUALITY)


def test_separate(api):
    mixture = client.handle_file(str(SOUNDS / "piano-and-speech.flac"))
    paths, report = api.predict(mixture, "tiny, tiny", quality="draft", length=1.0, api_name="/separate")
    stems = [soundfile.read(path, dtype="float32")[0] for path in paths]
    original, _ = soundfile.read(SOUNDS / "piano-and-speech.flac", dtype="float32", frames=16000)
    assert np.abs(sum(stems) - original).max() < 1e-6 and report["prior"] == ["tiny", "tiny"]
    with pytest.raises(client.exceptions.AppError, match="spaced as a logarithm"):
        api.predict(mixture, "tiny, piano-16k-wavenet", length=1.0, api_name="/separate")


def test_separate_among_codes(api):
    mixture = client.handle_file(str(SOUNDS / "piano-and-speech.flac"))
    asked = {"method": "latent", "samples": 2, "length": 0.5, "api_name": "/separate"}
    paths, report = api.predict(mixture, "tiny-drums, tiny-bass", **asked)
    original, _ = soundfile.read(SOUNDS / "piano-and-speech.flac", dtype="float32", frames=8000)
    assert np.abs(sum(soundfile.read(path, dtype="float32")[0] for path in paths) - original).max() < 1e-6
    assert report["method"] == "latent" and len(report["chains"]) == 2
    refused = [
        ({"form": "soft"}, "latent method knows no form"),
        ({"method": "waveform"}, "waveform method knows no samples"),
        ({"samples": 99}, "samples must be a whole number from 1 to 32"),
        ({"method": "codes"}, "method must be one of waveform, latent"),
    ]
    for given, said in refused:
        with pytest.raises(client.exceptions.AppError, match=said):
            api.predict(mixture, "tiny-drums, tiny-bass", **asked | given)


def test_localize(api):
    recording = client.handle_file(str(SOUNDS / "two-voices-respeaker-4.flac"))
    paths, report = api.predict(recording, "respeaker-4", voices=2, method="srp-phat", api_name="/localize")
    assert sorted(voice["angle_degrees"] for voice in report["voices"]) == pytest.approx([50, 200], abs=8)
    assert len(paths) == 2 and soundfile.info(paths[0]).duration == 3.5
    with pytest.raises(client.exceptions.AppError, match="array must be one of respeaker-4"):
        api.predict(recording, "mine", api_name="/localize")
    with pytest.raises(client.exceptions.AppError, match="The recording has 1 channel"):
        api.predict(client.handle_file(str(SOUNDS / "speech.flac")), "respeaker-4", api_name="/localize")


def test_generate(api):
    asked = {"label": "yes", "prior": "tiny-words", "steps": 2, "seed": 3, "seconds": 0.05}
    paths, report = api.predict(2, **asked, api_name="/generate")
    assert report["count"] == 2 and report["sounds"]["0001"] == {"seed": 4}
    with soundfile.SoundFile(paths[1]) as file:
        made_by = json.loads(file.comment)
        assert made_by["seed"] == 4 and made_by["label"] == "yes" and file.frames == 800
    with pytest.raises(client.exceptions.AppError, match="count must be a whole number from 1 to 64"):
        api.predict(1_000_000, **asked, api_name="/generate")
    with pytest.raises(client.exceptions.AppError, match="knows no label 'perhaps'"):
        api.predict(1, **asked | {"label": "perhaps"}, api_name="/generate")
    with pytest.raises(client.exceptions.AppError, match="not two seeds"):
        api.predict(1, **asked, morph="3", api_name="/generate")


def test_a_wavenet_goes_on_from_a_file(api):
    prime = client.handle_file(str(SOUNDS / "piano.flac"))
    asked = {"prior": "piano-16k-wavenet", "seconds": 0.1}
    (path,), report = api.predict(1, **asked, prime=prime, api_name="/generate")
    assert soundfile.info(path).frames == 1600 and report["sampler"] == "ancestral"
    (alone,), _ = api.predict(1, **asked, api_name="/generate")
    assert not np.array_equal(soundfile.read(path)[0], soundfile.read(alone)[0])
    with pytest.raises(client.exceptions.AppError, match="out of noise"):
        api.predict(1, prior="tiny-words", prime=prime, api_name="/generate")
    with pytest.raises(client.exceptions.AppError, match="prime must be an uploaded file"):
        api.predict(1, **asked, prime="piano.flac", api_name="/generate")


@pytest.mark.parametrize(
    ("samples", "said"),
    [(np.zeros(8000), "The prime is silent"), (np.resize([0.1, -0.1], 4000 * 601), "over the limit of 10")],
    ids=["silent", "long"],
)
def test_a_prime_that_cannot_be_gone_on_from_gets_a_sentence(api, tmp_path, samples, said):
    soundfile.write(tmp_path / "in.wav", samples, 4000)
    prime = client.handle_file(str(tmp_path / "in.wav"))
    with pytest.raises(client.exceptions.AppError, match=said):
        api.predict(1, prior="piano-16k-wavenet", seconds=0.1, prime=prime, api_name="/generate")


def test_generate_images(api):
    paths, report = api.predict(2, "bar", "tiny-pixels", 3, api_name="/generate_images")
    images = [Image.open(path) for path in paths]
    assert [image.size for image in images] == [(10, 12)] * 2 and report["bits_per_dimension"] > 0
    assert json.loads(images[1].text["Comment"]).items() >= {"seed": 4, "label": "bar", "prior": "tiny-pixels"}.items()
    for given, said in (
        ({"label": "square"}, "knows no label 'square'"),
        ({"height": 1000}, "height must be a whole number from 1 to 64"),
        ({"count": 65}, "count must be a whole number from 1 to 64"),
        ({"prior": "tiny"}, "can't generate"),
    ):
        with pytest.raises(client.exceptions.AppError, match=said):
            api.predict(**{"prior": "tiny-pixels"} | given, api_name="/generate_images")


@pytest.fixture
def images(tmp_path):
    """Two of 12 x 10 pixels, one that is too large for the page, and one that claims to be far larger than it is."""
    random = np.random.default_rng(0)
    for name, shape in (("one", (12, 10)), ("other", (12, 10)), ("large", (200, 100))):
        Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(tmp_path / f"{name}.png")
    Image.new("1", (20_000, 10_000)).save(tmp_path / "bomb.png")
    np.save(tmp_path / "sum.npy", random.random((12, 10)) * 2)
    return {path.stem: client.handle_file(str(path)) for path in tmp_path.iterdir()}


def test_images_are_restored_and_taken_apart(api, images):
    asked = {"prior": "tiny-noisy-pixels"}
    path, report = api.predict(images["one"], "6:12,0:10", **asked, api_name="/inpaint_image")
    made, given = (np.asarray(Image.open(own)) for own in (path, images["one"]["path"]))
    assert (made[:6] == given[:6]).all() and report["metrics"]["psnr_db"] is None
    _, report = api.predict(images["one"], "0:6,0:10", **asked, reference=images["one"], api_name="/inpaint_image")
    assert report["metrics"]["psnr_db"] > 0
    path, report = api.predict(images["one"], 2, **asked, api_name="/super_resolve_image")
    assert report["baselines"]["cubic"]["psnr_db"] > 0 and Image.open(path).size == (10, 12)
    path, _ = api.predict(images["one"], 2, False, **asked, api_name="/super_resolve_image")
    assert Image.open(path).size == (20, 24)
    paths, report = api.predict(images["one"], images["other"], **asked, api_name="/separate_images")
    assert len(paths) == 2 and report["metrics"]["psnr_db"] > 0
    paths, report = api.predict(images["sum"], **asked, api_name="/separate_images")
    assert len(paths) == 2 and report["metrics"]["psnr_db"] is None


@pytest.mark.parametrize(
    ("endpoint", "given", "said"),
    [
        ("inpaint_image", {"image": "large", "boxes": "0:5,0:5"}, "up to 128 pixels a side"),
        ("inpaint_image", {"image": "bomb", "boxes": "0:5,0:5"}, "more pixels than the limit of 4 megapixels"),
        ("inpaint_image", {"image": "sum", "boxes": "0:5,0:5"}, "is no image that can be read"),
        ("inpaint_image", {"image": "one", "boxes": ""}, "Give boxes such as"),
        ("inpaint_image", {"image": "one", "boxes": "0:99,0:5"}, "lies outside the image"),
        ("inpaint_image", {"image": "one", "boxes": "0:5,0:5", "reference": "large"}, "up to 128 pixels a side"),
        ("inpaint_image", {"image": "one", "boxes": "0:5,0:5", "prior": "tiny"}, "is no prior of images"),
        ("inpaint_image", {"image": "one", "boxes": "0:5,0:5", "prior": "tiny-pixels"}, "can't inpaint"),
        ("super_resolve_image", {"image": "one", "factor": 17}, "factor must be a whole number from 2 to 16"),
        ("super_resolve_image", {"image": "one", "factor": 16, "degrade": False}, "up to 8 pixels a side"),
        ("separate_images", {"image": "one"}, "8 bits"),
        ("separate_images", {"image": "one", "other": "large"}, "up to 128 pixels a side"),
        ("separate_images", {"image": "one", "other": "one.png"}, "must be an uploaded file"),
    ],
)
def test_images_that_make_no_sense_get_a_sentence(api, images, endpoint, given, said):
    files = {name: images.get(value, value) for name, value in given.items() if name in ("image", "other", "reference")}
    with pytest.raises(client.exceptions.AppError, match=said):
        api.predict(**{"prior": "tiny-noisy-pixels"} | given | files, api_name=f"/{endpoint}")


def test_generate_code_by_code(api):
    (path, _), report = api.predict(2, prior="tiny-drums", seconds=0.1, api_name="/generate")
    assert soundfile.info(path).frames == 1600 and report["sampler"] == "ancestral" and report["bits_per_code"] > 0


def test_a_mendable_input_gets_one_sentence(api):
    with pytest.raises(client.exceptions.AppError, match="lies outside the clip"):
        ask(api, "/inpaint", "piano", "5-6")
    with pytest.raises(client.exceptions.AppError, match="factor"):
        ask(api, "/super_resolve", "piano", 1_000_000, "plain")
    with pytest.raises(client.exceptions.AppError, match="no prior named"):
        ask(api, "/declip", "piano-clipped", None, prior="../etc")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"degrade": "low"}, "degrade must be one of plain, lowpass"),
        ({"factor": "four"}, "factor must be a whole number"),
        ({"factor": [4]}, "factor must be a whole number"),
        ({"factor": 2.5}, "factor must be a whole number"),
        ({"seed": -1}, "seed must be a whole number from 0 to 2147483647, not -1"),
        ({"seed": 2**70}, "seed must be a whole number"),
        ({"seed": 10**400}, "seed must be a whole number"),
        ({"quality": "best"}, "quality must be one of draft, standard, fine"),
        ({"prior": ["tiny"]}, "prior must be a text"),
        ({"start": "soon"}, "start must be a number"),
        ({"length": -2}, "length must be a number"),
        ({"reference": "truth.wav"}, "reference must be an uploaded file"),
    ],
)
def test_an_argument_that_does_not_fit_is_named(api, given, said):
    with pytest.raises(client.exceptions.AppError, match=said):
        ask(api, "/super_resolve", "piano", **{"factor": 4, "degrade": "plain"} | given)


def test_the_factor_can_be_found(api):
    report = ask(api, "/super_resolve", "piano-4k", "auto")[1]
    assert report["factor"] == 4 and "spectrum ends at 1.84 kHz" in report["notes"][0]
    assert ask(api, "/super_resolve", "piano-4k", "auto", cutoff=1500)[1]["cutoff_hz"] == [1500]


@pytest.mark.parametrize("audio", ["in.wav", 3, None, ["in.wav"], {"path": "in.wav"}])
def test_a_sound_that_was_not_uploaded_is_refused(api, audio):
    with pytest.raises(client.exceptions.AppError, match="upload"):
        api.predict(audio, api_name="/declip")


def test_who_waits_hears_how_many_come_first(server, api):
    """Four clients came before, of whom two run; once they have given up, its turn comes."""
    clients = [client.Client(server.url, verbose=False) for _ in range(4)]
    piano = client.handle_file(str(SOUNDS / "piano-4k.flac"))
    jobs = [busy.submit(piano, 4, prior="tiny", quality="fine", api_name="/super_resolve") for busy in clients]
    for job in jobs:
        first_output(job)
    waiting = api.submit(piano, 4, length=0.5, prior="tiny", quality="draft", api_name="/super_resolve")
    path, told = first_output(waiting)
    for job in jobs:
        job.cancel()
    assert path is None and 0 <= told["runs_ahead"] <= 2 and told["seconds_to_wait"] >= 0
    assert waiting.result()[1]["task"] == "super-resolve"


def first_output(job) -> tuple:
    while not job.outputs():
        assert not job.done(), "it has ended without a word"
        time.sleep(0.05)
    return job.outputs()[0]


def test_progress_streams_and_can_be_cancelled(api):
    piano = client.handle_file(str(SOUNDS / "piano-4k.flac"))
    job = api.submit(piano, 4, prior="tiny", quality="fine", length=1.0, api_name="/super_resolve")
    for path, progress in job:
        if path is None and "runs_ahead" not in progress:
            assert progress["step"] <= progress["total_steps"] and progress["seconds_left"] >= 0
            break
    job.cancel()
    assert ask(api, "/super_resolve", "piano", 2, "plain")[1]["factor"] == 2, "the next one is served"
