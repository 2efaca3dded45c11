"""What docs/protocol.md says, sentence by sentence, of each rule that a case cites; copied from there by hand, and held to it by test_conformance.py.

Who changes a sentence of the page changes it here, and looks at its cases.
"""

SENTENCES: dict[str, tuple[str, ...]] = {
    "P3": ("A message is one msgpack array, followed by one newline byte, 0x0A.",),
    "P4": (
        "The newline is not a separator: a 0x0A inside of a message means what msgpack says, and only the byte behind the array is the newline.",
    ),
    "P5": (
        "A byte other than 0x0A behind the array closes the connection (9), and so does anything but an array where a message has to begin (8).",
    ),
    "P6": ("How the bytes are cut into packets, reads or writes has no meaning.",),
    "P7": ("A peer goes on reading while it writes: it never waits for the other to read.",),
    "P8": (
        "Integers, lengths of str, bin, arrays and maps, and ext headers may be written in any msgpack form that can hold them, and are read by their value; a sender writes the shortest.",
    ),
    "P9": ("A str is UTF-8 without surrogates, and a sequence that is not closes the connection (12).",),
    "P10": ("bin is never taken for str, str never for bin, bool never for an integer, float never for an integer.",),
    "P11": ("The byte 0xC1 closes the connection (8).",),
    "P12": ("A key of a map is a str or an integer, and anything else closes the connection (8).",),
    "P13": (
        "No key stands twice in a map, integers compared by value and str byte by byte, or the connection is closed (13).",
    ),
    "P14": (
        "The ext codes are 16 to 27 with the payloads below; any other code, length or payload closes the connection (14).",
    ),
    "P15": ("What is not in this table, or has another length, closes the connection (8).",),
    "P16": (
        "A message of the table from a peer that may not send it, or when it may not, closes the connection (15).",
    ),
    "P17": ("`reference` in a call is an integer, the id of a reference of the receiver's that the sender holds.",),
    "P18": ("`name` is a str of 1 to 255 bytes; it is compared byte by byte and never normalised.",),
    "P19": ("`args` is an array of values that does not begin with a tag: the arguments by place.",),
    "P20": ("`kwargs` is a map of str to values: the arguments by name.",),
    "P21": ("`id` and `count` of a free are integers from 0 to 2**64 - 1, and `count` is at least 1.",),
    "P22": (
        "`lane` and `token` are integers from 0 to 2**63 - 1; `interface` is one from 1 to 2**32 - 1; `code` is one from 0 to 2**32 - 1.",
    ),
    "P23": ("`type` of an error is a str of 1 to 255 bytes; `text`, `traceback`, `incident` and `reason` are str.",),
    "P24": ('The client speaks first: its hello is `[-8, "pynto", 1, root name or nil, {}]`.',),
    "P25": ("The root name is a str of 1 to 255 bytes, one of the policy's roots; nil means the only one.",),
    "P27": ("The root is reference 0.",),
    "P29": (
        "A client may send its first messages right behind its hello, without waiting; the server takes them when it has answered the hello.",
    ),
    "P30": (
        "A server does not answer a hello that it refuses, but closes: 16 for another protocol or version, 3 for a root that is not there.",
    ),
    "P32": ("A second hello, or anything but a goodbye ahead of the first, closes the connection (15).",),
    "P36": ("`MINE(id, interface)`, ext 16, stands in a value where a reference of the sender's goes out.",),
    "P37": ("`YOURS(id)`, ext 17, stands in a value where a reference of the receiver's comes home.",),
    "P40": (
        "An id is not used again in a connection for another object or another interface, not even when it has been freed.",
    ),
    "P41": (
        "The same object under the same interface may be sent again under the same id as long as the other peer holds it; under another interface it is another reference with another id.",
    ),
    "P42": (
        "Every `MINE` that a peer receives counts one for its id, wherever it stands: in a value that is used, refused, discarded, or nested in another.",
    ),
    "P44": ("When all have been given back, the reference is gone: its id stands for nothing any more.",),
    "P46": ("A free of more than is held, or of an id that stands for nothing, closes the connection (15).",),
    "P47": (
        "The root is not counted: `MINE(0, ...)` need not be given back, and a free of 0 closes the connection (15).",
    ),
    "P49": ("A call that arrived before the free of its own reference is served.",),
    "P51": (
        "A call of a reference that the caller does not hold is refused, in the same words whether it never was, was freed, or is another connection's.",
    ),
    "P53": ("Calls, returns, errors and cancels belong to the current lane; the other messages belong to none.",),
    "P55": (
        "In an idle lane only one peer may call: the client in an even one, the server in an odd one; a call of the other closes the connection (15).",
    ),
    "P57": (
        "A peer that serves a call may call back in the same lane; the call that it makes is answered before it answers its own.",
    ),
    "P58": ("A peer whose call is unanswered and that receives a call in that lane serves it first: it is nested.",),
    "P60": (
        "Calls of a queue are served, and answered, in the order in which they came, those that are refused among them.",
    ),
    "P63": (
        "A return or an error in a lane in which no call of the receiver's is unanswered closes the connection (15).",
    ),
    "P64": (
        "Calls in different lanes are independent: they are served in any order, and one that takes long does not hold up another.",
    ),
    "P66": ("A number may be used again when its lane is idle.",),
    "P66a": (
        "A batch is `[-12, [step, ...], options]` with 1 to 256 steps; none closes the connection (8), and more do (11).",
        "The options are a map; its one key is `within`, as in *Time*, and any other closes the connection (8).",
    ),
    "P66c": ("`PROMISE(n)`, ext 27, stands for the result of step n of the same batch, counted from 0.",),
    "P66d": (
        "A promise that names its own step or a later one closes the connection (14), and so does one anywhere else than in P66b.",
    ),
    "P66e": (
        "The steps are taken as if they had come one by one in the current lane: each is decided, charged, queued, served and answered as a call of its own, in their order, and counts as a refusal of its own if it is refused.",
    ),
    "P66f": ("The calling peer may be called back in between, as behind any call.",),
    "P66g": (
        "A step with promises is decided when its turn comes, from what it is when each promise is replaced by the value that its step has returned, in which what was `MINE` stands as `YOURS`.",
    ),
    "P66j": (
        "A promise as reference whose step has not returned a reference of the receiver's, and a promise anywhere for a value that holds references of the caller's own, make the call one of a reference that is not held.",
    ),
    "P66k": (
        "A step that names one which was answered by an error, or which was itself answered so, is not served but answered by the same error; this is no refusal.",
    ),
    "P66p": (
        "An ask and a batch may say how long the answer is wanted: the option `within`, an integer of microseconds from 0 to 2**63 - 1; any other value closes the connection (8).",
    ),
    "P66r": (
        "A call that has not begun when its time is over is not run; one that runs is ended as soon as the receiver can, and both are answered by `DeadlineExceeded`.",
        "A receiver's own limits hold all the same: `within` can only shorten what they allow.",
    ),
    "P69": ("A cancel is not answered by itself.",),
    "P70": (
        "A ping may be sent at any time after the hellos; it is answered by a pong with the same token, whatever the lanes do.",
    ),
    "P71": ("Pongs come in the order of their pings; one that nobody waits for is left aside.",),
    "P71a": (
        "`[-16, bytes]` carries the next bytes, a bin, of its sender's *second stream*: a sequence of messages as in P2 to P14, beside the first one, with a current lane of its own, which is 0 at the beginning.",
    ),
    "P71b": (
        "A message of the second stream counts where the part ends in which its last byte stands: whatever was sent ahead of that part's end was sent ahead of it.",
        "Beyond that, how it travelled has no meaning: it is decided, charged and answered as if it had come there in one piece.",
    ),
    "P71c": (
        "The second stream holds messages that belong to a lane, and lane messages; any other closes the connection (15), and a part in a part (8).",
    ),
    "P71d": (
        "Parts are sent to a peer whose hello has `part`, behind that hello, and carry 1 byte to so many; more close the connection (11), and so does what none carries (8).",
        "A receiver takes no more than 1,048,576 and no more than a message may have.",
        "With what is there of a message that is not whole, a part has no more than one message and its newline (11).",
    ),
    "P71e": (
        "The array and the kind of a part are written in the shortest form: a part begins with 0x92 0xF0.",
        "Any other form closes the connection (8).",
    ),
    "P71f": (
        "How a second stream is cut has no meaning: a part may begin and end anywhere in a message, and hold several.",
        "One of fewer than 16,384 bytes in which no message ends counts as a message that nobody in earnest sends often.",
    ),
    "P71h": (
        "A message of the second stream has the limits of any other, and the same time to come; one that comes meanwhile in the first does not give it more.",
    ),
    "P72": (
        "An error is `[-2, [type, text, traceback, incident]]`; type and text are for the caller, traceback and incident are nil unless the policy lets them out.",
    ),
    "P73": ("The types are a closed set, and a receiver never looks for a class by a name that it was sent.",),
    "P75": ("A server takes every error of a client's for a `RemoteError`, those that end an iteration left aside.",),
    "P77": (
        "`StopIteration` is an answer to `__next__` only, and of a `Generator` to `send` and `throw`; `StopAsyncIteration` to `__anext__`, and of an `AsyncGenerator` to `asend` and `athrow`; elsewhere they are taken for a `RemoteError`.",
    ),
    "P79a": (
        "Behind the four parts of an error may stand its details, a map with any of these keys and no others; one that is malformed closes the connection (8), one whose values do not fit makes the whole answer one that does not fit.",
    ),
    "P80": ("Everything that is done with a reference is a call of one of the names that its interface has.",),
    "P81c": (
        "An ask is a call with options, a map.",
        "Its keys are `within`, as in *Time*, `ahead`, an integer from 1 to 2**32 - 1, and `oneway`, true; any other key or value, and `ahead` beside `oneway`, close the connection (8).",
    ),
    "P81d": (
        "`ahead` is permitted for the `__next__` of an interface `Iterator[...]` whose results are data: they hold no reference.",
        "Of any other operation it is refused as a name that is not there.",
    ),
    "P81e": (
        "An ask with `ahead` is answered with the results of up to so many calls of `__next__`: they come as one or two messages items, the oldest first, ahead of a return of nil, or of the error that the next call of it has ended with.",
    ),
    "P81j": (
        "An ask with `oneway` is decided, charged, queued and served in its lane as any call, and not answered: neither by a return, nor by an error, nor when it is refused or cancelled; what it would have brought goes back, and a refusal counts.",
    ),
    "P81l": (
        "For who sends it the lane stays as it was; calls sent behind it in the lane are served behind it.",
        "Calls sent behind it in other lanes start behind it, unless a one-way call waits itself, for an answer or in a coroutine: then they need not.",
    ),
    "P81m": (
        "It does not nest: in a lane in which a call of the receiver's is unanswered it closes the connection (15).",
        "Who serves it calls back in a lane of its own, not in this one.",
    ),
    "P83": (
        "Arguments are given by place or by name as the signature says; one with `=?` may be left out, and its default is the server's.",
    ),
    "P84": (
        "A server describes an interface once, ahead of the first reference that has it: `[-5, number, description]`.",
    ),
    "P85": ("The number is the server's choice, from 1; it stands for the interface as long as the connection lives.",),
    "P88": (
        "`interfaces` has exactly one entry: the interface's name, and a map of `cached`, `get`, `methods` and `set`, each left out when it is empty.",
    ),
    "P92a": (
        "A client may ask for a description ahead of the first reference: `[-15, interface, name]` asks for the interface of that name, which a result of the interface described under that number is, or is an alternative of.",
    ),
    "P92b": (
        "It is described if it has not been; what has, what is no result there, and what stands under a number that was not described is left unanswered and counts as a refusal.",
    ),
    "P94": ("A value is one of the following; where a type is declared, it is the form of that type.",),
    "P95": ("A tag is ext 18 and stands only as the first item of an array, or the connection is closed (14).",),
    "P101": ("An int where a float is declared stays an int.",),
    "P103": ("A limit is inclusive: as many as it says pass.",),
    "P104": (
        "A length that is announced beyond what the message may still have closes the connection at its header, before its bytes come.",
    ),
    "P105": (
        "A call that is refused for a quota is answered with `QuotaExceeded` and takes nothing, its bytes left aside: they count when they come.",
    ),
    "P109": (
        "`[-7, code, reason]` is the last message of its sender, which then closes the stream; nothing follows it, and its receiver reads no further.",
    ),
    "P110": ("A goodbye may be sent at any time, even ahead of the hello.",),
    "P113": (
        "A peer that finds a fault sends its goodbye with the first fault's code, serves nothing more of what has come, and closes.",
    ),
    "P114": (
        "The reason is for people; a receiver acts on the code, and takes a code that it does not know for a fault.",
    ),
}
