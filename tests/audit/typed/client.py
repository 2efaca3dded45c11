"""A client of the shop: each line that is marked is wrong, and no other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pynto

if TYPE_CHECKING:
    import shopclient


def told(who: shopclient.User, n: int) -> bool:
    return len(who.name) > n


def told_too_much(who: shopclient.User, n: int, more: str) -> bool:
    return True


class Watcher:
    mood = "calm"

    def joined(self, who: shopclient.User) -> None:
        print(who.name)

    async def asked(self, question: str) -> int:
        return len(question)


class Deaf:
    mood = "calm"


def calls(shop: shopclient.Shop) -> None:
    receipt = shop.post("ada", "hello", color=shopclient.Color.RED, mode="later")
    number: int = receipt.no
    shop.post("ada")  # wrong
    shop.post("ada", 1)  # wrong
    shop.post("ada", "hello", "again")  # wrong
    shop.post("ada", "hello", colour=shopclient.Color.RED)  # wrong
    shop.post("ada", "hello", mode="never")  # wrong
    shop.post("ada", "hello", color="RED")  # wrong
    shop.erase()  # wrong
    receipt.no = number  # wrong
    receipt.number  # wrong
    shop.place(1, count=2)
    shop.place(1.5, 2)
    shop.place(amount=1)  # wrong
    shop.many("a", "b", c=1)
    shop.many("a", 1)  # wrong
    shop.many(c="1")  # wrong


def attributes(shop: shopclient.Shop) -> None:
    title: str = shop.title
    shop.note = title
    shop.note = 1  # wrong
    shop.title = "mine"  # wrong
    shop.other = "mine"  # wrong
    shop.lines.append("mine")  # wrong


def references(shop: shopclient.Shop) -> None:
    user = shop.login("ada")
    user.name  # wrong
    if user is not None:
        number: int = shop.greet(user)
        shop.greet(number)  # wrong
        user.reset()  # wrong
    shop.reader().last().upper()
    shop.reader().post("ada", "hello")  # wrong
    value: int = shop.box().value()
    text: str = shop.box().value()  # wrong
    shopclient.Shop()  # wrong
    print(value, text)


def callbacks(shop: shopclient.Shop) -> None:
    stop = shop.subscribe(told)
    stop()
    stop(1)  # wrong
    shop.subscribe(told_too_much)  # wrong
    shop.subscribe(lambda who, n: who.name == str(n))
    shop.watch(Watcher())
    shop.watch(Deaf())  # wrong


def containers(shop: shopclient.Shop) -> None:
    users = shop.fetch(3)
    names = [user.name for user in users]
    first: shopclient.User = users[0]
    users[0] = first  # wrong
    users["a"]  # wrong
    price: float = shop.prices()["tea"]
    maybe: float = shop.prices().get("tea")  # wrong
    counts: dict[str, int] = shop.copied(names)
    shop.copied("text")  # wrong
    found = shop.search({"text": "a", "limit": 3})
    shop.search({"limit": 3})  # wrong
    shop.keep(found[0])
    shop.keep({"no": 1})  # wrong
    print(len(shop), shop["ada"].name, price, maybe, counts, *found)


def steps(shop: shopclient.Shop) -> None:
    total = sum(shop.count())
    talk = shop.talk()
    total += next(talk) + talk.send("more")
    talk.send(1)  # wrong
    with shop.lock() as user:
        print(user.name, total)
    list(shop.ticks())  # wrong
    text: str = shop.find(1)
    data: bytes = shop.find("a")
    shop.find(1.5)  # wrong
    print(text, data)


def main() -> None:
    connection: pynto.Connection[shopclient.Shop]
    with pynto.connect("tcp://127.0.0.1:7117") as connection:
        calls(connection.root)
        callbacks(connection)  # wrong
        connection.root.erase()  # wrong
    with pynto.connect("tcp://127.0.0.1:7117") as any_connection:
        shop: shopclient.Shop = any_connection.root
        calls(shop)


main()
