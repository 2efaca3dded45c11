"""What a client writes is cut, joined, compared and formatted: none of that is a power."""
import html
import string
import textwrap
import unicodedata
from urllib.parse import quote, urlsplit


class Root:
    def shout(self, text: str) -> str:
        return text.strip().upper().replace("a", "b")[:100]

    def words(self, text: str) -> tuple[str, ...]:
        return tuple(sorted({word.lower() for word in text.split()}, key=len))

    def greet(self, name: str) -> str:
        return f"Hello, {name!r}: {len(name):>5}"

    def page(self, title: str) -> str:
        return html.escape(string.Template("<h1>$title</h1>").substitute(title=title))

    def fold(self, text: str) -> str:
        return textwrap.fill(unicodedata.normalize("NFC", text), 70)

    def host(self, url: str) -> str:
        return quote(urlsplit(url).hostname or "", safe="")
