"""environment.yml, pyproject.toml and constraints.txt say the same."""

import re
import tomllib

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version
from the_book import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())
PINS = {
    Requirement(line).name.lower().replace("_", "-"): Version(str(Requirement(line).specifier).removeprefix("=="))
    for line in (ROOT / "constraints.txt").read_text().splitlines()
    if line and not line.startswith("#")
}


def pip_lines():
    return next(entry["pip"] for entry in CONDA["dependencies"] if isinstance(entry, dict))


def requirements():
    for text in [*PROJECT["dependencies"], *(r for extra in PROJECT["optional-dependencies"].values() for r in extra)]:
        requirement = Requirement(text)
        if requirement.name != PROJECT["name"]:
            yield requirement


def test_conda_has_a_python_that_the_project_accepts():
    python = next(re.split("[=<>]+", entry)[1] for entry in CONDA["dependencies"] if str(entry).startswith("python"))
    assert Version(f"{python}.0") in SpecifierSet(PROJECT["requires-python"])
    assert "pip" in CONDA["dependencies"]


def test_conda_installs_the_project_once_with_extras_that_exist():
    installs = [line for line in pip_lines() if line.startswith("-e")]
    assert len(installs) == 1
    extras = re.search(r"\[(.+)\]", installs[0]).group(1).split(",")
    assert set(extras) <= set(PROJECT["optional-dependencies"])
    assert "-c constraints.txt" in pip_lines()


def test_conda_pins_the_same_cpu_build_of_torch():
    torch = next(Requirement(line) for line in pip_lines() if line.startswith("torch"))
    assert str(torch.specifier) == f"=={PINS['torch']}+cpu"
    assert 'sys_platform == "linux"' in str(torch.marker)
    assert any("download.pytorch.org/whl/cpu" in line for line in pip_lines())


@pytest.mark.parametrize("requirement", list(requirements()), ids=str)
def test_every_requirement_is_pinned_within_its_bounds(requirement):
    pin = PINS[requirement.name.lower().replace("_", "-")]
    assert pin in requirement.specifier


def test_the_fixed_packages_are_there():
    names = {requirement.name for requirement in requirements()}
    assert {"jupyter-book", "nbclient", "nbval", "torch", "numpy", "matplotlib", "ipywidgets"} <= names


def test_the_version_stands_alike_everywhere():
    import lectures_pkg

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert lectures_pkg.__version__ == PROJECT["version"] == citation["version"]
