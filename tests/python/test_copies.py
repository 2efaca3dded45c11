"""Does what the config has copied travel by value, in both directions, and does nobody make an object by a name that he was sent?"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import depot
import pynto
import pytest
import warehouse
from rawpeer import ERROR, RETURN, RawPeer, Tag

HERE = Path(__file__).parent
TYPES = (warehouse.Parcel, warehouse.Label)


@pytest.fixture(scope="module")
def file(generate: Callable[..., Path]) -> Path:
    return generate("depot:Depot", config=HERE / "depot.toml")


@pytest.fixture
def site(serve: Callable[..., Any], file: Path) -> Any:
    return serve(depot.Depot(), policy=pynto.Policy.load(file))


@pytest.fixture
def root(site: Any) -> Any:
    return site.connect(types=TYPES).root


def test_a_dataclass_that_is_not_frozen_travels_by_value(root: Any, site: Any) -> None:
    parcel = root.parcel(1)
    assert type(parcel) is warehouse.Parcel
    assert parcel == warehouse.Parcel(2, 2.5, ("fragile",))
    parcel.number = 77  # a copy: nobody else sees it
    assert root.parcel(1).number == 2
    assert root.put(parcel) == 3
    assert site.target._parcels[2] == parcel
    assert root.all() == (warehouse.Parcel(1), warehouse.Parcel(2, 2.5, ("fragile",)), parcel)


def test_a_class_with_fields_travels_by_value(root: Any) -> None:
    label = root.label("Ghent")
    assert type(label) is warehouse.Label
    assert (label.street, label.city) == ("Main Street", "Ghent")
    assert root.send(label) == "Main Street, Ghent"
    assert root.send(warehouse.Label("a", "b"), parcel=warehouse.Parcel(1)) == "a, b"


def test_without_classes_of_the_clients_there_are_stand_ins(site: Any) -> None:
    root = site.connect().root
    label = root.label("Ghent")
    assert (type(label).__module__, label.city) != ("warehouse", "")
    assert root.send(label) == "Main Street, Ghent"
    assert root.sealed().weight == 5


def test_nothing_but_the_declared_fields_leaves(site: Any) -> None:
    with RawPeer(site.address.removeprefix("unix://")) as peer:
        peer.hello()
        assert peer.call(0, "label", ["x"]) == [RETURN, [Tag(6), "warehouse:Label", "x", "Main Street"]]
        assert peer.call(0, "heavy") == [RETURN, [Tag(6), "warehouse:Parcel", [], 9, 900.0]]


def test_an_attribute_and_a_result_of_a_class_that_one_cannot_edit_are_copies(root: Any, site: Any) -> None:
    shelf = root.shelf()
    parcels = shelf.parcels
    assert parcels == [3, 1, 2]
    assert type(parcels) is list
    parcels.append(9)
    assert shelf.parcels == [3, 1, 2]
    shelf.parcels = [5]
    assert site.target._shelf.parcels == [5]
    assert shelf.names is None
    site.target._shelf.names = {"a": 1}
    assert shelf.names == {"a": 1}
    assert shelf.tags(more=True) == {"a", "b"}


def test_what_is_not_named_stays_a_reference(root: Any, site: Any) -> None:
    listed = root.shelf().listed()
    listed.append(4)
    assert site.target._shelf.parcels == [3, 1, 2, 4]
    assert type(listed) is not list


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ([Tag(6), "warehouse:Label", [], 9, 900.0], "another record"),
        ([Tag(6), "subprocess:Popen", [], 9, 900.0], "a class of the peer's choice"),
        ([Tag(6), "warehouse:Parcel", [], 9], "a field too few"),
        ([Tag(6), "warehouse:Parcel", [], 9, 900.0, 1], "a field too many"),
        ([Tag(6), "warehouse:Parcel", [], "9", 900.0], "a field of another type"),
        ([[], 9, 900.0], "a tuple"),
    ],
)
def test_nothing_is_made_of_what_does_not_fit(site: Any, value: Any, why: str) -> None:
    with RawPeer(site.address.removeprefix("unix://")) as peer:
        peer.hello()
        answer = peer.call(0, "put", [value])
        assert (answer[0], answer[1][0]) == (ERROR, "TypeError")
        assert len(site.target._parcels) == 2


def test_what_has_a_name_of_a_class_does_not_become_one_at_a_client(site: Any) -> None:
    """Only the classes that the client has given are used, and only for records of that very name."""
    root = site.connect(types=(warehouse.Label,)).root
    assert type(root.label("x")) is warehouse.Label
    assert type(root.parcel(0)) is not warehouse.Parcel


def test_the_policy_says_so(file: Path) -> None:
    policy = json.loads(file.read_text(encoding="utf-8"))
    assert policy["records"]["warehouse:Label"] == {"city": "str", "street": "str"}
    assert policy["interfaces"]["warehouse:Shelf"]["get"]["names"] == "copy dict[str, int]|none"
    assert policy["interfaces"]["warehouse:Shelf"]["set"]["parcels"] == "copy list[int]"
    assert policy["interfaces"]["warehouse:Shelf"]["methods"]["tags"] == "(more: bool=?) -> copy set[str]"
