// What @msgpack/msgpack makes of messages: for each 1 and the canonical dump of its value, or another byte and why there is none.
// messages.py has the dump, frames.h the batches.
import { readSync, writeSync } from "node:fs";
import { createRequire } from "node:module";

const { Decoder } = createRequire(process.argv[2] + "/")("@msgpack/msgpack");

class Real {
    constructor(value) {
        this.value = value;
    }
}
class Ext {
    constructor(code, bytes) {
        this.code = code;
        this.bytes = bytes;
    }
}

// The decoder as it is, which also says what JavaScript has one type for: a float is no integer; a map keeps its keys apart and in order.
class Telling extends Decoder {
    readF32() {
        return new Real(super.readF32());
    }
    readF64() {
        return new Real(super.readF64());
    }
    first(bytes) {
        this.reinitializeState();
        this.setBuffer(bytes);
        return { value: this.doDecodeSync(), end: this.pos };
    }
}

const key = (value) => (typeof value === "string" ? "S" + value : typeof value === "object" ? "?" : "I" + value);
const LENGTH_MAX = 100_000; // no message here has as many bytes: what announces more is cut short, and would only cost memory
const options = {
    useBigInt64: true,
    mapKeyConverter: key,
    extensionCodec: { tryToEncode: () => null, decode: (bytes, code) => new Ext(code, bytes) },
    maxArrayLength: LENGTH_MAX,
    maxMapLength: LENGTH_MAX,
};
const decoder = new Telling(options);

// ---- the dump ----

let out = Buffer.allocUnsafe(1 << 20);
let end = 0;

function room(length) {
    if (out.length - end < length) {
        out = Buffer.concat([out.subarray(0, end), Buffer.allocUnsafe(2 * out.length + length)]);
    }
}
function putText(text) {
    room(text.length);
    end += out.latin1Write(text, end, text.length);
}
function putBytes(kind, bytes) {
    putText(`${kind}${bytes.length}:`);
    room(bytes.length);
    out.set(bytes, end);
    end += bytes.length;
}
function putString(text) {
    const length = Buffer.byteLength(text);
    putText(`S${length}:`);
    room(length);
    end += out.utf8Write(text, end, length);
}
const bits = new DataView(new ArrayBuffer(8));
function putReal(value) {
    bits.setFloat64(0, value);
    putText(Number.isNaN(value) ? "Dnan;" : `D${bits.getBigUint64(0).toString(16).padStart(16, "0")};`);
}
function putMap(map) {
    const entries = Object.entries(map);
    putText(`M${entries.length};`);
    for (const [name, value] of entries) {
        if (name[0] === "S") {
            putString(name.slice(1));
        } else {
            putText(name + ";");
        }
        put(value);
    }
}
function putObject(value) {
    if (value === null) {
        putText("N");
    } else if (Array.isArray(value)) {
        putText(`A${value.length};`);
        value.forEach(put);
    } else if (value instanceof Uint8Array) {
        putBytes("B", value);
    } else if (value instanceof Real) {
        putReal(value.value);
    } else if (value instanceof Ext) {
        putText(`X${value.code}:`);
        putBytes("B", value.bytes);
    } else {
        putMap(value);
    }
}
function put(value) {
    switch (typeof value) {
        case "number":
        case "bigint":
            return putText(`I${value};`);
        case "string":
            return putString(value);
        case "boolean":
            return putText(value ? "T" : "F");
        default:
            return putObject(value);
    }
}

// ---- batches ----

const ACCEPTED = "\x01";
const REFUSED = "\x08";
const CUT = "\x02"; // it wants more bytes, or there is no byte behind the object
const NO_NEWLINE = "\x09";

function judge(message) {
    const start = end;
    try {
        const { value, end: at } = decoder.first(message);
        if (at === message.length || message[at] !== 0x0a) {
            return putText(at === message.length ? CUT : NO_NEWLINE);
        }
        putText(ACCEPTED);
        put(value);
    } catch (error) {
        end = start;
        putText((error instanceof RangeError ? CUT : REFUSED) + error.message.replace(/[^ -~]/g, "?"));
    }
}

function readWhole(length) {
    const buffer = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; ) {
        const got = readSync(0, buffer, at, length - at);
        if (got === 0) {
            return null;
        }
        at += got;
    }
    return buffer;
}

for (let head; (head = readWhole(4)) !== null; ) {
    const batch = readWhole(head.readUInt32BE());
    end = 4;
    for (let at = 0; at < batch.length; ) {
        const length = batch.readUInt32BE(at);
        const start = end;
        room(4);
        end += 4;
        judge(batch.subarray(at + 4, at + 4 + length));
        out.writeUInt32BE(end - start - 4, start);
        at += 4 + length;
    }
    out.writeUInt32BE(end - 4, 0);
    for (let at = 0; at < end; ) {
        at += writeSync(1, out, at, end - at);
    }
}
