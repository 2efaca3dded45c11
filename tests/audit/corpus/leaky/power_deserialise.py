"""Formats that run what they say."""
import io
import marshal
import pickle


class Root:
    def loaded(self, data: bytes) -> None:
        pickle.loads(data)  # ! power-deserialise Root.loaded()

    def streamed(self, data: bytes) -> None:
        pickle.load(io.BytesIO(data))  # ! power-deserialise Root.streamed()

    def objects(self, data: bytes) -> None:
        pickle.Unpickler(io.BytesIO(data)).load()  # ! power-deserialise Root.objects() ! power-deserialise Root.objects()

    def marshalled(self, data: bytes) -> None:
        marshal.loads(data)  # ! power-deserialise Root.marshalled()

    def own(self) -> None:
        pickle.loads(b"N.")  # ! power-deserialise/warning Root.own()

    def dumped(self, number: int) -> bytes:
        return pickle.dumps(number)
