"""
The promises of the bridge under fire: real processes, real faults, and a judge.

Run it with ``python -m tests.chaos``.  Data flows one way: `store` sends what `events` makes and
writes down what it was told, `destination` writes down what it accepted, `world` writes down
what was broken on purpose; these three make a `ledger`, of which `judge` says what was kept.
"""
