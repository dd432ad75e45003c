"""What Python's channels do with the work of two_processes.hpp: `metric value` lines.

Usage: channels.py queue|pipe throughput BYTES MS
       channels.py queue|pipe blocking CALLS
       channels.py semaphore op PAIRS
"""
import multiprocessing
import struct
import sys
import time


class over_queue:
    def __init__(self):
        self.queue = multiprocessing.Queue()

    def send(self, message):
        self.queue.put(message)

    def receive(self):
        return self.queue.get()


class over_pipe:
    def __init__(self):
        self.reading, self.writing = multiprocessing.Pipe(duplex=False)

    def send(self, message):
        self.writing.send_bytes(message)

    def receive(self):
        return self.reading.recv_bytes()


def make(number, size):
    head = struct.pack("<Q", number)
    return head if size == 8 else head + bytes(size - 16) + struct.pack("<Q", number)


def check(message, number, size):
    if len(message) != size or struct.unpack_from("<Q", message)[0] != number:
        sys.exit("wrong: message %d" % number)
    if struct.unpack_from("<Q", message, size - 8)[0] != number:
        sys.exit("wrong: the end of message %d" % number)


def send_all(channel, size, ms, ready, total):
    ready.wait()
    until = time.perf_counter() + ms / 1e3
    sent = 0
    while time.perf_counter() < until:
        for _ in range(16 if size < 65536 else 1):
            channel.send(make(sent, size))
            sent += 1
    total.value = sent
    channel.send(b"end")


def throughput(channel, size, ms):
    ready, total = multiprocessing.Barrier(2), multiprocessing.Value("q", 0)
    sender = multiprocessing.Process(target=send_all, args=(channel, size, ms, ready, total))
    sender.start()
    ready.wait()
    begun, count = time.perf_counter(), 0
    while True:
        message = channel.receive()
        if message == b"end":
            break
        check(message, count, size)
        count += 1
    print("throughput", count / (time.perf_counter() - begun))
    sender.join()
    if sender.exitcode != 0 or count != total.value:
        sys.exit("wrong: messages were lost")


def echo(there, back, calls):
    for _ in range(calls):
        back.send(there.receive())


def blocking(there, back, calls):
    echoing = multiprocessing.Process(target=echo, args=(there, back, calls))
    echoing.start()
    times = []
    for number in range(calls):
        begun = time.perf_counter()
        there.send(make(number, 64))
        answer = back.receive()
        times.append((time.perf_counter() - begun) * 1e6)
        check(answer, number, 64)
    echoing.join()
    times = sorted(times[calls // 10:])
    for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999)):
        print("blocking_trip_" + name, times[min(len(times) - 1, int(share * len(times)))])


def semaphore(pairs):
    one = multiprocessing.Semaphore(3)
    begun = time.perf_counter()
    for _ in range(pairs):
        one.acquire()
        one.release()
    print("op", (time.perf_counter() - begun) / pairs * 1e9)
    if one.get_value() != 3:
        sys.exit("wrong: something is still held")


def main():
    kind, what, rest = sys.argv[1], sys.argv[2], [int(x) for x in sys.argv[3:]]
    channel = {"queue": over_queue, "pipe": over_pipe, "semaphore": None}[kind]
    if what == "throughput":
        throughput(channel(), *rest)
    elif what == "blocking":
        blocking(channel(), channel(), *rest)
    else:
        semaphore(*rest)


if __name__ == "__main__":
    main()
