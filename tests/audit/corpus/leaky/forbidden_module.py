"""Modules, frames, code, exceptions: the way to the interpreter."""
import types


class Failure(Exception):
    pass


class Root:
    module: types.ModuleType  # ! forbidden-type Root.module

    def frame(self) -> types.FrameType | None:  # ! forbidden-type Root.frame()
        return None

    def code(self) -> types.CodeType:  # ! forbidden-type Root.code()
        raise NotImplementedError

    def traceback(self) -> list[types.TracebackType]:  # ! forbidden-type Root.traceback()
        return []

    def failure(self) -> Failure:  # ! forbidden-type Root.failure()
        return Failure()

    def report(self, error: Exception) -> None:  # ! forbidden-type Root.report()
        return None

    def function(self) -> types.FunctionType:  # ! forbidden-type Root.function()
        raise NotImplementedError
