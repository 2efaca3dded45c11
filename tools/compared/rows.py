"""What is compared: a row for each thing that users of remote objects ask for, with Pynto's evidence."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    key: str  # the name of the check, in each peer's module
    title: str
    evidence: str  # the test that fails when Pynto's cell stops being true


ROWS = (
    Row("threads", "calls of several threads are under way on one connection at once", "tests/python/test_threads.py"),
    Row(
        "large_beside",
        "small calls are answered while a large value is on its way on the same connection",
        "tests/python/test_parts.py",
    ),
    Row("callback", "a function that is passed can be called back", "tests/python/test_callbacks.py"),
    Row("callback_thread", "a callback runs in the thread whose call it belongs to", "tests/python/test_threads.py"),
    Row("no_timeout", "a call has no time limit unless one was asked for", "tests/python/test_deadlines.py"),
    Row("deadline", "a deadline ends the call at the server, too", "tests/python/test_deadlines.py"),
    Row("asyncio", "a client for asyncio, without a thread for it", "tests/python/test_aio.py"),
    Row("async_served", "`async def` methods are served", "tests/python/test_coroutines.py"),
    Row("generator", "generators: iteration", "tests/python/test_generators.py"),
    Row("generator_send", "generators: send, throw, the value that they return", "tests/python/test_generators.py"),
    Row("read_ahead", "items of an iterator come in batches, by themselves", "tests/python/test_read_ahead.py"),
    Row("pipelining", "a call on the result of one that has not been answered", "tests/python/test_pipeline.py"),
    Row("oneway", "calls that are not answered", "tests/python/test_oneway.py"),
    Row(
        "tuple_kept",
        "tuples, sets, complex numbers, datetimes and decimals arrive as what they are",
        "tests/python/test_values.py",
    ),
    Row(
        "by_reference",
        "a list is passed by reference, and changes are seen by its owner",
        "tests/python/test_netrefs.py",
    ),
    Row("by_value", "by value where one says so", "tests/python/test_values.py"),
    Row(
        "identity",
        "the same object twice is the same proxy; one that comes home is the object itself",
        "tests/python/test_identity.py",
    ),
    Row("freed", "an object is freed when the client has dropped it", "tests/python/test_lifetime.py"),
    Row("killed", "and when the client was killed", "tests/python/test_disconnect.py"),
    Row(
        "three_parties",
        "an object that comes home by way of two other processes is the object itself",
        "tests/python/test_three_parties.py",
    ),
    Row("exception_type", "a built-in exception keeps its type", "tests/python/test_exceptions.py"),
    Row(
        "exception_quiet",
        "no path and no source line of the server's reaches the client with it",
        "tests/attack/test_exceptions.py",
    ),
    Row("undeclared", "a public method is not callable unless it was granted", "tests/attack/test_names.py"),
    Row(
        "arguments", "arguments of another type than declared do not reach the method", "tests/attack/test_arguments.py"
    ),
    Row("result", "a result of another type than declared does not leave", "tests/attack/test_policy.py"),
    Row("property_once", "a property runs once for each access", "tests/python/test_properties.py"),
    Row("no_pickle", "nothing is unpickled that a peer has sent", "tests/attack/test_client.py"),
    Row("size_limit", "a message beyond a limit is refused before it is in memory", "tests/unit/test_scan_limits.c"),
    Row("pipe", "an object in a child process, over its stdin and stdout", "tests/e2e/test_transports.py"),
    Row("websocket", "over a WebSocket", "tests/python/test_websocket.py"),
    Row(
        "encrypted", "encrypted, with the server proved, without a proxy in front", "tests/python/test_capabilities.py"
    ),
    Row("narrowed", "its holder narrows what an address grants, offline", "tests/python/test_capabilities.py"),
    Row("cached", "answers that a client may keep, and news when they are stale", "tests/python/test_caching.py"),
    Row("typed", "a type checker knows what the other side offers", "tests/audit/test_audit_stubs.py"),
)
