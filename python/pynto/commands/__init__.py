"""The commands of ``pynto``: one module each, with ``add_to(commands)``."""
