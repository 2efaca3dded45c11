"""From an object to the interpreter."""
import inspect
import operator


class Root:
    title: str

    def __init__(self) -> None:
        self.title = ""

    def read(self, name: str) -> str:
        return str(getattr(self, name))  # ! power-introspection Root.read()

    def written(self, name: str, value: str) -> None:
        setattr(self, name, value)  # ! power-introspection Root.written()

    def formatted(self, template: str) -> str:
        return template.format(self)  # ! power-introspection Root.formatted()

    def mapped(self, template: str) -> str:
        return template.format_map({"self": self})  # ! power-introspection Root.mapped()

    def got(self, name: str) -> str:
        return str(operator.attrgetter(name)(self))  # ! power-introspection Root.got() ! unanalysable Root.got()

    def innards(self) -> int:
        return len(self.__dict__)  # ! power-introspection/info Root.innards()

    def frames(self) -> int:
        return len(inspect.stack())  # ! power-introspection/info Root.frames()

    def fixed(self, name: str) -> str:
        return "{} says".format(name)
