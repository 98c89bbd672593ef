"""Images as files that a visitor can take along, kept in Gradio's cache."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from core.signal.image_files import read_image, tiled, write_image
from core.tasks.image_generation import image_origin_of
from core.tasks.image_runs import ImageResult, Images
from core.tasks.report_file import write_report
from demos.page.downloads import ARCHIVE, archived, cache_file, generated_name
from demos.page.menus import Choice

FILES, SHEET = "png", "sheet"
FORMATS = [
    Choice(FILES, "PNG", "Each image as a file that says in its metadata what it can be made again with."),
    Choice(SHEET, "PNG, one sheet", "All images side by side in one."),
]

RESTORED_FORMATS = [
    Choice(FILES, "PNG", "What was made, each image as a file."),
    Choice(SHEET, "PNG, one sheet", "All images side by side in one."),
]
MADE_BY = ("prior", "sampler", "quality", "seed")  # what a restored image says of itself, of its report


@dataclass(frozen=True)
class MadeImages:
    """What a run made, as `demos.page.downloads.Made` is of sounds.

    Args:
        name: of the file with all of it, without its ending.
        images: path of a PNG file of each.
        columns: of a sheet.
        colours: 1 or 3.
        report: path of the report; None of a run that was stopped.
    """

    name: str
    images: tuple[str, ...]
    columns: int
    colours: int
    report: str | None = None

    def written(self, form: str) -> tuple[str, str]:
        """Path of a file with the images in a format, and nothing that would have to be said of it.

        Raises:
            InputError: the cache no longer holds the images.
        """
        paths = [Path(path) for path in self.images]
        with tempfile.TemporaryDirectory() as folder:
            if form == SHEET:
                sheet = Path(folder) / f"{self.name}-sheet.png"
                write_image(sheet, tiled([read_image(path, self.colours) for path in paths], self.columns))
                return cache_file(sheet), ""
            if len(paths) == 1:
                return self.images[0], ""
            report = [Path(self.report)] if self.report else []
            return cache_file(archived(Path(folder) / f"{self.name}{ARCHIVE}", [*paths, *report])), ""


def image_files(result: ImageResult) -> list[str]:
    """Paths of PNG files, one for each image, that say what they can be made again with."""
    origins = [image_origin_of(result.report, name) for name in result.images]
    return list(keep_images(result.images, origins, 1, None).images)


def restored_files(result: ImageResult) -> list[str]:
    """Paths of PNG files, one for each image that was restored or taken apart."""
    return list(keep_restored(result.images, result.report["task"], result.report).images)


def keep_images(images: Images, origins: Sequence[Mapping], columns: int, report: Mapping | None) -> MadeImages:
    """Drawn images, kept in the cache.

    Args:
        origins: what each can be made again with.
        report: None of a run that was stopped.
    """
    names = [generated_name(origin) for origin in origins]
    whole = names[0] if len(names) == 1 else f"{origins[0]['prior']}-{len(names)}-images"
    comments = dict(zip(names, map(json.dumps, origins), strict=True))
    return _kept(whole, dict(zip(names, images.values(), strict=True)), comments, columns, report)


def keep_restored(images: Images, task: str, report: Mapping | None) -> MadeImages:
    """Restored images by the names of their files, or those that were taken apart, kept in the cache; as
    `keep_images`."""
    said = {} if report is None else {key: report[key] for key in MADE_BY}
    comment, whole = json.dumps({"task": task, **said}), f"image-{task}"
    named = images if len(images) > 1 else dict(zip([whole], images.values(), strict=True))
    return _kept(whole, named, dict.fromkeys(named, comment), len(named), report)


def _kept(whole: str, images: Images, comments: Mapping[str, str], columns: int, report: Mapping | None) -> MadeImages:
    """Images and comments by the names of their files."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, image in images.items():
            write_image(Path(folder) / f"{name}.png", image, comments[name])
            paths.append(cache_file(Path(folder) / f"{name}.png"))
        said = None
        if report is not None:
            path = Path(folder) / f"{whole}-report.json"
            write_report(path, None, f"{whole}{'.png' if len(images) == 1 else ARCHIVE}", report, ())
            said = cache_file(path)
    return MadeImages(whole, tuple(paths), columns, len(image), said)
