"""What the process was given by whoever started it."""
import os


class Root:
    def secret(self, name: str) -> str:
        return os.environ[name]  # ! power-environment Root.secret()

    def asked(self, name: str) -> str | None:
        return os.environ.get(name)  # ! power-environment Root.asked()

    def got(self, name: str) -> str | None:
        return os.getenv(name)  # ! power-environment Root.got()

    def changed(self, name: str, value: str) -> None:
        os.environ[name] = value  # ! power-environment Root.changed()

    def fixed(self) -> str:
        return os.environ["HOME"]  # ! power-environment/info Root.fixed()
