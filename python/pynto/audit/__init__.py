"""The policy generator and the audit: what can a client reach?

Everything behind ``pynto-policy generate`` and ``pynto-policy check``. Type hints are read with mypy as a library; no
code of the user is run. What needs mypy is loaded by the commands alone: the server needs ``declared`` and runs without.

Without mypy:
    spelling     types and signatures, and how each is written
    grammar      reading them back
    flow         out to the client, or in
    declared     the hints as they stand in the source, and whether they have drifted
    sources      what a module's text says of itself: casts, type-ignores, shared defaults
    templates    what a client may do with a list, a mapping, an iterator
    config       pynto.toml
    findings     what can be wrong, how bad it is, what to do
    validate     is this file a policy, to the letter?
    layout       the bytes of a policy file
    expressions  from a spelling back to Python
    report       the audit for a person and for a machine
    listing      findings in the order in which a person wants them
    terminal     colours, and the line that says that work goes on
    catalogue    what the functions of libraries can do
    sarif, page, chart   the same for code hosts, and for a browser
    caching      how long an answer may be kept
    cli          the commands

Without mypy, about policy files and audit logs:
    tools        the commands
    engine       the C engine's answers: who reaches what, what two policies differ in
    difference, explain, picture        diff, explain and who-can-reach, graph
    trail, replay, shrink               the log, simulate, learn and shrink
    stubs, stubtypes, stubnames         a .pyi for clients
    tsstubs, tstypes                    a .d.ts for clients

With mypy:
    build        one build of one probe module; mypy's options
    roots        where a policy starts
    kinds        which classes travel by value, which may never leave
    members      which members of a class may be offered
    decorators, exceptions   what pynto's own decorators say; which errors keep what
    translate    a hint to its spelling, in the direction in which it flows
    signatures   a method to its signature
    standard     the templates, filled in
    places       file and line
    walk         the closed graph of interfaces
    generate     the policy
    never        what pynto.toml says must not be reachable
    check        the audit

Following calls, all with mypy (docs/adr/0018):
    program      the functions of the home packages, and who overrides whom
    labels       where a value may come from
    facts        what one look at a body gives
    callees      from an expression ahead of parentheses to everything that may run
    arguments    which argument goes into which parameter
    operators    which methods they run, and where they make much out of little
    guards       comparisons that bound a variable
    evaluate     values through expressions
    calls        values into calls
    statements   values through statements
    following    what is known of all functions together
    summaries    every sink behind a function, by the shortest chain
    exposure     the operations that clients have, and what they choose in each
    powers       the findings
"""
