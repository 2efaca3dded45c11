"""Every sink is told: behind the same helper, on the same line, in a loop of calls, in branches."""
import os


def helper(path: str) -> None:
    os.remove(path)  # ! power-files Root.first() ! power-files Root.second()
    other(path)


def other(path: str) -> None:
    os.rmdir(path)  # ! power-files Root.first() ! power-files Root.second() ! power-files Root.third()
    if path:
        helper2(path)


def helper2(path: str) -> None:
    os.unlink(path)  # ! power-files Root.first() ! power-files Root.second() ! power-files Root.third()
    other(path)


class Root:
    def first(self, path: str) -> None:
        helper(path)

    def second(self, path: str) -> None:
        helper(path)
        helper(path)

    def third(self, path: str) -> None:
        other(path)

    def line(self, a: str, b: str) -> bool:
        return os.path.exists(a) and os.path.isdir(b)  # ! power-files Root.line() ! power-files Root.line()

    def tried(self, path: str) -> None:
        try:
            os.chmod(path, 0)  # ! power-files Root.tried()
        except OSError:
            os.mkdir(path)  # ! power-files Root.tried()
        else:
            os.rename("a", path)  # ! power-files Root.tried()
        finally:
            os.chown(path, 0, 0)  # ! power-files Root.tried()

    def branched(self, path: str, flag: bool) -> None:
        if flag:
            os.link(path, "x")  # ! power-files Root.branched()
        elif path:
            os.symlink("x", path)  # ! power-files Root.branched()
        else:
            os.listdir(path)  # ! power-files Root.branched()
