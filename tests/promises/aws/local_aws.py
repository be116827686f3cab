"""A local AWS for the promises: ministack, whose queues keep the time of whoever asks.

Run by ministack's own Python. Prints its address when it is ready, and ends with its standard input, which ends with
the test process, however that ends.

Two things differ from ministack as it is. A request to a queue may bring its moment along, in `x-fanmail-now`, in
milliseconds since 1970: it is answered as of then, waiting included, so that promises about minutes take none. And
queues are fair between message groups: AWS keeps that, ministack does not model it.
"""

import asyncio
import contextvars
import http.client
import math
import os
import socket
import sys
import threading
import time

HEADER = b"x-fanmail-now"

# The moment of the request that is being answered, in seconds; one list each, so that waiting moves it.
moment = contextvars.ContextVar("moment", default=None)


class Time:
    """The module `time`, in the time of the request."""

    def __getattr__(self, name):
        return getattr(time, name)

    def time(self):
        at = moment.get()
        return time.time() if at is None else at[0]


class Asyncio:
    """The module `asyncio`, which waits in the time of the request."""

    def __getattr__(self, name):
        return getattr(asyncio, name)

    async def sleep(self, seconds):
        at = moment.get()
        if at is None:
            return await asyncio.sleep(seconds)
        at[0] += seconds
        await asyncio.sleep(0)


def clocked(app):
    """The application, answering as of the moment that a request brings along."""

    async def answer(scope, receive, send):
        said = dict(scope.get("headers") or []).get(HEADER)
        if said is None:
            return await app(scope, receive, send)
        at = [int(said) / 1000]
        moment.set(at)

        async def say(event):
            if event["type"] == "http.response.start":
                now = str(math.ceil(at[0] * 1000)).encode()
                event = {**event, "headers": [*event.get("headers", []), (HEADER, now)]}
            await send(event)

        await app(scope, receive, say)

    return answer


def fair(collect):
    """What is received next: each group in its turn, counting what is in flight for it."""

    def in_turn(queue, most, visibility):
        now, turns = sqs.time.time(), {}
        for message in queue["messages"]:
            if message["visible_at"] > now and message["receive_count"] > 0:
                group = message.get("group_id")
                turns[group] = turns.get(group, 0) + 1
        ready = []
        for message in queue["messages"]:
            if message["visible_at"] <= now:
                group = message.get("group_id")
                ready.append((turns.get(group, 0), len(ready), message))
                turns[group] = turns.get(group, 0) + 1
        ready.sort(key=lambda turn: turn[:2])
        return collect({**queue, "messages": [message for _, _, message in ready]}, most, visibility)

    return in_turn


def end_with_input():
    sys.stdin.buffer.read()
    os._exit(0)


def say_when_ready(port):
    for _ in range(1200):
        try:
            asked = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            asked.request("GET", "/_ministack/health")
            if asked.getresponse().status == 200:
                return print(f"http://127.0.0.1:{port}", flush=True)
        except OSError:
            pass
        time.sleep(0.1)
    print("ministack did not become ready", file=sys.stderr, flush=True)
    os._exit(1)


threading.Thread(target=end_with_input, daemon=True).start()
door = socket.socket()
door.bind(("127.0.0.1", 0))
door.listen(1024)
port = door.getsockname()[1]
os.environ.update(GATEWAY_PORT=str(port), LOG_LEVEL="CRITICAL", AUTH="false", PERSIST_STATE="0")

from hypercorn.asyncio import serve  # noqa: E402
from hypercorn.config import Config  # noqa: E402
from ministack.app import app  # noqa: E402
from ministack.services import sqs  # noqa: E402

sqs.time, sqs.asyncio = Time(), Asyncio()
sqs._collect_msgs = fair(sqs._collect_msgs)
config = Config()
config.bind = [f"fd://{door.fileno()}"]
config.keep_alive_timeout = 75
config.loglevel = "CRITICAL"
threading.Thread(target=say_when_ready, args=(port,), daemon=True).start()
asyncio.run(serve(clocked(app), config))
