"""The model that an installation uses: the office's own, learnt from its corrections too, or else the one that the project ships."""

from __future__ import annotations

import logging
import shutil
import zlib
from dataclasses import dataclass
from pathlib import Path

from diembao.errors import InputError
from nlp.models.model import HeadlineModel, load, shipped, shipped_path

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ModelInUse:
    """A model and which one it is.

    Attributes:
        model: reads.
        version: CRC-32 of its file: another file, another version.
        path: its file.
        problem: why the office's own model is not used although there is one; empty when nothing is wrong.
    """

    model: HeadlineModel
    version: int
    path: Path
    problem: str = ""


def office_path(home: Path) -> Path:
    """Where the office's own model stands in its DIEMBAO_HOME."""
    return home / "models" / "headlines.npz"


def model_in_use(home: Path | None) -> ModelInUse:
    """The office's own model where there is one that can be read, else the shipped one.

    One that belongs to another version of the program is passed over with a warning, so that an update never stops the tagging.
    """
    problem = ""
    if home is not None and (path := office_path(home)).exists():
        try:
            return ModelInUse(load(path), _crc(path), path)
        except InputError as error:
            problem = str(error)
            log.warning("the office's own model is not used: %s", problem)
    return ModelInUse(shipped(), _crc(shipped_path()), shipped_path(), problem)


def install(model: HeadlineModel, home: Path) -> Path:
    """Make `model` the office's own; the one before stays beside it as `headlines.before.npz`. Whole or not at all.

    Removing the file brings back the shipped model.
    """
    path = office_path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name("headlines.new.npz")
    model.save(draft)
    if path.exists():
        shutil.copyfile(path, path.with_name("headlines.before.npz"))
    draft.replace(path)
    return path


def _crc(path: Path) -> int:
    return zlib.crc32(path.read_bytes())
