# SPDX-License-Identifier: Apache-2.0
"""Notices that the reference package of the same name shares our folder, and says how to mend it.

Imported before anything else of the package, so it costs next to nothing where all is well.
"""

from __future__ import annotations

import os
import warnings

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_MEND = (
    "Keep one of them in an environment. To keep gr-spead2: python -m pip uninstall -y spead2 "
    "gr-spead2 && python -m pip install gr-spead2. What requires the distribution spead2 is "
    "content with gr-spead2's wheel spead2-*+gr-*.whl beside it."
)


def other_distribution(packages: str) -> str | None:
    """Return the name of another installed distribution with files of the package spead2.

    Parameters
    ----------
    packages : str
        Folder that the package lies in.

    Returns
    -------
    str or None
        For example "spead2-4.5.1"; None if there is none. A distribution without files, which
        only says that gr-spead2 takes its place, is none.
    """
    suffix = ".dist-info"
    try:
        names = [name for name in os.listdir(packages) if name.startswith("spead2-")]
    except OSError:
        return None  # in a zip archive, say
    for name in names:
        if not name.endswith(suffix):
            continue
        try:
            with open(os.path.join(packages, name, "RECORD"), encoding="utf-8") as stream:
                if any(line.startswith("spead2/__init__.py,") for line in stream):
                    return name[: -len(suffix)]
        except OSError:
            continue
    return None


def _is_ours(extension: str | None) -> bool:
    """Tell whether an extension module that cannot be loaded is at least ours."""
    try:
        with open(extension or "", "rb") as stream:
            return b"gr-spead2" in stream.read()
    except OSError:
        return True  # there is none, or nothing can be said


def check() -> None:
    """Raise or warn where the files of two packages are mixed.

    Raises
    ------
    ImportError
        If the extension module is another package's or cannot be loaded.
    """
    packages = os.path.dirname(_FOLDER)
    other = other_distribution(packages)
    try:
        from . import _spead2

        if getattr(_spead2, "__distribution__", None) == "gr-spead2":
            if other is not None:
                warnings.warn(
                    f"{other} and gr-spead2 are both installed in {packages}, and each overwrites "
                    f"files of the other. {_MEND}",
                    RuntimeWarning,
                    stacklevel=3,
                )
            return
        problem = f"{_spead2.__file__} is not gr-spead2's"
    except ImportError as error:
        if other is None and _is_ours(error.path):
            raise  # nothing is mixed, so it is something else
        problem = str(error)
    raise ImportError(
        f"the package in {_FOLDER} is a mixture of gr-spead2 and {other or 'another spead2'}: "
        f"{problem}. {_MEND}"
    )


check()
