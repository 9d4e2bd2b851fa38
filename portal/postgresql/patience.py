"""A connection that gives up a server which hangs while the line to it stands."""

from contextlib import contextmanager

from psycopg import Connection, Error, OperationalError
from psycopg.pq import TransactionStatus

STATEMENT_SECONDS, STREAMED_SECONDS, LEAVE_SECONDS = 5, 60, 1


class PatientConnection(Connection):
    """Lets a statement last so long and no longer, whatever the server does.

    A slow statement is cancelled, and the connection stays. Where even that is not answered, the
    server hangs, and the connection is closed.
    """

    patience_seconds: float = STATEMENT_SECONDS

    @contextmanager
    def waiting_longer(self):
        self.patience_seconds = STREAMED_SECONDS
        try:
            yield
        finally:
            self.patience_seconds = STATEMENT_SECONDS

    def wait(self, gen, interval=0.1, timeout=None):
        try:
            return super().wait(gen, interval, timeout or self.patience_seconds)
        except OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self._leave(gen)
            raise

    def _leave(self, gen):
        try:
            self.cancel_safe(timeout=LEAVE_SECONDS)
            super().wait(gen, timeout=LEAVE_SECONDS)
        except Error:
            pass
        if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
            self.pgconn.finish()
