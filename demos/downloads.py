"""Results as files that a visitor can take along, kept in Gradio's cache, which `delete_cache` empties."""

import tempfile
from pathlib import Path

from gradio.processing_utils import save_file_to_cache
from gradio.utils import get_upload_folder

from core.signal.clip import Clip
from core.signal.files import write_clip


def restored_file(clip: Clip, source_name: str, task: str) -> str:
    """Path of a WAV file (float32, at the clip's own level), named after its source and the task."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{Path(source_name).stem[:48]}-{task}.wav"
        write_clip(path, clip)
        return save_file_to_cache(path, get_upload_folder())
