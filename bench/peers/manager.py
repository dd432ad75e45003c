"""A semaphore of a Python Manager, taken and given back by another process: `metric value`.

Usage: manager.py CALLS
"""
import sys
import time
from multiprocessing import Process, Queue
from multiprocessing.managers import SyncManager


def use(semaphore, calls, result):
    times = []
    for _ in range(calls):
        begun = time.perf_counter()
        semaphore.acquire()
        semaphore.release()
        times.append(time.perf_counter() - begun)
    times.sort()
    result.put(times[calls // 2] * 1e6)


def main():
    with SyncManager() as manager:
        semaphore = manager.Semaphore(3)
        result = Queue()
        user = Process(target=use, args=(semaphore, int(sys.argv[1]), result))
        user.start()
        print("acquire_release_p50", result.get())
        user.join()


if __name__ == "__main__":
    main()
