"""
A stand-in of the destinations' documented APIs, to try the bridge against without a vendor.

It is made from the vendors' pages and shares no model with `bridge.destinations`: an error in
the bridge's payloads must not be repeated by what judges them.

    contracts   the bodies that the vendors document, as JSON schemas
    check       hold a body against a schema; say what is wrong, never a value
    endpoint    what one stood-in operation is: a record
    bonifiq     the rules and answers of BonifiQ's operations
    behave      faults on demand: delays, status codes, silence, cut connections
    server      the routes: the operations, and the controls below

    POST   /_behave     let an endpoint fail: {"endpoint": "bonifiq.order", "status": 503}
    DELETE /_behave     back to normal
    GET    /_received   every request that reached an endpoint, in order of arrival
    DELETE /_received   forget them
    GET    /_state      what is stored
    GET    /_health     200
"""

from bridge.sandbox.server import create_app

__all__ = ["create_app"]
