"""A client of the shop that an event loop drives: each line that is marked is wrong, and no other."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pynto.aio

if TYPE_CHECKING:
    import shopaio


async def told(who: shopaio.User, n: int) -> bool:
    return len(await who.name) > n


class Watcher:
    mood = "calm"

    def joined(self, who: shopaio.User) -> None: ...

    async def asked(self, question: str) -> int:
        return len(question)


async def use(shop: shopaio.Shop) -> None:
    receipt = await shop.post("ada", "hello", mode="later")
    number: int = receipt.no
    await shop.post("ada")  # wrong
    wrong: int = shop.greet(1)  # wrong
    title: str = await shop.title
    title = shop.title  # wrong
    shop.note = title  # wrong
    await pynto.aio.setattr(shop, "note", title)
    task = asyncio.create_task(shop.find(1))
    text: str = await task
    users = await shop.fetch(3)
    first: shopaio.User = await users[0]
    names = [await user.name async for user in users]
    for user in users:  # wrong
        break
    len(users)  # wrong
    async for n in await shop.count():
        number += n
    async for tick in await shop.ticks():
        number += tick
    async with await shop.lock() as owner:
        names.append(await owner.name)
    with await shop.lock():  # wrong
        pass
    talk = await shop.talk()
    number += await anext(talk) + await talk.send("more")
    stop = await shop.subscribe(lambda who, n: n > 1)
    await stop()
    await shop.subscribe(told)  # wrong
    await shop.watch(Watcher())
    print(number, text, names, first, wrong)


async def main() -> None:
    async with await pynto.aio.connect("tcp://127.0.0.1:7117") as connection:
        shop: shopaio.Shop = connection.root
        await use(shop)


asyncio.run(main())
