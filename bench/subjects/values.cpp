#include "clock.hpp"
#include "processes.hpp"
#include "subjects/subjects.hpp"
#include <hawser/shm/array.hpp>
#include <hawser/shm/value.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <pthread.h>
#include <unistd.h>

namespace hawser::bench {
namespace {

/// A number that fills a cache line: all of its words are the same.
using line = std::array<std::uint64_t, 8>;
void add_one(std::uint64_t& n) { ++n; }
void add_one(line& l) {
  for (std::uint64_t& word : l) ++word;
}
std::uint64_t number_of(std::uint64_t n) { return n; }
std::uint64_t number_of(const line& l) {
  for (const std::uint64_t word : l)
    if (word != l[0]) throw wrong_figure{"a value is torn"};
  return l[0];
}

/// Nanoseconds for `once()` by one process, while no other wants it. `count()` then is how often
/// it was called, if that leaves a trace.
template <class Subject>
sample measure_op(const std::string& subject, const effort& how) {
  const std::uint64_t times = how.quick ? 500'000 : 2'000'000;
  const shared<double> ns;
  const cpu_pair cpus = measuring_cpus();
  const auto measure = [&] {
    Subject one;
    for (std::uint64_t i = 0; i < times / 10; ++i) one.once();
    const timed_section timed;
    const std::int64_t from_ns = now_ns();
    for (std::uint64_t i = 0; i < times; ++i) one.once();
    *ns = static_cast<double>(now_ns() - from_ns) / static_cast<double>(times);
    if (one.count() != (Subject::changes ? times + times / 10 : 0))
      throw wrong_figure{"a change is lost"};
  };
  const bool disturbed = run_processes({{"measuring", cpus.first, measure}});
  return {{{{subject, "op", Subject::bytes, "ns"}, *ns}}, disturbed};
}

std::string name_for(const char* kind) { return "bench-" + std::to_string(getpid()) + "-" + kind; }

/// Keeps the compiler from leaving out a read.
template <class T>
void use(const T& value) {
  asm volatile("" : : "m"(value) : "memory");
}

template <class T, bool Changes>
struct of_type {
  static constexpr std::size_t bytes = sizeof(T);
  static constexpr bool changes = Changes;
};

template <class T>
class value_load : public of_type<T, false> {
 public:
  void once() { use(value_.load()); }
  std::uint64_t count() { return number_of(value_.load()); }

 private:
  shm::value<T> value_{create_only, name_for("value")};
};

template <class T>
class value_store : public of_type<T, true> {
 public:
  void once() {
    add_one(last_);
    value_.store(last_);
  }
  std::uint64_t count() { return number_of(value_.load()); }

 private:
  T last_{};
  shm::value<T> value_{create_only, name_for("value")};
};

template <class T>
class value_update : public of_type<T, true> {
 public:
  void once() {
    value_.update([](T& now) { add_one(now); });
  }
  std::uint64_t count() { return number_of(value_.load()); }

 private:
  shm::value<T> value_{create_only, name_for("value")};
};

class array_update : public of_type<std::uint64_t, true> {
 public:
  void once() {
    array_.update(7, [](std::uint64_t& n) { ++n; });
  }
  std::uint64_t count() { return array_[7]; }

 private:
  shm::array<std::uint64_t> array_{create_only, name_for("array"), 16};
};

class atomic_add : public of_type<std::uint64_t, true> {
 public:
  void once() { number_->fetch_add(1); }
  std::uint64_t count() { return *number_; }

 private:
  shared<std::atomic<std::uint64_t>> number_;
};

/// A value behind a mutex that both processes know: what one writes without Hawser. Whoever is
/// killed inside keeps it locked, with half of a value.
template <class T>
class mutex_update : public of_type<T, true> {
 public:
  mutex_update() {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&both_->mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
  }
  ~mutex_update() { pthread_mutex_destroy(&both_->mutex); }
  void once() {
    pthread_mutex_lock(&both_->mutex);
    add_one(both_->value);
    pthread_mutex_unlock(&both_->mutex);
  }
  std::uint64_t count() { return number_of(both_->value); }

 private:
  struct both {
    pthread_mutex_t mutex;
    T value;
  };
  shared<both> both_;
};

template <class Subject>
void add(std::vector<measurement>& all, const std::string& subject) {
  all.push_back({subject, group::op,
                 [subject](const effort& how) { return measure_op<Subject>(subject, how); }});
}

}  // namespace

void add_values(std::vector<measurement>& all) {
  add<value_load<std::uint64_t>>(all, "hawser.value.load");
  add<value_load<line>>(all, "hawser.value.load");
  add<value_store<line>>(all, "hawser.value.store");
  add<atomic_add>(all, "atomic.fetch_add");
  add<value_update<std::uint64_t>>(all, "hawser.value.update");
  add<mutex_update<line>>(all, "mutex.update");
  add<value_update<line>>(all, "hawser.value.update");
  add<array_update>(all, "hawser.array.update");
}

}  // namespace hawser::bench
