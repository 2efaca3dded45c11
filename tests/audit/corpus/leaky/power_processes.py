"""A command line, or a part of it."""
import asyncio
import os
import subprocess


class Root:
    def shell(self, command: str) -> int:
        return os.system(command)  # ! power-processes Root.shell()

    def part(self, name: str) -> int:
        return subprocess.run(["grep", name, "/etc/motd"]).returncode  # ! power-processes Root.part()

    def keyword(self, name: str) -> int:
        return subprocess.call(args="ls", shell=True, cwd=name)  # ! power-processes Root.keyword()

    def fixed(self) -> int:
        return subprocess.Popen(["true"]).wait()  # ! power-processes/warning Root.fixed() ! power-processes/warning Root.fixed()

    async def later(self, name: str) -> None:
        await asyncio.create_subprocess_exec(name)  # ! power-processes Root.later()

    def forked(self) -> int:
        return os.fork()  # ! power-processes/warning Root.forked()
