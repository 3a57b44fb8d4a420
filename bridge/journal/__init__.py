"""What is durable: entries, deliveries, lanes, workers."""
