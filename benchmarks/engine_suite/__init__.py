"""The same networks on snmem and its peers: run time, set-up, memory, growth, and the limit of the machine.

``snmem bench engine --suite`` runs it. Every engine works in a process of its own (:mod:`.child`), so that its peak
memory is its own; :mod:`.cases` builds the networks, :mod:`.suite` compares and judges.
"""
