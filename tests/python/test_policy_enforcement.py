"""Is what the policy says what happens, and does a server refuse to start when it cannot be?"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pynto
import pytest
from rawpeer import RawPeer

HERE = Path(__file__).parent
KENNEL = (HERE / "kennel.py").read_text(encoding="utf-8")
LARGEST = 16 * 1024 * 1024


@pytest.fixture
def raw(site: Any) -> Iterator[RawPeer]:
    """A client that is not held back by a description."""
    with RawPeer(site.address.removeprefix("unix://")) as peer:
        peer.hello()
        yield peer


# ---- classes and facets ----


def test_an_object_has_the_interface_that_was_declared_not_its_own(root: Any) -> None:
    animal = root.zoo().animal()
    assert animal.speak() == "rex: yip", "the overriding method runs"
    assert [name for name in dir(animal) if not name.startswith("_")] == ["speak"]
    dog = root.zoo().dog()
    assert [name for name in dir(dog) if not name.startswith("_")] == ["fetch", "speak"]
    assert dog.fetch("a ball") == "rex has a ball"


def test_a_union_takes_the_most_derived_alternative_that_fits(root: Any) -> None:
    either = root.zoo().either
    assert type(either("animal")).__name__ == "served.Animal"
    assert type(either("dog")).__name__ == "served.Dog"
    assert type(either("puppy")).__name__ == "served.Dog"
    assert either("puppy").speak() == "pup: yip"
    assert either("") is None


def test_what_an_instance_holds_does_not_take_the_place_of_a_method(root: Any) -> None:
    assert root.zoo().shadowed().speak() == "rex: woof"


def test_a_derived_interface_conforms_where_the_base_is_wanted_and_not_the_other_way(root: Any) -> None:
    zoo = root.zoo()
    assert zoo.pet(zoo.dog()) == "rex: yip"
    assert zoo.walk(zoo.dog()) == "rex has the stick"
    with pytest.raises((TypeError, pynto.Refused)):
        zoo.walk(zoo.animal())  # it is a Dog; but its reference is not
    with pytest.raises((TypeError, pynto.Refused)):
        zoo.pet(root.item())


def test_a_nominal_class_takes_no_object_of_the_clients(root: Any) -> None:
    import served

    with pytest.raises((TypeError, pynto.Refused)):
        root.zoo().pet(served.Dog("mine"))


# ---- what a hostile client may try ----


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("_listeners", []),
        ("__class__", []),
        ("__init__", []),
        ("__reduce__", []),
        ("__dict__", []),
        ("__getattribute__", ["_listeners"]),
        ("__getattr__", ["_listeners"]),
        ("__getattr__", ["add"]),
        ("__getattr__", ["__class__"]),
        ("__setattr__", ["add", 1]),
        ("__setattr__", ["_listeners", 1]),
        ("__delattr__", ["_log"]),
        ("__dir__", []),
        ("__eq__", [1]),
        ("nothing", []),
        ("add ", [1]),
        ("ADD", [1]),
        ("a" * 255, []),
    ],
)
def test_a_name_that_is_not_granted_is_refused_in_the_same_words(raw: RawPeer, name: str, args: list[Any]) -> None:
    assert raw.call(0, name, args) == [-2, ["Refused", "not permitted", None, None]]
    assert raw.call(0, "add", [1]) == [-1, 2]


@pytest.mark.parametrize("reference", [1, -1, 2**40, 2**64 - 1])
def test_a_reference_that_is_not_held_is_refused_in_the_same_words(raw: RawPeer, reference: int) -> None:
    assert raw.call(reference, "name") == [-2, ["Refused", "not permitted", None, None]]
    assert raw.call(0, "add", [1]) == [-1, 2]


def test_an_attribute_without_set_cannot_be_written_even_by_hand(raw: RawPeer) -> None:
    item = raw.call(0, "item")[1].id
    assert raw.call(item, "__setattr__", ["number", 9])[1][0] == "Refused"
    assert raw.call(item, "__setattr__", ["undeclared", 9])[1][0] == "Refused"
    assert raw.call(item, "__getattr__", ["undeclared"])[1][0] == "Refused"
    assert raw.call(item, "__setattr__", ["name", 9])[1][0] == "TypeError"
    assert raw.call(item, "__setattr__", ["name", "new"]) == [-1, None]
    assert raw.call(item, "__getattr__", ["name"]) == [-1, "new"]
    assert raw.call(item, "__getattr__", ["number"]) == [-1, 1]


def test_a_methods_name_is_not_read_as_an_attribute(raw: RawPeer) -> None:
    assert raw.call(0, "__getattr__", ["add"])[1][0] == "Refused"
    assert raw.call(raw.call(0, "item")[1].id, "name")[1][0] == "Refused"


# ---- roots ----


@pytest.fixture(scope="module")
def two_roots(generate: Callable[..., Path]) -> Path:
    return generate("kennel=kennel:Kennel", "street=kennel:Street")


def test_a_policy_with_several_roots_serves_each_by_its_name(serve: Callable[..., Any], two_roots: Path) -> None:
    import kennel

    site = serve({"kennel": kennel.Kennel(), "street": kennel.Street()}, policy=two_roots)
    assert site.connect(root="street").root.length() == 100
    assert site.connect(root="kennel").root.first().bark(2) == "woofwoof"
    with pytest.raises((pynto.Refused, pynto.ProtocolError, pynto.Disconnected), match="root"):
        site.connect()
    with pytest.raises((pynto.Refused, pynto.ProtocolError, pynto.Disconnected), match="root"):
        site.connect(root="house")
    assert site.connect(root="street").root.length() == 100


def test_a_root_that_is_asked_for_by_name_is_there_even_when_it_is_the_only_one(site: Any) -> None:
    assert site.connect(root="Root").root.add(1) == 2


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda kennel: kennel.Kennel(), ValueError, "kennel, street"),
        (lambda kennel: {"kennel": kennel.Kennel()}, ValueError, "kennel, street"),
        (lambda kennel: {"kennel": kennel.Kennel(), "street": kennel.Street(), "x": 1}, ValueError, "kennel, street"),
        (lambda kennel: {"kennel": kennel.Kennel(), "street": kennel.Kennel()}, TypeError, "kennel:Street"),
        (lambda kennel: {"kennel": kennel.Kennel(), "street": None}, TypeError, "kennel:Street"),
        (lambda kennel: {"kennel": kennel.Kennel, "street": kennel.Street()}, TypeError, "kennel:Kennel"),
    ],
)
def test_roots_that_are_not_what_the_policy_says_are_not_served(
    two_roots: Path, make: Callable[[Any], Any], error: type[Exception], says: str
) -> None:
    import kennel

    with pytest.raises(error, match=says):
        pynto.Server(make(kennel), policy=two_roots)


def test_a_root_can_be_any_type_expression(generate: Callable[..., Path], serve: Callable[..., Any]) -> None:
    import served

    site = serve(served.numbers, policy=generate("served:numbers"))
    numbers = site.connect().root
    numbers.append(4)
    try:
        assert list(numbers) == served.numbers == [1, 2, 3, 4]
    finally:
        served.numbers.remove(4)


# ---- drift ----


@pytest.fixture(scope="module")
def drifting(generate: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A copy of kennel.py, and its policy."""
    file = tmp_path_factory.mktemp("drifting") / "drifting.py"
    file.write_text(KENNEL, encoding="utf-8")
    return file, generate("drifting:Kennel", path=file.parent)


@pytest.fixture
def changed(
    drifting: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str, str], tuple[Path, ModuleType]]]:
    """changed(old, new): the policy of a module, and the module after this change."""
    file, policy = drifting
    monkeypatch.syspath_prepend(str(file.parent))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def change(old: str, new: str) -> tuple[Path, ModuleType]:
        assert old in KENNEL
        file.write_text(KENNEL.replace(old, new), encoding="utf-8")
        importlib.invalidate_caches()
        return policy, importlib.import_module("drifting")

    yield change
    sys.modules.pop("drifting", None)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("def bark(self, times: int = 1) -> str:", "def bark(self, times: int = 1) -> object:", "Dog.bark"),
        ("def bark(self, times: int = 1) -> str:", "def bark(self, times: str = '') -> str:", "Dog.bark"),
        ("def bark(", "def woof(", "Dog.bark"),
        ("    name: str\n\n    def __init__", "    name: int\n\n    def __init__", "Dog.name"),
        ("class Dog:", "class Dog(dict):", "Dog"),
        ("    number: int\n", "    number: int\n    secret: str = ''\n", "Tag"),
        ("    number: int\n", "    number: str\n", "Tag"),
        ("    LARGE = 2\n", "    HUGE = 2\n", "Size"),
        ("    LARGE = 2\n", "    LARGE = 2\n    HUGE = 3\n", "Size"),
        ("@dataclass(frozen=True)", "@dataclass", "Tag"),
    ],
)
def test_a_server_does_not_start_when_the_code_has_drifted_and_says_what(
    changed: Callable[[str, str], tuple[Path, ModuleType]], old: str, new: str, says: str
) -> None:
    policy, module = changed(old, new)
    with pytest.raises(ValueError, match="drifted") as caught:
        pynto.Server(module.Kennel(), policy=policy)
    assert says in str(caught.value)


def test_a_change_that_says_the_same_is_no_drift(changed: Callable[[str, str], tuple[Path, ModuleType]]) -> None:
    policy, module = changed('return "woof" * times', 'return "WOOF" * times  # louder')
    assert pynto.Policy.load(policy).drift() == []
    pynto.Server(module.Kennel(), policy=policy).close()


def test_a_member_that_has_gone_while_its_hint_stands_is_drift_too(
    generate: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    import kennel

    policy = generate("kennel:Kennel")
    home = kennel.Kennel()
    with monkeypatch.context() as patch:
        patch.delattr(kennel.Dog, "bark")
        with pytest.raises(ValueError, match=r"kennel:Dog\.bark"):
            pynto.Server(home, policy=policy)
    monkeypatch.delattr(kennel, "Dog")
    with pytest.raises(ValueError, match="kennel:Dog"):
        pynto.Server(home, policy=policy)


# ---- loading ----


@pytest.fixture(scope="module")
def document(two_roots: Path) -> str:
    return two_roots.read_text(encoding="utf-8")


def edit(document: str, **changes: Any) -> str:
    """The policy with other values for some keys; None takes a key away."""
    made = {**json.loads(document), **{name.replace("_", "-"): value for name, value in changes.items()}}
    return json.dumps({key: made[key] for key in sorted(made) if made[key] is not None}, indent=1) + "\n"


BAD: list[tuple[Callable[[str], str], str]] = [
    (lambda text: "", "empty"),
    (lambda text: text[: len(text) // 2], "truncated"),
    (lambda text: text[:-3], "the last brace is missing"),
    (lambda text: text + "x", "something behind the end"),
    (lambda text: text + text, "twice"),
    (lambda text: "[]", "a list"),
    (lambda text: "null", "nothing"),
    (lambda text: edit(text, pynto_policy=2), "another version"),
    (lambda text: edit(text, pynto_policy="1"), "the version as text"),
    (lambda text: edit(text, pynto_policy=None), "no version"),
    (lambda text: edit(text, roots=None), "no roots"),
    (lambda text: edit(text, roots={}), "empty roots"),
    (lambda text: edit(text, roots={"a": "kennel:Nothing"}), "a root without an interface"),
    (lambda text: edit(text, more=1), "an unknown key"),
    (
        lambda text: text.replace('"roots": {', '"roots": {"x": "kennel:Dog",', 1).replace('"kennel":', '"x":', 1),
        "a key twice",
    ),
    (lambda text: text.replace('"python":', '"python": "3.11",\n "python":', 1), "a top key twice"),
    (lambda text: text.replace('() -> int"', '()  -> int"', 1), "a spelling that is not canonical"),
    (lambda text: text.replace('() -> int"', '() -> any"', 1), "a type that is none"),
    (lambda text: text.replace('() -> int"', '() -> kennel:Nobody"', 1), "a type that is nowhere"),
    (lambda text: text.replace('"length"', '"_length"'), "a private member"),
    (lambda text: text.replace('"length"', '"__class__"'), "a forbidden dunder"),
    (lambda text: text.replace('"kennel:Dog"', '"kennel:D\\u00f6g"'), "a name that is not ASCII"),
    (lambda text: text.replace('"length"', '"le\\u0000ngth"'), "a NUL in a name"),
    (lambda text: "[" * 100_000, "deep nesting"),
    (lambda text: text.replace('"pynto-policy": 1', '"pynto-policy": 1e0', 1), "a float for the version"),
]


@pytest.mark.parametrize(("spoil", "why"), BAD, ids=[why for _, why in BAD])
def test_a_policy_that_is_not_sound_is_not_loaded(
    document: str, tmp_path: Path, spoil: Callable[[str], str], why: str
) -> None:
    spoiled = spoil(document)
    assert spoiled != document
    with pytest.raises(ValueError) as caught:
        pynto.Policy(spoiled.encode())
    assert "\n" not in str(caught.value)
    path = tmp_path / "bad.json"
    path.write_text(spoiled, encoding="utf-8")
    with pytest.raises(ValueError, match=r"bad\.json"):
        pynto.Policy.load(path)


def test_bytes_that_are_no_text_are_not_loaded() -> None:
    for wrong in (b"\xff\xfe{}", b"\x00" * 100, bytes(range(256))):
        with pytest.raises(ValueError):
            pynto.Policy(wrong)


def test_a_policy_file_that_is_none_is_not_read(tmp_path: Path) -> None:
    for wrong in (tmp_path, tmp_path / "nothing.json", Path("/dev/zero")):
        with pytest.raises(OSError):
            pynto.Policy.load(wrong)
    huge = tmp_path / "huge.json"
    with huge.open("wb") as file:
        file.truncate(LARGEST + 1)
    with pytest.raises(ValueError, match="16 MiB"):
        pynto.Policy.load(huge)


def test_a_policy_shows_what_it_is(two_roots: Path) -> None:
    policy = pynto.Policy.load(two_roots)
    assert policy.roots == {"kennel": "kennel:Kennel", "street": "kennel:Street"}
    assert policy.document == json.loads(two_roots.read_text(encoding="utf-8"))
    policy.document["roots"]["x"] = "y"
    assert "x" not in policy.document["roots"]


def test_a_policy_of_modules_that_are_not_there_is_refused(document: str) -> None:
    policy = pynto.Policy(document.replace("kennel:", "nowhere_at_all:").encode())
    with pytest.raises((ValueError, ImportError), match="nowhere_at_all"):
        pynto.Server({"kennel": 1, "street": 1}, policy=policy)
