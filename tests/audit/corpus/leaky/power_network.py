"""An address that a client names."""
import asyncio
import smtplib
import socket
import urllib.request


class Root:
    def fetched(self, url: str) -> None:
        urllib.request.urlopen(url)  # ! power-network Root.fetched()

    def connected(self, host: str, port: int) -> None:
        socket.create_connection((host, port))  # ! power-network Root.connected()

    async def opened(self, host: str) -> None:
        await asyncio.open_connection(host, 80)  # ! power-network Root.opened()

    def mailed(self, host: str) -> None:
        smtplib.SMTP(host)  # ! power-network Root.mailed()

    def fixed(self) -> None:
        socket.create_connection(("localhost", 1))  # ! power-network/info Root.fixed()

    def spelled(self, text: str) -> bytes:
        return socket.inet_aton(text)
