// Cap'n Web over WebSockets on node: node capnweb.mjs serve|client HOST:PORT. The client reads {"case", "count"} lines as client.py does.
import http from "node:http";
import readline from "node:readline";
import { RpcTarget, newWebSocketRpcSession } from "capnweb";
import { WebSocket, WebSocketServer } from "ws";

globalThis.WebSocket ??= WebSocket; // node 20 has none, and the library looks for its constants

class Item extends RpcTarget {
  get() {
    return 1;
  }
}

class Target extends RpcTarget {
  get number() {
    return 7;
  }
  echo(value) {
    return value;
  }
  three(a, b, c) {
    return a;
  }
  text(value) {
    return value;
  }
  blob(value) {
    return value;
  }
  make() {
    return new Item();
  }
  async call(listener, times) {
    let total = 0;
    for (let i = 0; i < times; i++) total += await listener(i);
    return total;
  }
}

function serve(host, port) {
  const server = http.createServer();
  new WebSocketServer({ server, maxPayload: 2 ** 31 - 1 }).on("connection", (ws) => newWebSocketRpcSession(ws, new Target()));
  server.listen(Number(port), host, () => console.log("ready"));
}

function open(url) {
  return newWebSocketRpcSession(new WebSocket(url, { maxPayload: 2 ** 31 - 1 }));
}

const cases = {
  async echo(target, n) {
    for (let i = 0; i < n; i++) await target.echo(1);
  },
  async three(target, n) {
    for (let i = 0; i < n; i++) await target.three(1, "two", 3.0);
  },
  async text(target, n) {
    const text = "x".repeat(1024);
    for (let i = 0; i < n; i++) await target.text(text);
  },
  async attribute(target, n) {
    for (let i = 0; i < n; i++) await target.number;
  },
  async new(target, n) {
    for (let i = 0; i < n; i++) (await target.make())[Symbol.dispose]();
  },
  async new_and_call(target, n) {
    for (let i = 0; i < n; i++) {
      const item = await target.make();
      await item.get();
      item[Symbol.dispose]();
    }
  },
  async callback(target, n) {
    await target.call((value) => value, n);
  },
  async pipelined(target, n) {
    for (let start = 0; start < n; start += 100) {
      await Promise.all(Array.from({ length: Math.min(100, n - start) }, () => target.echo(1)));
    }
  },
  async blob(target, n, size) {
    const value = new Uint8Array(size);
    for (let i = 0; i < n; i++) await target.blob(value);
  },
};

async function client(place) {
  const url = `ws://${place}`;
  const target = open(url);
  await target.echo(1);
  cases.connect = async (_target, n) => {
    for (let i = 0; i < n; i++) {
      const other = open(url);
      await other.echo(1);
      other[Symbol.dispose]();
    }
  };
  console.log(JSON.stringify({ ready: Object.keys(cases) }));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    try {
      const began = process.hrtime.bigint();
      await cases[order.case](target, order.count, order.size);
      console.log(JSON.stringify({ seconds: Number(process.hrtime.bigint() - began) / 1e9 }));
    } catch (error) {
      console.log(JSON.stringify({ error: String(error) }));
    }
  }
  process.exit(0);
}

const [role, place] = process.argv.slice(2);
const [host, port] = place.split(":");
if (role === "serve") serve(host, port);
else await client(place);
