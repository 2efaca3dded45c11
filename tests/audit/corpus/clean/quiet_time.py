"""Clocks, dates and random numbers."""
import asyncio
import random
import secrets
import time
import uuid
from datetime import datetime, timedelta, timezone


class Root:
    def now(self) -> datetime:
        return datetime.now(timezone.utc)

    def later(self, hours: float) -> datetime:
        return self.now() + timedelta(hours=hours)

    def ticks(self) -> float:
        return time.monotonic()

    def die(self) -> int:
        return random.randint(1, 6)

    def token(self) -> str:
        return secrets.token_hex(16)

    def id(self) -> uuid.UUID:
        return uuid.uuid4()

    async def pause(self) -> None:
        await asyncio.sleep(0.1)
