"""Results that are not there yet."""

import threading

__all__ = ["Future", "collect_all", "wait_all"]


class Future:
    """A value set later by :meth:`set_result`; others wait for it or hang callbacks on it."""

    def __init__(self, *, devices=None):
        self._ready, self._lock, self._callbacks = threading.Event(), threading.Lock(), []
        self._value = self._error = None

    def __class_getitem__(cls, item):
        return cls

    def done(self):
        """Whether the value or an exception has been set."""
        return self._ready.is_set()

    def wait(self):
        """The value, when it is there; raises the exception if one was set."""
        self._ready.wait()
        return self.value()

    def value(self):
        """The value. Raises the exception if one was set, RuntimeError when nothing is there yet."""
        if not self.done():
            raise RuntimeError("The future has no value yet; wait() for it")
        if self._error is not None:
            raise self._error
        return self._value

    def _finish(self, value, error):
        with self._lock:
            if self.done():
                raise RuntimeError("Future can only be completed once")
            self._value, self._error = value, error
            self._ready.set()
            callbacks, self._callbacks = self._callbacks, []
        for callback in callbacks:
            callback(self)

    def set_result(self, result):
        """Set the value and run the callbacks. Raises RuntimeError the second time."""
        self._finish(result, None)

    def set_exception(self, result):
        """Set an exception instead of a value. Raises AssertionError unless it is one."""
        if not isinstance(result, Exception):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._finish(None, result)

    def add_done_callback(self, callback):
        """Call ``callback(future)`` when the value is there; at once if it is."""
        with self._lock:
            if not self.done():
                self._callbacks.append(callback)
                return
        callback(self)

    def then(self, callback):
        """A future of ``callback(future)``."""
        following = Future()

        def run(future):
            try:
                following.set_result(callback(future))
            except Exception as error:
                following.set_exception(error)

        self.add_done_callback(run)
        return following


def collect_all(futures):
    """A future of the list of all futures, done when they are."""
    futures, together, lock = list(futures), Future(), threading.Lock()
    left = len(futures)
    if not left:
        together.set_result([])

    def count(_):
        nonlocal left
        with lock:
            left -= 1
            last = left == 0
        if last:
            together.set_result(futures)

    for future in futures:
        future.add_done_callback(count)
    return together


def wait_all(futures):
    """The values of all futures."""
    return [future.wait() for future in collect_all(futures).wait()]
