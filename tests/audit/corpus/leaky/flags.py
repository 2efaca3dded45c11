"""A combination of flags has no name."""
import enum


class Mode(enum.Flag):
    READ = 1
    WRITE = 2


class Root:
    def mode(self) -> Mode:  # ! flag-enum Root.mode()
        return Mode.READ
