"""The front hall: the only place that knows every room. Settings, wiring, the web application, the worker, the command."""
