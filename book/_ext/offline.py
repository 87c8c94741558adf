"""Sphinx extension: the built site needs no other host and no network.

MathJax comes with it. The one script (TeX input with all its extensions, SVG output, hence no fonts to load, also from
disk) is taken from the installed package sphinx-mathjax-offline.
"""

from importlib.metadata import files

from sphinx.application import Sphinx
from sphinx.util.fileutil import copy_asset

SCRIPT = "tex-svg-full.js"


def copy_mathjax(app: Sphinx, error: Exception | None) -> None:
    """Copy the script into the built site."""
    if error is None and app.builder.format == "html":
        script = next(file for file in files("sphinx-mathjax-offline") if file.name == SCRIPT)
        copy_asset(script.locate(), app.outdir / "_static" / "mathjax")


def drop_thebe(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """Leave out Thebe, which Jupyter Book always adds: it isn't used, and would load from another host."""
    context["script_files"] = [
        script for script in context["script_files"] if "thebe" not in f"{script.filename} {script.attributes}".lower()
    ]


def setup(app: Sphinx) -> dict[str, bool]:
    app.config.mathjax_path = f"mathjax/{SCRIPT}"
    app.connect("html-page-context", drop_thebe, priority=900)
    app.connect("build-finished", copy_mathjax)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
