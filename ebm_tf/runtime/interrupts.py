"""SIGTERM and Ctrl-C that wait until a run can be saved."""

import contextlib
import signal
from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopRequest:
    """Whether, and by which signal, the run was asked to stop."""

    def __init__(self) -> None:
        """No signal yet."""
        self.signal_name: str | None = None

    def receive(self, number: int, frame: object) -> None:
        """Notes a signal; the second one of its kind acts as it always does."""
        del frame
        self.signal_name = signal.Signals(number).name
        signal.signal(number, signal.SIG_DFL)

    def __bool__(self) -> bool:
        """Whether a signal came."""
        return self.signal_name is not None


@contextlib.contextmanager
def deferred_stop() -> Iterator[StopRequest]:
    """Holds back SIGTERM and Ctrl-C while the body runs; ask the request for them."""
    request = StopRequest()
    before = {number: signal.getsignal(number) for number in SIGNALS}
    try:
        for number in SIGNALS:
            signal.signal(number, request.receive)
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
