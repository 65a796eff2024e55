"""Events: news that travels upwards. A room publishes; rooms above subscribe; one job per subscriber, in the transaction.

The publisher does not know who listens. A subscriber is a job, so it may run twice and must guard its own effects.
"""

from collections import defaultdict
from dataclasses import asdict, dataclass
from uuid import UUID

from callmissed.foundation import jobs
from callmissed.foundation.database import Tx


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened in a tenant. Subclasses are frozen dataclasses whose fields are ids."""

    tenant_id: UUID


_subscribers: defaultdict[type[Event], list[str]] = defaultdict(list)


def subscribe(event: type[Event], job: str) -> None:
    """Have the named job run for each such event, with the event's fields as its arguments."""
    if job not in _subscribers[event]:
        _subscribers[event].append(job)


async def publish(tx: Tx, event: Event) -> None:
    """Insert one job per subscriber into this transaction."""
    for job in _subscribers[type(event)]:
        await jobs.insert(tx, job, {name: str(value) for name, value in asdict(event).items()})


def subscribers(event: type[Event]) -> tuple[str, ...]:
    """The jobs that hear of such an event."""
    return tuple(_subscribers.get(event, ()))
