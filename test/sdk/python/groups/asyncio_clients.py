"""AsyncFlameCache: FlameCache's methods as coroutines, in a bounded number of threads; tasks that
are cancelled stop at once.
"""

import asyncio
import inspect
import io
import threading

import pyarrow as pa
from sdk import fails, settings
from servers import silent
from support.cases import each

import flame_object_cache
from flame_object_cache import AsyncFlameCache, FlameCache, FlameError

STORAGES = ("files",)


def _methods(kind: type) -> dict:
    return {
        name: value
        for name, value in vars(kind).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }


def case_have_the_methods_arguments_and_texts_of_the_client(_cache):
    own = {name: method for name, method in _methods(AsyncFlameCache).items() if name != "close"}
    assert set(own) == set(_methods(FlameCache)) - {"close"}
    for name, method in own.items():
        assert inspect.iscoroutinefunction(method), name
        assert inspect.signature(method) == inspect.signature(getattr(FlameCache, name)), name
        assert method.__doc__ == getattr(FlameCache, name).__doc__ and method.__doc__, name


def case_do_what_the_client_does(cache):
    async def work() -> None:
        async with AsyncFlameCache(cache.endpoint, timeout=60) as client:
            prefix = cache.prefix()
            ref = await client.put(prefix, {"a": 1})
            assert await client.get(ref) == {"a": 1} and client.endpoint == cache.endpoint
            assert (await client.update(ref, [1])).version == 2
            await client.patch(ref.key, [2])
            assert await client.get(ref, lambda base, patches: [base, *patches]) == [[1], [2]]
            assert (await client.stat(ref)).version == 3 and await client.exists(ref.key)
            await client.pin(ref, ttl_seconds=60)
            await client.unpin(ref)
            await client.expire(ref, 60)
            assert await client.renew(ref) == (await client.stat(ref)).expires_at
            assert [found.key for found in await client.list(prefix)] == [ref.key]
            await client.delete(prefix)
            copy = io.BytesIO()
            await client.download(await client.upload(prefix, io.BytesIO(b"bytes")), copy)
            assert copy.getvalue() == b"bytes"
            with fails(flame_object_cache.ObjectNotFound, "OBJECT_NOT_FOUND"):
                await client.get(ref)

    with settings():
        asyncio.run(work())


def case_serve_many_tasks_by_few_threads(cache):
    async def work() -> None:
        names = set()

        def merge(base, _patches):
            names.add(threading.current_thread().name)
            return base

        async with AsyncFlameCache(cache.endpoint, threads=3) as client:
            refs = await asyncio.gather(
                *(client.put(cache.prefix(), pa.table({"n": [n]})) for n in range(40))
            )
            tables = await asyncio.gather(*(client.get(ref, merge) for ref in refs))
            assert [table.to_pydict() for table in tables] == [{"n": [n]} for n in range(40)]
        assert 1 <= len(names) <= 3 and threading.main_thread().name not in names

    with settings():
        asyncio.run(work())


async def _entered(server) -> None:
    await asyncio.get_running_loop().run_in_executor(None, server.entered.acquire)


def case_that_are_cancelled_stop_waiting_at_once(_cache):
    async def work(server) -> None:
        async with AsyncFlameCache(server.endpoint, threads=2) as client:
            task = asyncio.create_task(client.get("a/s/o"))
            await _entered(server)
            task.cancel()
            assert isinstance(
                (await asyncio.gather(task, return_exceptions=True))[0], asyncio.CancelledError
            )
            assert not server.release.is_set()

    with settings(), silent() as server:
        asyncio.run(work(server))


def case_that_are_cancelled_before_they_begin_never_run(_cache):
    async def work(server) -> None:
        async with AsyncFlameCache(server.endpoint, threads=1) as client:
            first = asyncio.create_task(client.get("a/s/o"))
            await _entered(server)
            waiting = [asyncio.create_task(client.delete("a/s/o")) for _ in range(5)]
            await asyncio.wait(waiting, timeout=0)
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            server.release.set()
            with fails(FlameError, "INTERNAL"):
                await first
            assert not server.entered.acquire(blocking=False)

    with settings(), silent() as server:
        asyncio.run(work(server))


def case_end_at_their_timeout(_cache):
    async def work(server) -> None:
        async with AsyncFlameCache(server.endpoint, timeout=0.2) as client:
            with fails(flame_object_cache.DeadlineExceeded, "DEADLINE_EXCEEDED"):
                await client.get("a/s/o")

    with settings(), silent() as server:
        asyncio.run(work(server))


def case_that_are_closed_refuse_calls_and_those_that_wait_for_a_thread(cache):
    async def work(server) -> None:
        client = AsyncFlameCache(server.endpoint, threads=1)
        first = asyncio.create_task(client.get("a/s/o"))
        await _entered(server)
        waiting = asyncio.create_task(client.list("a"))
        await asyncio.wait([waiting], timeout=0)
        await client.close()
        with fails(FlameError, "CANCELLED"):
            await client.put("a/s", 1)
        server.release.set()
        with fails(FlameError, "CANCELLED"):
            await waiting
        with fails(FlameError, "INTERNAL"):
            await first

    with settings(), silent() as server:
        asyncio.run(work(server))


def case_serve_one_event_loop_after_another(cache):
    with settings():
        client = AsyncFlameCache(cache.endpoint)
        ref = asyncio.run(client.put(cache.prefix(), 1))
        assert asyncio.run(client.get(ref)) == 1
        asyncio.run(client.close())


@each({"none": 0, "too many": 257, "no number": "4"})
def case_refuse_threads(_cache, threads):
    with settings(), fails(flame_object_cache.InvalidConfig, "INVALID_CONFIG"):
        AsyncFlameCache(threads=threads)
