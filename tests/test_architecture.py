"""The direction of imports: ideas ← parts ← models ← course; views apart; importing does nothing."""

import ast
import subprocess
import sys

import pytest
from the_book import ROOT

PACKAGE = ROOT / "lectures_pkg"
LAYERS = {
    "ideas": {
        "worlds", "datasets", "generative_models", "ngrams", "divergences",
        "adversarial_game", "gan_theory", "gan_dynamics", "metrics", "latent",
    },
    "parts": {"networks", "training"},
    "models": {
        "neural_lm", "autoregressive", "rbm", "vae", "variational_bounds", "gan",
        "conditional", "cycle_gan", "discrete_gan", "neural_crypto", "hybrids", "diffusion",
    },
    "views": {"plotting", "frames"},
    "course": {
        "claims", "exercises", "experiments", "ledger", "papers", "errata", "coverage",
        "assign", "grade", "sandbox", "student", "feedback", "cli",
    },
}  # fmt: skip
MAY_IMPORT = {
    "ideas": {"ideas"},
    "parts": {"ideas", "parts"},
    "models": {"ideas", "parts", "models"},
    "views": {"ideas", "views"},
    "course": {"ideas", "parts", "models", "course"},
}
LAYER_OF = {module: layer for layer, modules in LAYERS.items() for module in modules}
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def module_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """Modules of the package that a file imports, in functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "lectures_pkg":
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lectures_pkg."):
            yield node.module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("lectures_pkg."))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    layer = LAYER_OF[module_of(path)]
    for imported in imports(path):
        assert LAYER_OF[imported] in MAY_IMPORT[layer], f"{layer} must not import {imported}"


def test_ideas_and_claims_start_without_torch():
    present = sorted(module for module in LAYERS["ideas"] if (PACKAGE / f"{module}.py").exists())
    code = "import sys\n" + "".join(f"import lectures_pkg.{module}\n" for module in present)
    code += "import lectures_pkg.claims, lectures_pkg.exercises\nsys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_importing_prints_nothing_and_sets_nothing():
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in FILES]
    code = (
        "import torch, numpy as np, matplotlib as mpl\n"
        "before = (torch.get_num_threads(), torch.get_default_dtype(), torch.random.get_rng_state().sum(),\n"
        "          np.random.get_state()[1].sum(), dict(mpl.rcParams), np.geterr())\n"
        + "".join(f"import {module}\n" for module in modules)
        + "after = (torch.get_num_threads(), torch.get_default_dtype(), torch.random.get_rng_state().sum(),\n"
        "         np.random.get_state()[1].sum(), dict(mpl.rcParams), np.geterr())\n"
        "assert before == after\n"
    )
    result = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
