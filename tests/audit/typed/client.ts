// A client of the shop: each line that is marked is wrong, and no other.

import type { Color, Int, Keywords, Roots, Shop, User, Watcher, Write } from "./shop";

declare const write: Write;
declare function show(...shown: unknown[]): void;
declare function connect<R>(address: string): Promise<R>;

async function calls(shop: Shop): Promise<void> {
  const receipt = await shop.post("ada", "hello", { "pynto.keywords": { color: "RED", mode: "later" } });
  const number: Int = receipt.no;
  const exact: number = receipt.no; // wrong
  await shop.post("ada"); // wrong
  await shop.post("ada", 1); // wrong
  await shop.post("ada", "hello", "again"); // wrong
  await shop.post("ada", "hello", { "pynto.keywords": { colour: "RED" } }); // wrong
  await shop.post("ada", "hello", { "pynto.keywords": { mode: "never" } }); // wrong
  await shop.post("ada", "hello", { color: "RED" }); // wrong
  await shop.erase(); // wrong
  receipt.no = number; // wrong
  void receipt.number; // wrong
  await shop.place(1.5, 2n);
  await shop.place(1, undefined);
  await shop.place("1"); // wrong
  await shop.many("a", "b", { "pynto.keywords": { c: 1 } });
  await shop.many();
  await shop.many("a", 1); // wrong
  await shop.many({ "pynto.keywords": { c: "1" } }); // wrong
  const named: Keywords<{ c: Int }> = { "pynto.keywords": { c: exact } };
  await shop.many(named, "a"); // wrong
}

async function attributes(shop: Shop): Promise<void> {
  const title: string = await shop.title;
  const early: string = shop.title; // wrong
  await write(shop, "note", title + early);
  await write(shop, "note", 1); // wrong
  await write(shop, "title", title); // wrong
  shop.note = title; // wrong
  (await shop.lines).push("mine"); // wrong
}

async function references(shop: Shop): Promise<void> {
  const user = await shop.login("ada");
  void user.name; // wrong
  if (user !== null) {
    const number: Int = await shop.greet(user);
    await shop.greet(number); // wrong
    await shop.greet({}); // wrong
    await shop.greet(shop); // wrong
    await user.reset(); // wrong
  }
  (await (await shop.reader()).last()).toUpperCase();
  await (await shop.reader()).post("ada", "hello"); // wrong
  const value: Int = await (await shop.box()).value();
  const text: string = await (await shop.box()).value(); // wrong
  show(value, text);
}

class Calm implements Watcher {
  readonly mood = "calm";
  readonly joined = (who: User): void => void who.name;
  readonly asked = async (question: string): Promise<number> => question.length;
}

class Deaf {
  readonly mood = "calm";
}

const choosy = {
  mood: Promise.resolve("choosy"),
  joined: (who: { reset(): void }): void => who.reset(),
  asked: (): number => 1,
};

async function callbacks(shop: Shop): Promise<void> {
  const stop = await shop.subscribe((who, n) => n > 1 && who.name !== null);
  await stop();
  await stop(1); // wrong
  await shop.subscribe((_who: User, _n: Int, _more: string) => true); // wrong
  await shop.subscribe(() => 1); // wrong
  await shop.watch(new Calm());
  await shop.watch(new Deaf()); // wrong
  await shop.watch(choosy); // wrong
}

async function containers(shop: Shop): Promise<void> {
  const users = await shop.fetch(3);
  for await (const user of users) show(await user.name);
  const first: User = await users.__getitem__(0);
  await users.__setitem__(0, first); // wrong
  await users.__getitem__("a"); // wrong
  const price: number = await (await shop.prices()).__getitem__("tea");
  const maybe: number = await (await shop.prices()).get("tea"); // wrong
  const counts: Map<string, Int> = await shop.copied(["a"]);
  await shop.copied("text"); // wrong
  const found = await shop.search({ text: "a", limit: 3 });
  await shop.search({ limit: 3 }); // wrong
  for await (const receipt of found) await shop.keep(receipt);
  await shop.keep({ no: 1 }); // wrong
  const green: Color = "GREEN";
  const blue: Color = "BLUE"; // wrong
  show(price, maybe, counts, green, blue);
}

async function steps(shop: Shop): Promise<void> {
  for await (const n of await shop.count()) show(n);
  for await (const n of await shop.ticks()) show(n);
  for await (const n of shop) show(n); // wrong
  const talk = await shop.talk();
  await talk.send("more");
  await talk.send(1); // wrong
  await talk.throw(["ValueError", "no"]);
  const text: string = await shop.find(1);
  const data: Uint8Array = await shop.find("a");
  await shop.find(true); // wrong
  show(text, data);
}

async function main(): Promise<void> {
  const { Shop: shop } = await connect<Roots>("ws://127.0.0.1:7117");
  await calls(shop);
  await attributes(shop);
  await references(shop);
  await callbacks(shop);
  await containers(shop);
  await steps(shop);
  await shop; // it is no promise, and may be awaited
}

void main();
