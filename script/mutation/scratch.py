# SPDX-License-Identifier: Apache-2.0
"""A copy of the project's tree that can be broken, built and tested without harm."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from .schemata import HEADER, Schemata

#: Where the compiler says that something is wrong, or from where it came to that.
_PLACE = re.compile(
    r"(?m)^(?:In file included from |\s+from )?([^\s:]+\.(?:cc|h)):(\d+):"
    r"(?=.*(?:error|required from))"
)


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
        self._header = folder / "mutation.h"
        self._flags = f"-include {self._header}"

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
        self._header.write_text(HEADER)
        self.run(
            *("cmake", "-G", "Ninja", "-S", self.tree, "-B", self._build),
            "-DCMAKE_BUILD_TYPE=Release",
            f"-DCMAKE_CXX_FLAGS_RELEASE=-O1 -DNDEBUG {self._flags}",  # quick to compile
            "-DCMAKE_EXPORT_COMPILE_COMMANDS=ON",
            f"-DCMAKE_INSTALL_PREFIX={self._prefix}",
            f"-DCMAKE_CXX_COMPILER_LAUNCHER={'ccache' if shutil.which('ccache') else ''}",
            f"-DPython_EXECUTABLE={self.python}",
            "-DSPEAD2_GNURADIO=OFF",
        )

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

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "CCACHE_BASEDIR": str(self.tree),
            "CCACHE_NOHASHDIR": "1",
            "CXXFLAGS": self._flags,  # for tests that are C++ programs
        }

    def start(
        self, command: list[str], variables: dict[str, str], descriptors: tuple[int, ...]
    ) -> subprocess.Popen[bytes]:
        """Start a command in the tree that gets descriptors and is asked through them."""
        return subprocess.Popen(
            command,
            cwd=self.tree,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=descriptors,
            env={**self._environment(), **variables},
        )

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
            env=self._environment(),
        ) as process:
            try:
                output, _ = process.communicate(timeout=seconds)
            except BaseException:
                os.killpg(process.pid, 9)
                process.wait()
                raise
        return subprocess.CompletedProcess(command, process.returncode, output, "")

    def build(self) -> bool:
        """Compile what has changed, and install it. Returns whether it could be compiled."""
        return (
            self.run("ninja", "-C", self._build, seconds=3600).returncode == 0
            and self.run("cmake", "--install", self._build, seconds=120).returncode == 0
        )

    def build_many(self, schemata: Schemata) -> None:
        """Compile many changes at once, without those that the compiler refuses."""
        while True:
            schemata.write()
            done = self.run("ninja", "-C", self._build, "-k", "0", seconds=3600)
            if done.returncode == 0:
                break
            places = {
                (
                    str(Path(os.path.normpath(self._build / found[1])).relative_to(self.tree)),
                    int(found[2]),
                )
                for found in _PLACE.finditer(done.stdout)
                if Path(os.path.normpath(self._build / found[1])).is_relative_to(self.tree)
            }
            if not schemata.drop(places) and not schemata.drop({(path, 0) for path, _ in places}):
                raise SystemExit(f"mutate: the project cannot be built:\n{done.stdout[-5000:]}")
        if not self.build():
            raise SystemExit("mutate: what was built cannot be installed")

    def build_device(self) -> None:
        """Compile the software verbs device, which tests would build at the same time."""
        self._run_python("import software_device; software_device.build_software_device()")

    def build_programs(self) -> None:
        """Compile the tests that are C++ programs, but for those that fuzz."""
        folders = ("faults", "net", "recv", "send", "transports", "wire")
        sources = [file for name in folders for file in (self.tree / "tests" / name).glob("*.cc")]
        names = [file.stem for file in sources if file.stem != "late_bursts"]
        build = "import sys, programs; [*map(programs.build_sanitized, sys.argv[1:])]"
        self._run_python(build, *sorted(names))

    def _run_python(self, text: str, *arguments: str) -> None:
        python = ("env", f"PYTHONPATH={self.tree / 'tests'}", self.python)
        done = self.run(*python, "-c", text, *arguments)
        if done.returncode != 0:
            raise SystemExit(f"mutate: cannot build what tests need:\n{done.stdout[-5000:]}")

    def compiled(self, path: str) -> str | None:
        """Return what is the same if the compiler makes the same of a source, or None.

        Of a header: of the first source that includes it itself.
        """
        source = self.tree / path
        if source.suffix == ".h":
            name = re.compile(rf'#include "([^"]*/)?{re.escape(source.name)}"')
            near = sorted(source.parent.rglob("*.cc"))
            near += [*self.tree.glob("lib/**/*.cc"), *self.tree.glob("python/**/*.cc")]
            source = next((file for file in near if name.search(file.read_text())), source)
        for entry in json.loads((self._build / "compile_commands.json").read_text()):
            together = Path(entry["file"])  # a source for each folder includes all that are in it
            if source == together or f'"{source}"' in together.read_text():
                command = entry["command"].replace(" -O1 ", " -O2 ").split(" -o ")[0]
                with tempfile.TemporaryDirectory() as folder:
                    result = Path(folder) / "object.o"
                    words = [*command.split(), "-o", str(result), "-c", str(source)]
                    done = subprocess.run(words, cwd=entry["directory"], capture_output=True)
                    if done.returncode != 0:
                        return "not compiled"
                    return hashlib.sha256(result.read_bytes()).hexdigest()
        return None
