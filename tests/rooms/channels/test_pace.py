"""The pace of one visitor: a burst, then one after another; nobody waits for somebody else."""

from callmissed.channels.webchat import pace
from callmissed.channels.webchat.pace import Pace


def test_a_burst_then_a_wait_then_again(monkeypatch):
    now = [100.0]
    # house: mock the clock, so that nobody waits
    monkeypatch.setattr(pace.time, "monotonic", lambda: now[0])
    limit = Pace(burst=3, seconds=2)
    assert [limit.wait("a") for _ in range(4)] == [0, 0, 0, 2]
    assert limit.wait("b") == 0
    now[0] += 2
    assert [limit.wait("a"), limit.wait("a")] == [0, 2]
    now[0] += 60
    assert [limit.wait("a") for _ in range(4)] == [0, 0, 0, 2]


def test_memory_is_bounded():
    limit = Pace(burst=1, seconds=1000, size=10)
    for n in range(100):
        limit.wait(str(n))
    assert len(limit._due) <= 10
