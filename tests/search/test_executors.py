"""Every executor keeps the contract."""

from __future__ import annotations

from contextlib import AbstractContextManager

from neuralfinder.search.executors import Executor, in_process
from neuralfinder.testing import ExecutorContract


class TestInProcess(ExecutorContract):
    def make(self) -> AbstractContextManager[Executor]:
        return in_process()
