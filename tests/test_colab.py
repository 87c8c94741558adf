"""A notebook runs alone: copied to an empty folder, in an environment without the package, its first cell unchanged."""

import os
import pathlib
import subprocess
import sys
import sysconfig
import venv

import pytest
from the_book import ROOT, cells, notebooks

#: The smallest of the chapters that also need the stored results, which must come with the package.
SHORTEST = min(
    (path for path in notebooks() if "experiments.spread(" in path.read_text()), key=lambda path: path.stat().st_size
)


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_the_first_cell_installs_only_the_package_and_only_where_it_is_missing(path):
    first = cells(path, "code")[0]
    assert first.id == "install"
    lines = [line for line in first.source.splitlines() if "pip" in line]
    assert len(lines) == 1 and lines[0].startswith("    %pip install --quiet --no-deps ")
    before = first.source.splitlines()[first.source.splitlines().index(lines[0]) - 1]
    assert before == 'if importlib.util.find_spec("lectures_pkg") is None:'


@pytest.fixture
def python_without_the_package(tmp_path):
    """A fresh environment that borrows this one's dependencies; what is installed in editable mode stays behind."""
    venv.create(tmp_path / "fresh", with_pip=True)
    python = tmp_path / "fresh" / "bin" / "python"
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (pathlib.Path(site) / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python


@pytest.mark.skipif(
    not (ROOT / ".git").exists(), reason="this copy is no git checkout, so nothing can be installed from it"
)
def test_a_notebook_runs_alone(python_without_the_package):
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    result = subprocess.run(
        [python_without_the_package, "tools/run_alone.py", str(SHORTEST)],
        cwd=ROOT, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert f"{SHORTEST.name}: ran alone to the end" in result.stdout


def test_it_refuses_a_python_that_has_the_package():
    result = subprocess.run([sys.executable, "tools/run_alone.py"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 2
    assert "lectures_pkg is installed in this Python" in result.stdout
