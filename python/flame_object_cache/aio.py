"""AsyncFlameCache: FlameCache for asyncio. Each method runs the method of FlameCache in a thread of
a bounded pool.

pyarrow has no asynchronous client, hence the threads. A call that waits for a thread holds only its
arguments.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Coroutine, Optional, Type, TypeVar

from .client import FlameCache
from .config import check_threads
from .credentials import hidden

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")

R = TypeVar("R")
# Threads of one client. Calls wait for the network most of the time; more threads would wait for
# Python's global lock.
THREADS = 16


def _twin(
    method: "Callable[Concatenate[FlameCache, P], R]",
) -> "Callable[Concatenate[AsyncFlameCache, P], Coroutine[Any, Any, R]]":
    """The method as a coroutine function with the same signature and docstring."""

    async def call(self: AsyncFlameCache, /, *arguments: "P.args", **options: "P.kwargs") -> R:
        return await self._run(functools.partial(method, self._cache, *arguments, **options))

    functools.update_wrapper(call, method)
    call.__qualname__ = f"AsyncFlameCache.{method.__name__}"
    call.__module__ = __name__
    return call


class AsyncFlameCache:
    """FlameCache for asyncio: the same methods, arguments, values and errors, to be awaited.

        async with AsyncFlameCache("grpc://127.0.0.1:9090", timeout=10) as cache:
            ref = await cache.put("my-app/session123", {"a": 1})
            assert await cache.get(ref) == {"a": 1}

    Calls run in threads, at most `threads` at once; the others wait, in the order of their calls.
    Values are encoded and decoded there too, a `deserializer` included. One client serves tasks of
    any number of event loops.

    A task that is cancelled, or times out, stops waiting at once. If its call has not begun, it
    never runs. Otherwise the call continues in its thread and its result is dropped: a cancelled
    put may still store the value. `timeout` bounds how long the call occupies the thread.
    """

    def __init__(
        self,
        endpoint: Optional[str] = None,
        *,
        timeout: Optional[float] = None,
        token: Optional[str] = None,
        token_file: Optional[str] = None,
        ca_file: Optional[str] = None,
        client_cert_file: Optional[str] = None,
        client_key_file: Optional[str] = None,
        allow_pickle: Optional[bool] = None,
        threads: int = THREADS,
    ) -> None:
        """Takes the arguments of FlameCache. threads: the number of simultaneous calls, 1 to 256.

        Raises InvalidConfig.
        """
        secret: Any = hidden(token)
        # A traceback with the values of variables must not show it.
        del token
        self._cache = FlameCache(
            endpoint,
            timeout=timeout,
            token=secret,
            token_file=token_file,
            ca_file=ca_file,
            client_cert_file=client_cert_file,
            client_key_file=client_key_file,
            allow_pickle=allow_pickle,
        )
        self._threads = ThreadPoolExecutor(
            check_threads(threads), thread_name_prefix="flame-object-cache"
        )

    @property
    def endpoint(self) -> str:
        """The configured endpoint, `grpc://HOST:PORT` or `grpc+tls://HOST:PORT`."""
        return self._cache.endpoint

    def __repr__(self) -> str:
        endpoint = self.endpoint if "_cache" in vars(self) else None
        return f"{type(self).__name__}({endpoint!r})"

    async def _run(self, call: Callable[[], R]) -> R:
        def begin() -> R:
            self._cache._check_open()
            return call()

        self._cache._check_open()
        context = contextvars.copy_context()
        return await asyncio.get_running_loop().run_in_executor(self._threads, context.run, begin)

    async def close(self) -> None:
        """Closes the client. Later calls, and calls that wait for a thread, raise FlameError
        CANCELLED.

        Does not wait: a call in progress continues in its thread.
        """
        self._cache.close()
        self._threads.shutdown(wait=False)

    async def __aenter__(self) -> AsyncFlameCache:
        return self

    async def __aexit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        traceback: Optional[TracebackType],
    ) -> None:
        await self.close()

    put = _twin(FlameCache.put)
    get = _twin(FlameCache.get)
    open_reader = _twin(FlameCache.open_reader)
    update = _twin(FlameCache.update)
    patch = _twin(FlameCache.patch)
    stat = _twin(FlameCache.stat)
    exists = _twin(FlameCache.exists)
    list = _twin(FlameCache.list)
    delete = _twin(FlameCache.delete)
    pin = _twin(FlameCache.pin)
    unpin = _twin(FlameCache.unpin)
    expire = _twin(FlameCache.expire)
    renew = _twin(FlameCache.renew)
    upload = _twin(FlameCache.upload)
    download = _twin(FlameCache.download)
