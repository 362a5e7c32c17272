from __future__ import annotations

import os
import threading

import pytest

from hashserve.serve.bounded_cache import BoundedCache
from hashserve.serve.locks import ForkSafeLock, renew_locks


def test_a_lock_is_free_after_it_was_renewed() -> None:
    guards = [ForkSafeLock(), ForkSafeLock()]
    for guard in guards:
        guard.lock.acquire()
    renew_locks()
    for guard in guards:
        assert guard.lock.acquire(blocking=False)


def test_a_thread_that_renews_the_lock_it_holds_can_release_it() -> None:
    guard = ForkSafeLock()
    with guard.lock:
        renew_locks()
    assert not guard.lock.locked()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_lock_that_another_thread_holds_at_a_fork_is_free_in_the_child() -> None:
    cache: BoundedCache[str, str] = BoundedCache(10)
    held, may_leave = threading.Event(), threading.Event()

    def hold() -> None:
        with cache._guard.lock:
            held.set()
            may_leave.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    child = os.fork()
    if child == 0:  # pragma: no cover  # no coverage is written there
        # If the lock were not free, an alarm would end the child.
        import signal

        signal.alarm(20)
        cache.put("a", "1")
        os._exit(0 if cache.get("a") == "1" else 1)
    may_leave.set()
    thread.join()
    assert os.waitpid(child, 0)[1] == 0
