"""What is measured: a module for each peer, with ``serve(address)`` and ``Client(address)``.

serve() prints ``ready`` on a line of its own and serves until it is ended. A Client has a method for each case that the peer knows,
``echo(n)`` for the case ``echo``: it performs the operation n times. A case that is not there is one that the peer does not offer.
"""
