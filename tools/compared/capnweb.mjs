// The checks of Cap'n Web on node, in one process over a WebSocket of its own: prints a JSON line for each row.
import http from "node:http";
import { RpcTarget, newWebSocketRpcSession } from "capnweb";
import { WebSocket, WebSocketServer } from "ws";

globalThis.WebSocket ??= WebSocket;
const pause = (ms) => new Promise((go) => setTimeout(go, ms));
let disposed = 0;

class Thing extends RpcTarget {
  name() {
    return "thing";
  }
  [Symbol.dispose]() {
    disposed++;
  }
}

class Target extends RpcTarget {
  #thing = new Thing();
  looks = 0;
  get looked() {
    return ++this.looks;
  }
  look_count() {
    return this.looks;
  }
  echo(value) {
    return value;
  }
  async nap(ms) {
    await pause(ms);
    return true;
  }
  call(listener, value) {
    return listener(value);
  }
  kinds() {
    return [new Date(0), 10n ** 30n, new Uint8Array([1])];
  }
  set() {
    return new Set([1]);
  }
  same() {
    return this.#thing;
  }
  is_same(thing) {
    return thing === this.#thing;
  }
  fresh() {
    return new Thing();
  }
  fail() {
    throw new RangeError("out of range");
  }
  list() {
    return ["first"];
  }
}

const server = http.createServer();
new WebSocketServer({ server }).on("connection", (ws) => newWebSocketRpcSession(ws, new Target()));
await new Promise((go) => server.listen(0, "127.0.0.1", go));
const url = `ws://127.0.0.1:${server.address().port}`;
const target = newWebSocketRpcSession(new WebSocket(url));
const yes = (condition, otherwise = "no") => (condition ? "yes" : otherwise);

const checks = {
  async threads() {
    const long = target.nap(500);
    const began = Date.now();
    await target.echo(1);
    const quick = Date.now() - began < 400;
    await long;
    return quick ? "no threads; calls are under way at once" : "no";
  },
  async large_beside() {
    let ended = false;
    let count = 0;
    const large = target.echo("x".repeat(16 << 20)).then(() => (ended = true));
    while (!ended) {
      await target.echo(1);
      count += !ended;
    }
    await large;
    return count >= 4 ? "yes" : "they wait for it";
  },
  async callback() {
    return yes((await target.call((value) => value + 1, 1)) === 2);
  },
  async callback_thread() {
    return "one thread";
  },
  async no_timeout() {
    return yes(await target.nap(1500));
  },
  async asyncio() {
    return "promises";
  },
  async async_served() {
    return yes(await target.nap(1));
  },
  async pipelining() {
    return yes((await target.fresh().name()) === "thing");
  },
  async tuple_kept() {
    const [date, big, bytes] = await target.kinds();
    const kept = date instanceof Date && typeof big === "bigint" && bytes instanceof Uint8Array;
    try {
      await target.set();
    } catch {
      return kept ? "dates, big integers and bytes; no sets" : "no";
    }
    return yes(kept);
  },
  async by_reference() {
    return "by value, always";
  },
  async by_value() {
    return yes((await target.list())[0] === "first");
  },
  async identity() {
    const same = await target.same();
    return yes(await target.is_same(same), "no");
  },
  async freed() {
    const before = disposed;
    const thing = await target.fresh();
    thing[Symbol.dispose]();
    await pause(200);
    return disposed === before + 1 ? "when it is disposed of by hand" : "no";
  },
  async killed() {
    const before = disposed;
    const socket = new WebSocket(url);
    const other = newWebSocketRpcSession(socket);
    await other.fresh();
    socket.terminate();
    await pause(300);
    return yes(disposed === before + 1);
  },
  async exception_type() {
    try {
      await target.fail();
    } catch (error) {
      return yes(error instanceof RangeError);
    }
    return "no";
  },
  async exception_quiet() {
    try {
      await target.fail();
    } catch (error) {
      return yes(!String(error.stack).includes("capnweb.mjs:6"), "no");
    }
    return "no";
  },
  async undeclared() {
    return "every method of the class, unless private";
  },
  async arguments() {
    return yes((await target.echo("text")) !== "text", "not at run time");
  },
  async property_once() {
    const before = await target.look_count();
    await target.looked;
    return yes((await target.look_count()) === before + 1);
  },
  async no_pickle() {
    return "yes";
  },
  async websocket() {
    return yes((await target.echo(1)) === 1);
  },
  async typed() {
    return "by TypeScript";
  },
  async size_limit() {
    const lone = newWebSocketRpcSession(new WebSocket(url));
    try {
      await lone.echo("x".repeat(40 << 20));
    } catch {
      return "yes";
    }
    return "no";
  },
};

for (const [key, check] of Object.entries(checks)) {
  let cell = "no";
  let why = "";
  try {
    cell = await Promise.race([check(), pause(20000).then(() => Promise.reject(new Error("no end")))]);
  } catch (error) {
    why = String(error).slice(0, 160);
  }
  console.log(JSON.stringify({ key, cell, why }));
}
process.exit(0);
