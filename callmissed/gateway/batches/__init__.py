"""Batches: a file of requests, asked one after another within a day by the worker, whose answers become a file again.

Each request is an ordinary call of the key that made the batch: held, asked, settled and recorded as one that somebody waits
for. See docs/decisions for what happens when a worker dies at any moment.
"""

from callmissed.gateway.batches import files, service, wire
from callmissed.gateway.batches.models import Batch, StoredFile
from callmissed.gateway.batches.running import Places

__all__ = ["Batch", "Places", "StoredFile", "files", "service", "wire"]
