"""Traffic for benchmarks of the gateway: load, a model server to ask, and the gateways of others to stand beside."""
