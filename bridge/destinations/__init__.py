"""One API operation of a destination each: model, request, and what an answer means."""
