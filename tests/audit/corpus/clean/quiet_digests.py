"""Digests, encodings and checks of what a client sends."""
import base64
import binascii
import hashlib
import hmac
import json
import struct
import zlib


class Root:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def digest(self, data: bytes) -> str:
        return hashlib.sha256(data).hexdigest()

    def signed(self, data: bytes, tag: bytes) -> bool:
        return hmac.compare_digest(hmac.new(self._key, data, "sha256").digest(), tag)

    def encoded(self, data: bytes) -> bytes:
        return base64.b64encode(zlib.compress(data))

    def text(self, name: str, count: int) -> str:
        return json.dumps({"name": name, "count": count})

    def packed(self, number: int) -> bytes:
        return struct.pack("<q", number & 0xFF) + binascii.hexlify(b"x")
