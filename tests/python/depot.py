"""What is served of a library whose classes are copied by the config."""

from __future__ import annotations

from warehouse import Heavy, Label, Parcel, Sealed, Shelf


class Depot:
    def __init__(self) -> None:
        self._parcels = [Parcel(1), Parcel(2, 2.5, ("fragile",))]
        self._shelf = Shelf()

    def parcel(self, number: int) -> Parcel:
        return self._parcels[number]

    def heavy(self) -> Parcel:
        return Heavy(9, 900.0)

    def put(self, parcel: Parcel) -> int:
        assert type(parcel) is Parcel
        self._parcels.append(parcel)
        return len(self._parcels)

    def all(self) -> tuple[Parcel, ...]:
        return tuple(self._parcels)

    def label(self, city: str) -> Label:
        return Label("Main Street", city)

    def send(self, label: Label, parcel: Parcel | None = None) -> str:
        assert type(label) is Label
        return f"{label.street}, {label.city}"

    def sealed(self) -> Sealed:
        return Sealed(b"12345")

    def shelf(self) -> Shelf:
        return self._shelf
