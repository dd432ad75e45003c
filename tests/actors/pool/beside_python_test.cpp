// What breaks Python's multiprocessing (known holes 7) does not break us. Where python3 is there, it does
// the same beside, for as long as `python_limit`, and the output says what became of it.

#include "../../examples/run_program.hpp"
#include "../../examples/temporary_directory.hpp"
#include "pool_tasks.hpp"
#include <hawser/shm/queue.hpp>

#include <iostream>

namespace test {
namespace {

using hawser::test::running_program;
using hawser::test::temporary_directory;

int fill(std::string queue_name, int messages) {
  shm::queue<std::array<char, 1024>> queue{open_only, queue_name};
  for (int i = 0; i < messages; ++i) queue.push({});
  return 0;
}
HAWSER_PROCESS(fill);

int looks(std::string array_name) {
  const shm::array<int> numbers{open_only, array_name};
  return numbers[0] == 7 ? 0 : 1;
}
HAWSER_PROCESS(looks);

class BesidePythonTest : public testing::Test {
 protected:
  /// Not a bound on us: what has not ended by then hangs.
  static constexpr std::chrono::seconds python_limit{4};

  /// Behind our own part: whatever child is there then is taken for one that Python has left.
  static void show_python(const std::string& code) {
    running_program python{{"python3", "-c", code}};
    const auto status = python.wait(python_limit);
    std::cout << "Python: ";
    if (!status) std::cout << "hangs\n";
    else if (*status == 127) std::cout << "not installed\n";
    else std::cout << python.output() << '\n';
  }
};

TEST_F(BesidePythonTest, AMapWhoseWorkerIsKilledReturns) {
  const temporary_directory folder;
  std::vector<std::pair<std::string, int>> inputs;
  std::vector<int> expected;
  for (int i = 0; i < 100; ++i) inputs.emplace_back(folder / "killed", i), expected.push_back(i);
  {
    worker_pool pool{{.workers = 2}};
    EXPECT_EQ(pool.map(dies_once, inputs), expected);
    EXPECT_GE(pool.statistics().workers_died, 1U);
  }
  show_python(R"py(
import multiprocessing, os, signal, sys
def f(x):
    if x == 3: os.kill(os.getpid(), signal.SIGKILL)
    return x
with multiprocessing.Pool(2) as pool:
    print("map returned", len(pool.map(f, range(100))), "results"))py");
}

TEST_F(BesidePythonTest, AKilledWorkerCostsItsTaskAndThePoolGoesOn) {
  const temporary_directory folder;
  {
    worker_pool pool{{.workers = 2, .retries = 0}};
    std::vector<task_future<int>> all;
    for (int i = 0; i < 50; ++i)
      all.push_back(pool.submit(dies_of, std::pair<std::string, int>{folder / "ran", i}));
    for (int i = 0; i < 50; ++i) {
      if (i == 42) EXPECT_THROW(all[42].get(), worker_lost);
      else EXPECT_EQ(all[static_cast<std::size_t>(i)].get(), i);
    }
    EXPECT_EQ(pool.submit(square, 5).get(), 25);
  }
  show_python(R"py(
import concurrent.futures, os, signal
def f(x):
    if x == 42: os.kill(os.getpid(), signal.SIGKILL)
    return x
with concurrent.futures.ProcessPoolExecutor(2) as pool:
    futures = [pool.submit(f, i) for i in range(50)]
    concurrent.futures.wait(futures)
    failed = sum(1 for one in futures if one.exception())
    try: again = pool.submit(f, 1).result()
    except Exception as e: again = type(e).__name__
    print(failed, "of 50 failed; and then:", again))py");
}

TEST_F(BesidePythonTest, AProducerMayBeJoinedBeforeItsMessagesAreRead) {
  constexpr int messages = 1000;
  const std::string name = unique_name();
  shm::queue<std::array<char, 1024>> queue{create_only, name, {.capacity = 1024}};
  const process producer = process::spawn(fill, name, messages);
  EXPECT_TRUE(producer.join().success());
  int read = 0;
  while (queue.try_pop()) ++read;
  EXPECT_EQ(read, messages);
  show_python(R"py(
import multiprocessing
def fill(q):
    for _ in range(1000): q.put(b"x" * 1024)
q = multiprocessing.Queue()
p = multiprocessing.Process(target=fill, args=(q,))
p.start()
p.join()
print("joined, then read", sum(1 for _ in range(1000) if q.get())))py");
}

TEST_F(BesidePythonTest, WhoLooksAtASegmentAndEndsTakesItFromNobody) {
  const std::string name = unique_name();
  shm::array<int> numbers{create_only, name, 10};
  numbers[0] = 7;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(process::spawn(looks, name).join().code(), 0) << i;
  EXPECT_EQ(numbers[0], 7);
  show_python(R"py(
import subprocess, sys
from multiprocessing import shared_memory
one = shared_memory.SharedMemory(create=True, size=16)
look = "from multiprocessing import shared_memory; shared_memory.SharedMemory('%s').close()" % one.name
ended = [subprocess.run([sys.executable, "-c", look], stderr=subprocess.DEVNULL).returncode for _ in range(3)]
print("three programs that looked at a segment, one after the other, ended with", ended)
one.close()
try: one.unlink()
except FileNotFoundError: print("and it is gone"))py");
}

}  // namespace
}  // namespace test
