// The hot operations, each by one process alone, between marks for callgrind: see instructions.sh.
//
//   hawser_operations          runs all of them; under valgrind --tool=callgrind each leaves a dump with its name
//
// What waits, or wakes another process, is not counted here: that is the kernel's work.

#include <hawser/shm/array.hpp>
#include <hawser/shm/lock.hpp>
#include <hawser/shm/payload_queue.hpp>
#include <hawser/shm/pipe.hpp>
#include <hawser/shm/queue.hpp>
#include <hawser/shm/registry.hpp>
#include <hawser/shm/semaphore.hpp>
#include <hawser/shm/topic.hpp>
#include <hawser/shm/value.hpp>

#include <array>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>
#include <valgrind/callgrind.h>

namespace hawser::bench {
namespace {

constexpr std::uint64_t times = 2'000;

struct message {
  std::array<std::uint64_t, 8> words;
};
message numbered(std::uint64_t number) { return {{number, 0, 0, 0, 0, 0, 0, ~number}}; }

void demand(bool right) {
  if (!right) throw std::runtime_error{"an operation did not do what it should"};
}
std::string name(const char* of) { return "operations-" + std::to_string(getpid()) + "-" + of; }

/// Counts `times` calls of `once(i)`, after as many that are not counted.
template <class Once>
void count(const char* operation, Once once) {
  for (std::uint64_t i = 0; i < times; ++i) once(i);
  CALLGRIND_ZERO_STATS;
  for (std::uint64_t i = 0; i < times; ++i) once(i);
  CALLGRIND_DUMP_STATS_AT(operation);
}

void count_queue() {
  shm::queue<message> to{create_only, name("queue"), {.capacity = 1'024}};
  shm::queue<message> from{open_only, to.name()};
  count("queue.push+pop", [&](std::uint64_t i) {
    to.push(numbered(i));
    const auto taken = from.pop();
    demand(taken && taken->words[0] == i);
  });
  count("queue.push+lease+ack", [&](std::uint64_t i) {
    to.push(numbered(i));
    auto lease = from.lease();
    demand(lease && (*lease).words[0] == i);
    lease.ack();
  });
  const std::vector<message> batch(16, numbered(7));
  count("queue.batch16", [&](std::uint64_t) {
    to.push_batch(batch);
    auto leases = from.lease_batch(16);
    demand(leases.size() == 16);
    for (auto& one : leases) one.ack();
  });
}

void count_pipe() {
  shm::pipe<message> from{create_only, name("pipe"), {.bytes = 65'536}};
  shm::pipe<message> to{open_only, from.name()};
  count("pipe.send+read", [&](std::uint64_t i) {
    to.send(numbered(i));
    const auto view = from.read();
    demand(view && (*view).words[0] == i);
  });
  const std::vector<message> batch(16, numbered(7));
  count("pipe.batch16", [&](std::uint64_t) {
    to.send_batch(batch);
    std::uint64_t read = 0;
    while (read < 16)
      read += from.read_batch(16, [](const message& one) { demand(one.words[0] == 7); });
  });
}

void count_payload() {
  shm::payload_pool pool{
      create_only, name("pool"), {.classes = {{1 << 20, 8}}, .large = 0, .references = 0}};
  shm::payload_queue<std::uint64_t> queue{pool, create_only, name("payloads"), {.capacity = 64}};
  count("payload.loan+push+lease+ack", [&](std::uint64_t i) {
    queue.push(i, pool.loan(1 << 20));
    auto lease = queue.lease();
    demand(lease && lease.meta() == i);
    lease.ack();
  });
}

void count_topic() {
  shm::topic<message> to{create_only, name("topic"), {.capacity = 1'024}};
  auto from = to.subscribe();
  count("topic.publish+read", [&](std::uint64_t i) {
    to.publish(numbered(i));
    const auto reading = from.read();
    demand(reading && (*reading).words[0] == i);
  });
}

void count_permits() {
  shm::semaphore semaphore{create_only, name("semaphore"), {.permits = 3}};
  count("semaphore.acquire+release", [&](std::uint64_t) {
    semaphore.acquire();
    semaphore.release();
  });
  shm::lock lock{create_only, name("lock")};
  count("lock.lock+unlock", [&](std::uint64_t) {
    lock.lock();
    lock.unlock();
  });
}

void count_values() {
  shm::value<message> value{create_only, name("value")};
  count("value.store", [&](std::uint64_t i) { value.store(numbered(i)); });
  count("value.load", [&](std::uint64_t) { demand(value.load().words[0] == times - 1); });
  count("value.update", [&](std::uint64_t) { value.update([](message& one) { ++one.words[0]; }); });
  shm::array<std::uint64_t> array{create_only, name("array"), 16};
  count("array.update", [&](std::uint64_t) { array.update(7, [](std::uint64_t& n) { ++n; }); });
}

}  // namespace
}  // namespace hawser::bench

int main() try {
  using namespace hawser::bench;
  count_queue();
  count_pipe();
  count_payload();
  count_topic();
  count_permits();
  count_values();
  return 0;
} catch (const std::exception& failed) {
  std::fprintf(stderr, "hawser_operations: %s\n", failed.what());
  return 1;
}
