# SPDX-License-Identifier: Apache-2.0
"""A copy of the project's tree that can be broken, built and tested without harm."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path


class Scratch:
    """The tree, its build, and an environment with the result installed into it.

    Parameters
    ----------
    root
        The project, set up by script/setup.
    folder
        Where the copy is, or will be.
    """

    def __init__(self, root: Path, folder: Path) -> None:
        self._root = root
        self.tree = folder / "tree"
        self._prefix = self.tree / ".venv"
        self._build = self.tree / "build" / "venv"
        self.python = self._prefix / "bin" / "python"

    def refresh(self) -> None:
        """Make the copy the same as the project's files, and build it."""
        self.tree.mkdir(parents=True, exist_ok=True)
        listing = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=self._root,
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        wanted = {name for name in listing.split("\0") if name and (self._root / name).is_file()}
        for name in wanted:
            self._copy(name)
        for file in [*self.tree.glob("lib/**/*.*"), *self.tree.glob("python/**/*.*")]:
            if file.is_file() and str(file.relative_to(self.tree)) not in wanted:
                file.unlink()
        reference = self.tree / ".venv-reference"
        if not reference.is_symlink():
            reference.symlink_to(self._root / ".venv-reference")
        if not self.python.exists():
            self._make_environment()
        self.run(
            *("cmake", "-G", "Ninja", "-S", self.tree, "-B", self._build),
            "-DCMAKE_BUILD_TYPE=Release",
            "-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG",  # quick to compile
            f"-DCMAKE_INSTALL_PREFIX={self._prefix}",
            f"-DCMAKE_CXX_COMPILER_LAUNCHER={'ccache' if shutil.which('ccache') else ''}",
            f"-DPython_EXECUTABLE={self.python}",
            "-DSPEAD2_GNURADIO=OFF",
        )
        if not self.build() or not self.install():
            raise SystemExit("mutate: the project as it is cannot be built")

    def _copy(self, name: str) -> None:
        source, target = self._root / name, self.tree / name
        content = source.read_bytes()
        if not target.exists() or target.read_bytes() != content:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
            os.utime(target)  # later than what was built of the former

    def _make_environment(self) -> None:
        """Make an environment that sees the packages of the project's own, but not its spead2."""
        python = "/usr/bin/python3"
        options = ["--system-site-packages", "--without-pip"]
        subprocess.run([python, "-m", "venv", *options, self._prefix], check=True)
        site = next((self._root / ".venv").glob("lib/python*/site-packages"))
        place = next(self._prefix.glob("lib/python*/site-packages"))
        place.joinpath("project.pth").write_text(f"{site}\n")

    def run(
        self, *words: str | Path, seconds: float | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the tree, and end it with all that it started when the time is up."""
        command = [*map(str, words)]
        with subprocess.Popen(
            command,
            cwd=self.tree,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            env={**os.environ, "CCACHE_BASEDIR": str(self.tree), "CCACHE_NOHASHDIR": "1"},
        ) as process:
            try:
                output, _ = process.communicate(timeout=seconds)
            except BaseException:
                os.killpg(process.pid, 9)
                process.wait()
                raise
        return subprocess.CompletedProcess(command, process.returncode, output, "")

    def build(self) -> bool:
        """Compile what has changed. Returns whether it could be compiled."""
        return self.run("ninja", "-C", self._build, seconds=1200).returncode == 0

    def install(self) -> bool:
        """Install what was built."""
        return self.run("cmake", "--install", self._build, seconds=120).returncode == 0

    def fingerprint(self) -> str:
        """Return what is the same if the compiler made the same of the sources."""
        digest = hashlib.sha256()
        for place in ("lib/libspead2.so", "python/bindings/_spead2*.so"):
            for file in sorted(self._build.glob(place)):
                digest.update(file.read_bytes())
        return digest.hexdigest()
