"""Branches on the version and the platform: a policy holds for one of each."""
import sys


class Root:
    if sys.version_info >= (3, 11):

        def modern(self) -> int:
            return 1
    else:

        def ancient(self) -> int:
            return 1

    if sys.platform == "win32":

        def windows(self) -> int:
            return 1
