"""The data sets that `fetch-data` knows: where they are, what they weigh, under which licence they stand.

Checksums are those that the publishers, or the loaders of torchaudio, torchvision and mirdata, give; sizes are rough.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.training.datasets import layouts
from core.training.datasets.download import Download

Layout = Callable[[Sequence[Path], Path, int], None]  # archives, the folder that is filled, most bytes


@dataclass(frozen=True)
class DataSet:
    """A public data set.

    Args:
        name: what `fetch-data` calls it.
        title: what people call it.
        page: where its publisher describes it.
        licence: by its short name, as its publisher gives it.
        terms: what that asks for, in a sentence.
        attribution: whom to name.
        downloads: its files.
        kept_bytes: of what is laid out, about.
        lay_out: fills a folder from them.
        next_step: what one may do with it.
    """

    name: str
    title: str
    page: str
    licence: str
    terms: str
    attribution: str
    downloads: tuple[Download, ...]
    kept_bytes: int
    lay_out: Layout
    next_step: str

    @property
    def short_title(self) -> str:
        return self.title.partition(":")[0]

    @property
    def bytes(self) -> int:
        """Of all downloads, about."""
        return sum(download.bytes for download in self.downloads)


ATTRIBUTION = "You may use, share and change it, for any purpose, if you name its authors and say what you changed."
SPEECH_COMMANDS = Download(
    "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
    2_428_923_189,
    "sha256:af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
)
MNIST = "https://ossci-datasets.s3.amazonaws.com/mnist"

_ALL = (
    DataSet(
        name="ljspeech",
        title="LJ Speech 1.1: 24 hours of one voice, 22.05 kHz",
        page="https://keithito.com/LJ-Speech-Dataset/",
        licence="public domain",
        terms="You may do with it what you like.",
        attribution="Keith Ito and Linda Johnson, The LJ Speech Dataset, 2017",
        downloads=(
            Download(
                "https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2",
                2_748_572_632,
                "sha256:be1a30453f28eb8dd26af4101ae40cbf2c50413b1bb21936cbcdc6fae3de8aa5",
            ),
        ),
        kept_bytes=3_810_000_000,
        lay_out=layouts.lay_out_ljspeech,
        next_step="python -m core train vocoder --data {folder} --minutes 90 --register my-vocoder",
    ),
    DataSet(
        name="vctk",
        title="VCTK 0.92: 110 speakers of English, 48 kHz",
        page="https://datashare.ed.ac.uk/handle/10283/3443",
        licence="CC BY 4.0",
        terms=ATTRIBUTION,
        attribution="Junichi Yamagishi, Christophe Veaux and Kirsten MacDonald, CSTR VCTK Corpus, 2019",
        downloads=(
            Download(
                "https://datashare.ed.ac.uk/bitstream/handle/10283/3443/VCTK-Corpus-0.92.zip",
                11_747_302_977,
                "sha256:f96258be9fdc2cbff6559541aae7ea4f59df3fcaf5cf963aae5ca647357e359c",
            ),
        ),
        kept_bytes=6_500_000_000,
        lay_out=layouts.lay_out_vctk,
        next_step="python -m core train spectral --data {folder} --minutes 60 --register my-voices",
    ),
    DataSet(
        name="maestro",
        title="MAESTRO 3.0.0: 200 hours of piano, 44.1 and 48 kHz",
        page="https://magenta.tensorflow.org/datasets/maestro",
        licence="CC BY-NC-SA 4.0",
        terms="You may use, share and change it, but not for commercial purposes, if you name its authors and pass on "
        "what you make of it under the same terms.",
        attribution="Curtis Hawthorne et al., Google, MAESTRO, 2019",
        downloads=(
            Download(
                "https://storage.googleapis.com/magentadata/datasets/maestro/v3.0.0/maestro-v3.0.0.zip",
                108_500_000_000,
                "sha256:6680fea5be2339ea15091a249fbd70e49551246ddbd5ca50f1b2352c08c95291",
            ),
        ),
        kept_bytes=129_000_000_000,
        lay_out=layouts.lay_out_maestro,
        next_step="python -m core train spectral --data {folder} --minutes 60 --register my-piano",
    ),
    DataSet(
        name="speech-commands",
        title="Speech Commands 0.02: 35 words by 2,618 speakers, 16 kHz",
        page="https://arxiv.org/abs/1804.03209",
        licence="CC BY 4.0",
        terms=ATTRIBUTION,
        attribution="Pete Warden, Google, Speech Commands, 2018",
        downloads=(SPEECH_COMMANDS,),
        kept_bytes=3_500_000_000,
        lay_out=layouts.lay_out_speech_commands,
        next_step="python -m core train mel-words --data {folder} --minutes 120 --register my-words",
    ),
    DataSet(
        name="sc09",
        title="SC09: the ten digits of Speech Commands 0.02, 16 kHz",
        page="https://arxiv.org/abs/1804.03209",
        licence="CC BY 4.0",
        terms=ATTRIBUTION,
        attribution="Pete Warden, Google, Speech Commands, 2018",
        downloads=(SPEECH_COMMANDS,),
        kept_bytes=1_300_000_000,
        lay_out=layouts.lay_out_sc09,
        next_step="python -m core train mel-digits --data {folder} --minutes 120 --register my-digits",
    ),
    DataSet(
        name="slakh",
        title="Slakh2100-redux: drums and basses of 1,710 synthesised songs, 44.1 kHz",
        page="https://zenodo.org/records/4599666",
        licence="CC BY 4.0",
        terms=ATTRIBUTION,
        attribution="Ethan Manilow, Gordon Wichern, Prem Seetharaman and Jonathan Le Roux, Slakh2100, 2019",
        downloads=(
            Download(
                "https://zenodo.org/records/4599666/files/slakh2100_flac_redux.tar.gz",
                105_000_000_000,
                "md5:f4b71b6c45ac9b506f59788456b3f0c4",
            ),
        ),
        kept_bytes=30_000_000_000,
        lay_out=layouts.lay_out_slakh,
        next_step="python -m core pack-data {folder}/drums packs/drums --sample-rate 22050",
    ),
    DataSet(
        name="mnist",
        title="MNIST: 70,000 handwritten digits, 28 x 28 pixels",
        page="http://yann.lecun.com/exdb/mnist/",
        licence="CC BY-SA 3.0",
        terms="You may use, share and change it, if you name its authors and pass on what you make of it under the "
        "same terms.",
        attribution="Yann LeCun, Corinna Cortes and Christopher J. C. Burges, MNIST",
        downloads=(
            Download(f"{MNIST}/train-images-idx3-ubyte.gz", 9_912_422, "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873"),
            Download(f"{MNIST}/train-labels-idx1-ubyte.gz", 28_881, "md5:d53e105ee54ea40749a09fcbcd1e9432"),
            Download(f"{MNIST}/t10k-images-idx3-ubyte.gz", 1_648_877, "md5:9fb629c4189551a2d022fa330f9573f3"),
            Download(f"{MNIST}/t10k-labels-idx1-ubyte.gz", 4_542, "md5:ec29112dd5afa0611ce80d1b7f02629c"),
        ),
        kept_bytes=11_600_000,
        lay_out=layouts.lay_out_mnist,
        next_step="python -m core train pixelcnn-mnist --data {folder} --minutes 60 --register my-pixels",
    ),
    DataSet(
        name="audiomnist",
        title="AudioMNIST: 30,000 spoken digits by 60 speakers, 48 kHz",
        page="https://github.com/soerenab/AudioMNIST",
        licence="MIT",
        terms="You may use, share and change it, for any purpose, if the licence's text goes with it.",
        attribution="S. Becker, M. Ackermann, S. Lapuschkin, K.-R. Müller and W. Samek, AudioMNIST, 2018",
        downloads=(  # no checksum is published; the archive's own, of each file, are looked at as it is unpacked
            Download("https://github.com/soerenab/AudioMNIST/archive/refs/heads/master.zip", 1_200_000_000),
        ),
        kept_bytes=2_000_000_000,
        lay_out=layouts.lay_out_audiomnist,
        next_step="python -m core train mel-digits --data {folder} --minutes 120 --register my-digits",
    ),
)
DATA_SETS = {data.name: data for data in _ALL}
