"""Heavy work as a list of pure tasks: run here, by processes, by an executor, or on a cluster; the results are the same.

A task says everything that its result depends on. So it does not matter who runs it, in which order, or how often: where a worker
dies its task runs again elsewhere. Results come in the order of the tasks.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from multiprocessing import active_children, get_context, resource_tracker
from typing import Any, TypeVar

from aura_analytics.errors import AuraError, LedgerUnavailableError, ParameterError, Problem

__all__ = ["ExecutorLike", "run_tasks"]

T = TypeVar("T")
R = TypeVar("R")
ExecutorLike = Executor | str | None
_SCHEMES = ("tcp://", "tls://", "ws://", "wss://", "inproc://", "ucx://")
_RETRIES = 20  # of a task whose worker died
_WAIT = "10s"  # for a scheduler to answer


def run_tasks(
    function: Callable[[T], R], tasks: Sequence[T], *, workers: int = 1, executor: ExecutorLike = None, named: Callable[[T], str]
) -> Iterator[R]:
    """The results of tasks, in their order.

    Parameters
    ----------
    function
        What is done with a task; importable by its name, and without effects.
    tasks
        What it depends on, all of it; small enough to be sent.
    workers
        Processes on this machine, at least 1, where there is no executor.
    executor
        Any `concurrent.futures.Executor`, or the address of a Dask scheduler, such as `tcp://10.0.0.1:8786` (needs
        `aura-analytics[cluster]`, here and on the workers).
    named
        A task in words, for the error where it fails.

    Raises
    ------
    ParameterError
        If the executor is none, or Dask is not installed.
    LedgerUnavailableError
        If nothing answers at the address.
    """
    if executor is None:
        yield from _here(function, tasks, workers, named)
    elif isinstance(executor, str):
        yield from _on_cluster(function, tasks, executor, named)
    elif isinstance(executor, Executor):
        futures = [executor.submit(function, task) for task in tasks]
        with _cancelled(futures):
            yield from _in_order(futures, tasks, named)
    else:
        expected = "a concurrent.futures.Executor, or an address such as tcp://10.0.0.1:8786"
        raise ParameterError(Problem("that cannot run tasks", got=type(executor).__name__, expected=expected))


def _in_order(
    futures: list[Any],
    tasks: Sequence[T],
    named: Callable[[T], str],
    again: Callable[[T], Any] | None = None,
    lost: type[Exception] | tuple[()] = (),
) -> Iterator[Any]:
    """The results of futures, in their order; what is `lost` with its workers is done `again`."""
    for at, task in enumerate(tasks):
        with _told(task, named):
            for left in reversed(range(_RETRIES)):
                try:
                    found = futures[at].result()
                    break
                except lost:
                    if again is None or not left:
                        raise
                    futures[at] = again(task)
        yield found


@contextmanager
def _cancelled(futures: list[Any]) -> Iterator[None]:
    """What is not begun by then is given up; where something failed, what is under way ends first: it may write something."""
    try:
        yield
    except Exception:
        wait([future for future in futures if isinstance(future, Future) and not future.cancel()])
        raise
    finally:
        for future in futures:
            if not future.done():
                future.cancel()


@contextmanager
def _told(task: T, named: Callable[[T], str]) -> Iterator[None]:
    try:
        yield
    except AuraError:
        raise
    except Exception as error:
        error.add_note(f"in {named(task)}")
        raise


def _here(function: Callable[[T], R], tasks: Sequence[T], workers: int, named: Callable[[T], str]) -> Iterator[R]:
    if workers == 1 or len(tasks) < 2:
        for task in tasks:
            with _told(task, named):
                found = function(task)
            yield found
        return
    others = active_children()
    with ExitStack() as stack:
        try:
            with _unseen_by_children():  # what came meanwhile is raised where this ends
                pool = stack.enter_context(
                    ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_interruptible)
                )
                futures = [pool.submit(function, task) for task in tasks]
            yield from _in_order(futures, tasks, named)
        except BaseException:
            for child in active_children():
                if child not in others:
                    child.terminate()
            raise


def _on_cluster(function: Callable[[T], R], tasks: Sequence[T], address: str, named: Callable[[T], str]) -> Iterator[R]:
    if not address.startswith(_SCHEMES):
        problem = Problem("that is no address of a scheduler", got=address, expected="such as tcp://10.0.0.1:8786")
        raise ParameterError(problem)
    try:
        from distributed import Client, KilledWorker
    except ImportError:
        raise ParameterError(
            Problem("clusters need Dask", got=address, next="pip install 'aura-analytics[cluster]', here and on the workers")
        ) from None
    try:
        make: Any = Client
        client = make(address, timeout=_WAIT, set_as_default=False)
    except OSError as error:
        raise LedgerUnavailableError(
            Problem("no scheduler answers", got=address, expected=f"one within {_WAIT}", next="start one: dask scheduler")
        ) from error
    with client:

        def again(task: T) -> Any:
            return client.submit(function, task, pure=False, retries=_RETRIES)

        futures = [again(task) for task in tasks]
        with _cancelled(futures):
            yield from _in_order(futures, tasks, named, again, KilledWorker)


@contextmanager
def _unseen_by_children() -> Iterator[None]:
    """Processes that are started here do not see what interrupts their parent before `_interruptible`: they would speak of it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    try:
        resource_tracker.ensure_running()  # unblocks what it blocks while it starts, so it comes first
        signal.pthread_sigmask(signal.SIG_BLOCK, _interrupts())
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _interruptible() -> None:
    """An interrupt ends this process in silence."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _interrupts())


def _interrupts() -> set[signal.Signals]:
    return {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
