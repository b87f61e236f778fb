# SPDX-License-Identifier: Apache-2.0
"""An environment knows what is installed and its licence, and notices two packages of one name."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import spead2

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = Path(spead2.__file__).parent
(REFERENCE,) = ROOT.glob(".venv-reference/lib/python3*/site-packages")


def import_spead2(packages: Path) -> subprocess.CompletedProcess[str]:
    """Import the package of a folder in a process of its own."""
    environment = dict(os.environ, PYTHONPATH=str(packages))
    command = [sys.executable, "-c", "import spead2; print(spead2.__file__)"]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder of packages with ours in it; its library stays where it is."""
    target = tmp_path / "packages"
    shutil.copytree(PACKAGE, target / "spead2", ignore=shutil.ignore_patterns("__pycache__"))
    for library in PACKAGE.parent.parent.parent.glob("libspead2.so*"):
        shutil.copy2(library, tmp_path, follow_symlinks=False)
    # The extension looks for the library two folders above the packages.
    target.rename(tmp_path / "nested")
    (tmp_path / "python").mkdir()
    return (tmp_path / "nested").rename(tmp_path / "python" / "packages")


def test_installed_distribution_names_licences_and_version() -> None:
    distribution = importlib.metadata.distribution("gr-spead2")
    assert distribution.version == spead2.__version__
    assert distribution.metadata["License-Expression"] == "Apache-2.0 AND GPL-3.0-or-later"
    names = distribution.metadata.get_all("License-File")
    assert names == ["LICENSES/Apache-2.0.txt", "LICENSES/GPL-3.0-or-later.txt"]
    for name in names:
        assert distribution.read_text(f"licenses/{name}") == (ROOT / name).read_text()
    extras = distribution.metadata.get_all("Provides-Extra")
    assert extras is not None
    assert "test" in extras
    assert 'pytest<10,>=7.4; extra == "test"' in {
        requirement.replace(">=7.4,<10", "<10,>=7.4") for requirement in distribution.requires or []
    }


def test_alone_it_says_nothing(packages: Path) -> None:
    done = import_spead2(packages)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(packages)
    assert done.stderr == ""


def test_two_distributions_are_noticed(packages: Path) -> None:
    for folder in REFERENCE.glob("spead2-*.dist-info"):
        shutil.copytree(folder, packages / folder.name)
    done = import_spead2(packages)
    assert done.returncode == 0, done.stderr
    assert "RuntimeWarning: spead2-4.5.1 and gr-spead2 are both installed in" in done.stderr
    assert "pip uninstall -y spead2 gr-spead2 && python -m pip install gr-spead2" in done.stderr


def test_extension_of_the_other_package_is_noticed(packages: Path) -> None:
    (theirs,) = (REFERENCE / "spead2").glob("_spead2.*.so")
    shutil.copy2(theirs, packages / "spead2" / theirs.name)
    # As after "pip uninstall spead2": nothing but the file tells whose it is.
    done = import_spead2(packages)
    assert done.returncode != 0
    assert "is a mixture of gr-spead2 and another spead2" in done.stderr
    shutil.copytree(REFERENCE / "spead2.libs", packages / "spead2.libs")
    done = import_spead2(packages)
    assert done.returncode != 0
    assert f"{packages}/spead2/{theirs.name} is not gr-spead2's" in done.stderr
    assert "To keep gr-spead2: python -m pip uninstall" in done.stderr


def test_stand_in_makes_pip_content_and_is_no_second_package(
    packages: Path, tmp_path: Path
) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    source = ROOT / "packaging" / "stand-in"
    wheel = [*pip, "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(source)]
    done = subprocess.run(wheel, capture_output=True, text=True, check=False)
    if "No matching distribution found for scikit-build-core" in done.stderr:
        pytest.skip("there is no package index to build a wheel with")
    assert done.returncode == 0, done.stderr
    (file,) = tmp_path.glob("spead2-*.whl")
    assert file.name == "spead2-4.5.1+gr.spead2-py3-none-any.whl"
    install = [*pip, "install", "-q", "--no-deps", "--target", str(packages), str(file)]
    subprocess.run(install, check=True, capture_output=True)
    done = import_spead2(packages)
    assert (done.returncode, done.stderr) == (0, "")
    (found,) = importlib.metadata.distributions(name="spead2", path=[str(packages)])
    assert found.version == "4.5.1+gr.spead2"
    assert found.requires == ["gr-spead2"]
    assert all(".dist-info/" in str(path) for path in found.files or [])
