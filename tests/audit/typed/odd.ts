// A client of what is seldom: each line that is marked is wrong, and no other.

import type { ClientRoom, Data, Doer, Duration, Items, Odd, Room, Slip, Source, Source_2, Ticket, Tool } from "./oddities";

declare function show(...shown: unknown[]): void;

async function calls(odd: Odd, room: Room, ticket: Ticket, duration: Duration): Promise<void> {
  await odd.class({ "pynto.keywords": { if: 1 } });
  await odd.class({ "pynto.keywords": {} }); // wrong
  await odd.class(); // wrong
  await odd.mixed(undefined, { "pynto.keywords": { new: true, more: "x" } });
  await odd.mixed({ "pynto.keywords": { new: true } }); // wrong
  await odd.mixed(1, { "pynto.keywords": { new: true, more: 3 } }); // wrong
  await odd.reserved("a", "b", "c");
  await odd.rest(1, "a", "b", { "pynto.keywords": { must: 1 } });
  await odd.rest(1, "a", "b"); // wrong
  const big: 9007199254740993n | -5 | 9007199254740991 = await odd.exact();
  const tool: "h'a\\m\u2028mer" = await odd.tools({ inner: null, then: [], tuple: [] });
  await odd.give(ticket);
  await odd.give(room); // wrong
  await odd.give("ticket"); // wrong
  await odd.sort([1, 2n], new Set(["a"]), new Map([["a", null]]));
  await odd.sort([1, "2"], new Set(["a"]), new Map([["a", null]])); // wrong
  await odd.data(plain);
  await odd.data({ at: duration, list: [1, [2n]], map: new Map<Data, Data>([[1, "x"]]) });
  await odd.data(room); // wrong
  await odd.data(new Date()); // wrong
  await odd.data(() => 1); // wrong
  await odd.then(1); // wrong
  show(big, tool);
}

const plain = { a: 1, b: ["x", null, true], c: new Uint8Array(3) };

async function lent(odd: Odd): Promise<void> {
  await odd.each([1, 2, 3]);
  await odd.each(numbers());
  await odd.each(["a"]); // wrong
  await odd.later(Promise.resolve(1));
  await odd.later(1); // wrong
  await odd.work({ do: (what: string, times?) => `${what} ${times ?? 1}`, mood: "calm" });
  await odd.work({ do: async () => "done", mood: Promise.resolve("calm") });
  await odd.work({ do: () => 1, mood: "calm" }); // wrong
  const back = await odd.call((n, text) => [n, text ?? ""]);
  await back(1, "a");
  await back(1);
  await back("a"); // wrong
}

async function* numbers(): AsyncGenerator<number> {
  yield 1;
}

function shapes(slip: Slip, tool: Tool, room: Room, client: ClientRoom, doer: Doer): void {
  const missing: string | undefined = slip.class;
  slip.then.push(1); // wrong
  const nested: readonly [] | readonly [boolean, readonly ["a", false]] = slip.tuple;
  const use: Tool = "hammer";
  const kinds: [Source, Source_2] = ["one", "two"];
  const items: Items = { next: slip };
  show(missing, nested, tool === use, room, client, doer, kinds, items);
}

show(calls, lent, shapes);
