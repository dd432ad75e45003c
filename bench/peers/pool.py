"""What Python's pools do with the work of subjects/pool.cpp: `metric value` lines.

Usage: pool.py pool|executor WORKERS MAP CHUNK1 CALLS MS
"""
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import Pool


def square(x):
    return x * x


def pause(ms):
    time.sleep(ms / 1e3)
    return ms


def check(ok, what):
    if not ok:
        sys.exit("wrong: " + what)


def main():
    kind = sys.argv[1]
    workers, tasks, ones, calls, ms = map(int, sys.argv[2:])
    numbers = range(tasks)
    started = time.perf_counter()
    if kind == "pool":
        pool = Pool(workers)
        run_map, call = pool.map, lambda x: pool.apply(square, (x,))
        run_map(pause, [1] * workers, chunksize=1)
        print("start", (time.perf_counter() - started) * 1e3 / workers)
    else:
        pool = ProcessPoolExecutor(workers)
        run_map = lambda f, of, chunksize=None: list(
            # Its own default is 1; this is what Pool.map takes.
            pool.map(f, of, chunksize=chunksize or -(-len(of) // (4 * workers))))
        call = lambda x: pool.submit(square, x).result()
        run_map(pause, [1] * workers, chunksize=1)

    begun = time.perf_counter()
    squares = run_map(square, numbers)
    print("map", tasks / (time.perf_counter() - begun) / 1e6)
    check(squares == [x * x for x in numbers], "map")

    begun = time.perf_counter()
    squares = run_map(square, range(ones), chunksize=1)
    print("map_chunk1", (time.perf_counter() - begun) / ones * 1e6)
    check(squares == [x * x for x in range(ones)], "map, chunk 1")

    times = []
    for x in range(calls):
        begun = time.perf_counter()
        result = call(x)
        times.append(time.perf_counter() - begun)
        check(result == x * x, "submit")
    times.sort()
    print("submit_get_p50", times[calls // 2] * 1e6)

    uneven = [ms * 50 if i == 50 else ms for i in range(100)]
    best = max(max(uneven), sum(uneven) / workers) / 1e3
    begun = time.perf_counter()
    check(run_map(pause, uneven) == uneven, "uneven")
    print("uneven", (time.perf_counter() - begun) / best)
    if kind == "pool":
        pool.close()
        pool.join()
    else:
        pool.shutdown()


if __name__ == "__main__":
    main()
