"""Results as files that a visitor can take along, kept in Gradio's cache, which `delete_cache` empties."""

import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from core.signal.clip import Clip
from core.signal.files import write_clip
from core.signal.spectrogram_files import MelSpectrogram, write_spectrogram


def restored_file(clip: Clip, source_name: str, task: str) -> str:
    """Path of a WAV file (float32, at the clip's own level), named after its source and the task."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{Path(source_name).stem[:48]}-{task}.wav"
        write_clip(path, clip)
        return save_file_to_cache(path, get_upload_folder())


def spectrogram_file(spectrogram: MelSpectrogram, source_name: str) -> str:
    """Path of an `.npz` file with a mel spectrogram and how it was made."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{Path(source_name).stem[:48]}-mel.npz"
        write_spectrogram(path, spectrogram)
        return save_file_to_cache(path, get_upload_folder())


def stem_files(stems: Mapping[str, Clip], source_name: str) -> list[str]:
    """Paths of WAV files, one for each stem."""
    return [restored_file(clip, source_name, name) for name, clip in stems.items()]


def stems_archive(stems: Mapping[str, Clip], source_name: str, task: str) -> str:
    """Path of a ZIP archive with a WAV file for each stem."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / f"{Path(source_name).stem[:48]}-{task}.zip"
        with zipfile.ZipFile(archive, "w") as file:
            for name, clip in stems.items():
                path = Path(folder) / f"{name}.wav"
                write_clip(path, clip)
                file.write(path, path.name)
        return save_file_to_cache(archive, get_upload_folder())
