"""One client of the comparison: the AWS Common Runtime's S3 client (awscrt), set as LMCache's S3 connector sets it.

Takes commands as lines of JSON on standard input and answers each with one on standard output. Ends when its input does.
"""

import ctypes
import hashlib
import json
import os
import queue
import resource
import signal
import sys
import threading
import time
from urllib.parse import quote, urlsplit

try:
    import awscrt
    from awscrt import auth, http, io, s3

    MISSING = None
except ImportError as error:
    MISSING = str(error)


class Client:
    """Reads objects into memory that it has from the start, one piece in each slot."""

    def __init__(self, setup):
        store = setup["store"]
        endpoint = urlsplit(store["endpoint"])
        by_path = store["addressing"] == "path"
        self.host = endpoint.netloc if by_path else f"{store['bucket']}.{endpoint.netloc}"
        front = f"/{store['bucket']}/" if by_path else "/"
        self.paths = [front + quote(key) for key in setup["keys"]]
        self.region = store["region"]
        self.object_bytes = setup["objectBytes"]
        self.concurrency = setup["concurrency"]
        self.cursor = 0
        self.proved = 0
        self.buffers = [bytearray(b"\xa5") * self.object_bytes for _ in range(self.concurrency)]
        self.addresses = [
            ctypes.addressof((ctypes.c_char * self.object_bytes).from_buffer(buffer)) for buffer in self.buffers
        ]

        group = io.EventLoopGroup(setup["ioThreads"])
        bootstrap = io.ClientBootstrap(group, io.DefaultHostResolver(group))
        keys = store["credentials"]
        self.credentials = auth.AwsCredentialsProvider.new_static(
            keys["accessKeyId"], keys["secretAccessKey"], keys.get("sessionToken")
        )
        over_tls = endpoint.scheme == "https"
        # Everything else is the library's default, as it is there: 8 MiB ranges and a target of 10 Gbit/s.
        self.client = s3.S3Client(
            bootstrap=bootstrap,
            region=self.region,
            tls_connection_options=tls_options(store.get("ca"), setup["preferHttp2"]) if over_tls else None,
            tls_mode=s3.S3RequestTlsMode.ENABLED if over_tls else s3.S3RequestTlsMode.DISABLED,
        )

    def run(self, next_object):
        """One object after another in each slot, until next_object(slot) gives None for all."""
        finished = threading.Event()
        lock = threading.Lock()
        state = {"busy": self.concurrency, "error": None}

        def leave(error=None):
            with lock:
                state["busy"] -= 1
                state["error"] = state["error"] or error
                if state["busy"] == 0 or state["error"] is not None:
                    finished.set()

        def begin(slot):
            with lock:
                index = None if state["error"] is not None else next_object(slot)
            if index is None:
                leave()
                return
            got = [0]

            def on_body(chunk, offset, **_):
                if offset + len(chunk) <= self.object_bytes:
                    ctypes.memmove(self.addresses[slot] + offset, chunk, len(chunk))
                got[0] += len(chunk)

            def on_done(error=None, status_code=None, **_):
                if error is None and got[0] == self.object_bytes:
                    begin(slot)
                else:
                    leave(f"GET: status {status_code}, {got[0]} of {self.object_bytes} bytes, {error}")

            try:
                s3.S3Request(
                    client=self.client,
                    type=s3.S3RequestType.GET_OBJECT,
                    request=http.HttpRequest("GET", self.paths[index], http.HttpHeaders([("Host", self.host)])),
                    credential_provider=self.credentials,
                    region=self.region,
                    on_body=on_body,
                    on_done=on_done,
                )
            except Exception as thrown:  # It comes up in one of the runtime's threads, where nobody would hear of it.
                leave(f"GET: {thrown}")

        for slot in range(self.concurrency):
            begin(slot)
        finished.wait()
        if state["error"] is not None:
            raise RuntimeError(state["error"])

    def prove(self, objects):
        hashes = [None] * objects
        in_slot = [None] * self.concurrency
        begun = 0

        def next_object(slot):
            nonlocal begun
            if in_slot[slot] is not None:
                hashes[in_slot[slot]] = hashlib.sha256(self.buffers[slot]).hexdigest()
            in_slot[slot] = begun if begun < objects else None
            begun += 1
            return in_slot[slot]

        start = time.perf_counter()
        self.run(next_object)
        self.proved = objects
        return {"status": "proved", "hashes": hashes, "seconds": time.perf_counter() - start}

    def turn(self, for_ms, max_objects):
        requests = 0
        start = time.perf_counter()
        start_cpu = cpu_seconds()

        def next_object(_slot):
            nonlocal requests
            is_late = (time.perf_counter() - start) * 1000 >= for_ms
            if requests >= max_objects or (requests >= self.concurrency and is_late):
                return None
            requests += 1
            self.cursor += 1
            return (self.cursor - 1) % self.proved

        self.run(next_object)
        used = cpu_seconds() - start_cpu
        seconds = time.perf_counter() - start
        return {
            "status": "turn",
            "turn": {
                "seconds": seconds,
                "cpuSeconds": used,
                "bytes": requests * self.object_bytes,
                "requests": requests,
            },
        }


def tls_options(ca, prefer_http2):
    context = io.TlsContextOptions()
    if ca is not None:
        context.override_default_trust_store(ca.encode())
    options = io.TlsConnectionOptions(io.ClientTlsContext(context))
    if prefer_http2:
        options.set_alpn_list(["h2", "http/1.1"])
    return options


def cpu_seconds():
    """Of this process with all its threads, the runtime's included."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def obey(command, client):
    if command["do"] == "open":
        if MISSING is not None:
            raise RuntimeError(f"{sys.executable}: {MISSING} (pip install awscrt; KVFERRY_PYTHON names another Python)")
        return {"status": "open", "version": awscrt.__version__}, Client(command)
    if command["do"] == "prove":
        return client.prove(command["objects"]), client
    return client.turn(command["forMs"], command["maxObjects"]), client


def main():
    # Ctrl-C and a closed terminal are for the process that started this one.
    for name in ("SIGINT", "SIGHUP"):
        # Windows has no SIGHUP.
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    lines = queue.SimpleQueue()
    threading.Thread(target=listen, args=(lines,)).start()
    client = None
    while True:
        try:
            answer, client = obey(json.loads(lines.get()), client)
        except Exception as thrown:
            answer = {"status": "failed", "reason": str(thrown)}
        print(json.dumps(answer), flush=True)


def listen(lines):
    for line in sys.stdin:
        lines.put(line)
    # Whatever is under way: a request may never come back, and would keep the runtime's threads, and so the process.
    os._exit(0)


main()
