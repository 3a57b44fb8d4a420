"""
A stand-in of the destinations' documented APIs, to try the bridge against without a vendor.

It is made from the vendors' pages and shares no model with `bridge.destinations`: an error in
the bridge's payloads must not be repeated by what judges them.

    contracts   the bodies that the vendors document, as JSON schemas
    check       hold a body against a schema; say what is wrong, never a value
    endpoint    what one stand-in operation is: a record
    tokens      what logins have given, and until when it is good
    bonifiq     the rules and answers of one vendor's operations,
    cheqpay     and of the next,
    capillary   and of the third
    behave      faults on demand: delays, status codes, silence, cut connections
    arrive      read a request; write its line of what was received, without credentials
    controls    the paths below
    server      the vendors' operations and the controls, as routes

    POST   /_behave     let an endpoint fail: {"endpoint": "bonifiq.order", "status": 503}
    DELETE /_behave     back to normal
    GET    /_received   every request that reached an endpoint, in order of arrival
    DELETE /_received   forget them
    GET    /_state      what is stored
    DELETE /_tokens     let every token that a login has given be unknown, as if it had expired
    GET    /_health     200
"""

from bridge.sandbox.server import VENDORS, create_app

__all__ = ["VENDORS", "create_app"]
