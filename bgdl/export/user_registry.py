"""The user's registry: exported files that `--model NAME` finds everywhere."""

from __future__ import annotations

import shutil
from pathlib import Path

from bgdl import weights, whole
from bgdl.engines.network import files_of
from bgdl.errors import InputError
from bgdl.export.formats import part_of
from bgdl.registry import METHODS


def check_name(name: str, *, overwrite: bool = False) -> None:
    """Raises InputError for a name that `register` would not take."""
    if name in METHODS or not name.replace("-", "").replace("_", "").isalnum():
        raise InputError(f"{name!r} cannot be a model's name: use letters, digits, - and _, and no built-in name")
    taken = weights.registered().get(name)
    if taken and not overwrite:
        raise InputError(f"{name!r} is registered already ({taken}); use overwrite or another name")


def register(path: str | Path, name: str, *, overwrite: bool = False) -> Path:
    """Copy an exported file into the user's registry, so that `--model NAME` finds it everywhere.

    overwrite: the name's present files go. Raises InputError for an impossible or taken name and a full disk.
    """
    path = Path(path)
    check_name(name, overwrite=overwrite or path.resolve().parent == weights.user_folder().resolve())
    folder = weights.user_folder()
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{name}{path.suffix}"
    if target.resolve() != path.resolve():
        with whole.told(f"copy {path.name} to {target}"), part_of(target) as part:
            for file, copy in zip(files_of(path), files_of(part), strict=True):
                shutil.copyfile(file, copy)
    for old in set(folder.glob(f"{name}.*")) - set(files_of(target)):
        old.unlink()
    return target
