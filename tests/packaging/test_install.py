# SPDX-License-Identifier: Apache-2.0
"""What the build installs is complete, can be moved, and is found by CMake and by Python.

Stands on the build directory that script/setup made. The wheel is script/test-pythons' matter.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

import spead2

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "venv"
SYSTEM_PYTHON = Path(sys.base_prefix, "bin", "python3")

# The packet of consumer.cc, SPEAD-64-40: heap cnt 1, heap length 1, payload offset 0, payload
# length 1, the item, a null item; and a zero byte, since no packet is without payload.
PACKET = bytes.fromhex(
    "53040305 00000006"
    "8000010000000001 8000020000000001 8000030000000000 8000040000000001"
    "801234000000cafe 0000000000000000"
    "00"
)


needs_blocks = pytest.mark.skipif(
    not (BUILD / "lib" / "gnuradio").is_dir(), reason="built without the GNU Radio blocks"
)


def run(*command: str | Path, **kwargs: object) -> str:
    """Run a command, which must succeed, and return its standard output."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False, **kwargs)  # type: ignore[call-overload]
    assert done.returncode == 0, f"{words}\n{done.stdout}\n{done.stderr}"
    return str(done.stdout)


def cmake_version() -> str:
    match = re.search(r"(?m)^    VERSION (\S+)$", (ROOT / "CMakeLists.txt").read_text())
    assert match
    return match[1]


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installed tree that was moved after the installation."""
    folder = tmp_path_factory.mktemp("install")
    run("cmake", "--install", BUILD, "--prefix", folder / "first")
    return (folder / "first").rename(folder / "moved")


def build_consumer(
    prefix: Path, build: Path, wanted_version: str, components: str = ""
) -> subprocess.CompletedProcess[str]:
    """Configure the consumer against an installed tree and, if that worked, build it."""
    source = Path(__file__).with_name("consumer")
    configure = ["cmake", "-G", "Ninja", "-S", str(source), "-B", str(build)]
    configure += [f"-DCMAKE_PREFIX_PATH={prefix}", f"-DWANTED_VERSION={wanted_version}"]
    configure += [f"-DWANTED_COMPONENTS={components}"]
    done = subprocess.run(configure, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        run("cmake", "--build", build)
    return done


def test_cxx_program_builds_against_installed_tree_and_sends(prefix: Path, tmp_path: Path) -> None:
    configured = build_consumer(prefix, tmp_path, cmake_version())
    assert configured.returncode == 0, configured.stderr
    done = subprocess.run([tmp_path / "consumer"], capture_output=True, check=True)
    assert done.stderr.decode() == cmake_version()
    assert done.stdout == PACKET
    assert f"{prefix}/lib/libspead2.so" in run("ldd", tmp_path / "consumer")


@needs_blocks
def test_cxx_flowgraph_builds_against_installed_tree_and_sends(
    prefix: Path, tmp_path: Path
) -> None:
    configured = build_consumer(prefix, tmp_path, cmake_version(), "gnuradio")
    assert configured.returncode == 0, configured.stderr
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(30)
        run(tmp_path / "blocks_consumer", str(receiver.getsockname()[1]))
        packets = [receiver.recv(65536) for _ in ("start", "data", "stop")]
    assert [packet[:4] for packet in packets] == [bytes.fromhex("53040305")] * 3
    assert bytes.fromhex("deadbeef") in packets[1]


@needs_blocks
def test_blocks_work_in_python_where_the_tree_was_moved_to(prefix: Path) -> None:
    (packages,) = prefix.glob("lib/python3*/*-packages")
    code = """
from gnuradio import gr, spead2
libraries = {line.split()[-1] for line in open("/proc/self/maps") if "spead2.so" in line}
print(spead2.__file__, *sorted(libraries))
"""
    environment = dict(os.environ, PYTHONPATH=str(packages))
    version = cmake_version()
    assert run(SYSTEM_PYTHON, "-c", code, env=environment).split() == [
        str(packages / "gnuradio" / "spead2" / "__init__.py"),
        f"{prefix}/lib/libgnuradio-spead2.so.{version}",
        f"{prefix}/lib/libspead2.so.{version}",
    ]


@pytest.mark.parametrize("wanted", ["99.0", "0.0.1"])
def test_other_version_is_refused(prefix: Path, tmp_path: Path, wanted: str) -> None:
    configured = build_consumer(prefix, tmp_path, wanted)
    assert configured.returncode != 0
    assert f'compatible with requested version "{wanted}"' in " ".join(configured.stderr.split())


def test_python_package_works_where_the_tree_was_moved_to(prefix: Path) -> None:
    (packages,) = prefix.glob("lib/python3*/*-packages")
    code = """
import spead2, spead2.send
libraries = {line.split()[-1] for line in open("/proc/self/maps") if "libspead2" in line}
print(spead2.__version__, spead2.__file__, *libraries)
"""
    environment = dict(os.environ, PYTHONPATH=str(packages))
    version, file, library = run(SYSTEM_PYTHON, "-c", code, env=environment).split()
    assert version == cmake_version()
    assert file == str(packages / "spead2" / "__init__.py")
    assert library == f"{prefix}/lib/libspead2.so.{version}"


def test_version_is_the_same_everywhere() -> None:
    assert spead2.__version__ == cmake_version()
    # conda-forge's recipes have theirs written in them.
    recipe = (ROOT / "packaging" / "conda" / "recipe.yaml").read_text()
    assert f'version: "{cmake_version()}"' in recipe


def test_engine_is_not_linked_to_what_a_machine_may_lack(prefix: Path) -> None:
    needed = set(re.findall(r"NEEDED.*\[(.*)\]", run("readelf", "-d", prefix / "lib/libspead2.so")))
    usual = {"libstdc++.so.6", "libm.so.6", "libgcc_s.so.1", "libc.so.6"}
    # What loads libraries is asked where the variables of a thread are.
    assert {n for n in needed if not n.startswith("ld-linux")} <= usual


@pytest.fixture(scope="module")
def classical(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``cmake -B build && cmake --build build && cmake --install build`` would make of "/".

    Another python3 on PATH could not load the blocks, so it must not be taken: there is one here
    that cannot even run. The folder lies beside script/setup's so that ccache knows all objects.
    """
    folder = tmp_path_factory.mktemp("classical")
    (folder / "bin").mkdir()
    (folder / "bin" / "python3").symlink_to("/bin/false")
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    output = build_anew("classical", environment={"PATH": path, "DESTDIR": str(folder)})
    if "GNU Radio blocks OFF" in output:
        pytest.skip("there are no GNU Radio blocks in this build")
    assert f"({SYSTEM_PYTHON})" in output
    return folder


def build_anew(name: str, *options: str, environment: dict[str, str] | None = None) -> str:
    """Configure, build and install build/NAME, and return what the configuration said.

    It is beside what script/setup built and compiled like it, so that ccache has nearly all.
    """
    ccache = shutil.which("ccache")
    if ccache is None:
        pytest.skip("would compile everything again, since there is no ccache")
    cache = (BUILD / "CMakeCache.txt").read_text()
    warnings = re.findall(r"(?m)^(CMAKE_COMPILE_WARNING_AS_ERROR):\w+=(\w+)$", cache)
    build = ROOT / "build" / name
    configure = ["cmake", "--fresh", "-G", "Ninja", "-S", str(ROOT), "-B", str(build), *options]
    configure += [f"-DCMAKE_CXX_COMPILER_LAUNCHER={ccache}"]
    configure += [f"-D{option}={value}" for option, value in warnings]
    environment = {**os.environ, "CCACHE_BASEDIR": str(ROOT), **(environment or {})}
    output = run(*configure, env=environment)
    run("cmake", "--build", build, env=environment)
    run("cmake", "--install", build, env=environment)
    return output


# Given its own time: on a machine whose ccache is disabled or small it compiles everything.
@pytest.mark.timeout(900)
def test_default_prefix_is_where_python_and_companion_look(classical: Path) -> None:
    code = "import sys; from gnuradio import gr; print(*sys.path); print(gr.prefs().get_string("
    code += "'grc', 'global_blocks_path', ''))"
    packages, blocks = run(SYSTEM_PYTHON, "-c", code).splitlines()
    installed = {
        str(path).removeprefix(str(classical))
        for pattern in ("spead2", "gnuradio/spead2")
        for path in classical.glob(f"usr/local/lib/python3*/*-packages/{pattern}/__init__.py")
    }
    (root,) = {path.split("-packages/")[0] + "-packages" for path in installed}
    assert installed == {f"{root}/spead2/__init__.py", f"{root}/gnuradio/spead2/__init__.py"}
    assert root in packages.split()
    (definition,) = classical.rglob("spead2_heap_sink.block.yml")
    folder = str(definition.parent).removeprefix(str(classical))
    assert folder in blocks.split(os.pathsep)


LIST_BLOCKS = """
from gnuradio import gr
from gnuradio.grc.core.platform import Platform
version = (gr.major_version(), gr.api_version(), gr.minor_version())
platform = Platform(version=gr.version(), version_parts=version, prefs=gr.prefs())
platform.build_library()
for key, block in sorted(platform.blocks.items()):
    if block.category == ["SPEAD"]:
        print(key)
"""


@pytest.mark.timeout(900)
def test_companion_finds_blocks_and_compiles_flowgraphs_as_installed(
    classical: Path, tmp_path: Path
) -> None:
    (packages,) = classical.glob("usr/local/lib/python3*/*-packages")
    environment = dict(
        os.environ,
        HOME=str(tmp_path),  # nothing of the user's, and nothing left there
        PYTHONPATH=str(packages),
        GRC_BLOCKS_PATH=str(classical / "usr/local/share/gnuradio/grc/blocks"),
    )
    found = run(SYSTEM_PYTHON, "-c", LIST_BLOCKS, env=environment).split()
    assert found == sorted(path.name.split(".")[0] for path in (ROOT / "grc").glob("*.block.yml"))
    grcc = shutil.which("grcc", path=str(SYSTEM_PYTHON.parent))
    assert grcc is not None
    flowgraphs = sorted((ROOT / "apps").glob("*.grc"))
    assert flowgraphs
    # Some have blocks of their own beside them.
    own = str(ROOT / "apps" / "blocks")
    environment["GRC_BLOCKS_PATH"] += os.pathsep + own
    environment["PYTHONPATH"] += os.pathsep + own
    run(SYSTEM_PYTHON, grcc, "-o", tmp_path, *flowgraphs, env=environment)
    for flowgraph in flowgraphs:
        program = tmp_path / f"{flowgraph.stem}.py"
        assert "--port" in run(SYSTEM_PYTHON, program, "--help", env=environment)


WITHOUT_IBVERBS = """
import socket
import spead2, spead2.send
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
    receiver.bind(("127.0.0.1", 0))
    receiver.settimeout(30)
    stream = spead2.send.UdpStream(spead2.ThreadPool(), [receiver.getsockname()])
    heap = spead2.send.Heap()
    heap.add_end()
    size = stream.send_heap(heap)
    assert len(receiver.recv(65536)) == size > 0
config = spead2.send.UdpIbvConfig(endpoints=[("239.1.2.3", 8888)], interface_address="127.0.0.1")
try:
    spead2.send.UdpIbvStream(spead2.ThreadPool(), spead2.send.StreamConfig(), config)
except RuntimeError as error:
    print(error)
"""


@pytest.mark.timeout(900)
def test_built_without_ibverbs_headers_it_sends_and_says_what_is_missing(tmp_path: Path) -> None:
    build_anew(
        "without-ibverbs",
        "-DSPEAD2_IBVERBS=OFF",
        "-DSPEAD2_GNURADIO=OFF",
        f"-DCMAKE_INSTALL_PREFIX={tmp_path}",
        f"-DPython_EXECUTABLE={SYSTEM_PYTHON}",
    )
    (packages,) = tmp_path.glob("lib/python3*/*-packages")
    environment = dict(os.environ, PYTHONPATH=str(packages))
    said = run(SYSTEM_PYTHON, "-c", WITHOUT_IBVERBS, env=environment)
    assert said.startswith("ibverbs is not in this build")
    assert "libibverbs-dev librdmacm-dev" in said


def test_pkg_config_tells_how_to_build_against_the_moved_tree(prefix: Path, tmp_path: Path) -> None:
    pkg_config = shutil.which("pkg-config")
    if pkg_config is None:
        pytest.skip("there is no pkg-config")
    environment = dict(os.environ, PKG_CONFIG_PATH=str(prefix / "lib" / "pkgconfig"))
    assert run(pkg_config, "--modversion", "spead2", env=environment).strip() == cmake_version()
    flags = run(pkg_config, "--cflags", "--libs", "spead2", env=environment).split()
    source = Path(__file__).with_name("consumer") / "consumer.cc"
    compiler = ["c++", "-std=c++20", str(source), "-o", str(tmp_path / "consumer"), *flags]
    run(*compiler, f"-Wl,-rpath,{prefix}/lib")
    done = subprocess.run([tmp_path / "consumer"], capture_output=True, check=True)
    assert done.stdout == PACKET


def test_uninstall_removes_what_was_installed_and_nothing_else(tmp_path: Path) -> None:
    build = tmp_path / "build"
    build.mkdir()
    other = tmp_path / "root" / "lib" / "pkgconfig" / "other.pc"
    other.parent.mkdir(parents=True)
    other.touch()
    run("cmake", "--install", BUILD, "--prefix", tmp_path / "root")
    installed = (BUILD / "install_manifest.txt").read_text()
    (build / "install_manifest.txt").write_text(installed)
    assert len(installed.splitlines()) > 20
    (packages,) = (tmp_path / "root").glob("lib/python3*/*-packages")
    run(SYSTEM_PYTHON, "-m", "compileall", "-q", packages / "spead2")
    script = ROOT / "cmake" / "uninstall.cmake"
    run("cmake", f"-DBUILD={build}", "-P", script)
    assert [path for path in (tmp_path / "root").rglob("*") if not path.is_dir()] == [other]
    assert not list((tmp_path / "root").rglob("*spead2*"))
