"""Reference implementations for the course *Generative models, derived and checked*.

Each module is imported by its own name (``from lectures_pkg import gan_theory``);
importing this package runs nothing and loads nothing.
"""

__version__ = "0.1.0"
