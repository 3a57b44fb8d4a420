"""
A webhook bridge from e-commerce platforms to loyalty and customer APIs.

One webhook goes through these rooms, in this order; `bridge.pipeline` is the story:

    receive   bytes of a request -> InboundRequest; Answer -> response
    verify    who sent it: InboundRequest -> VerifiedRequest
    mapping   what it says: VerifiedRequest -> Event -> Payloads
    journal   what is durable: entries, deliveries, lanes, workers
    forward   Payload -> destination -> Outcome
    answer    Outcomes -> what the store is told

`bridge.park` finishes later what could not be finished in time, `bridge.limits` asks of no
destination more than it bears, `bridge.hydrate` fetches what a webhook leaves out, and
`bridge.app` puts the rooms together.
"""

__version__ = "0.1.0"
