#include "clock.hpp"
#include "processes.hpp"
#include "subjects/subjects.hpp"
#include <hawser/shm/lock.hpp>
#include <hawser/shm/semaphore.hpp>

#include <cstdint>
#include <string>

#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

namespace hawser::bench {
namespace {

/// Nanoseconds for `take` and `give_back` by one process, while no other wants it. What `Subject`
/// makes in its constructor is shared between processes.
template <class Subject>
sample measure_op(const std::string& subject, const effort& how) {
  const std::uint64_t pairs = how.quick ? 500'000 : 2'000'000;
  const shared<double> ns;
  const cpu_pair cpus = measuring_cpus();
  const auto measure = [&] {
    Subject one;
    const auto run = [&](std::uint64_t count) {
      for (std::uint64_t i = 0; i < count; ++i) {
        one.take();
        one.give_back();
      }
    };
    run(pairs / 10);
    const timed_section timed;
    const std::int64_t from_ns = now_ns();
    run(pairs);
    *ns = static_cast<double>(now_ns() - from_ns) / static_cast<double>(pairs);
    if (!one.is_free()) throw wrong_figure{"something is still held"};
  };
  const bool disturbed = run_processes({{"measuring", cpus.first, measure}});
  return {{{{subject, "op", 0, "ns"}, *ns}}, disturbed};
}

std::string name_for(const char* kind) { return "bench-" + std::to_string(getpid()) + "-" + kind; }

class posix_semaphore {
 public:
  posix_semaphore() { sem_init(&*semaphore_, 1, 3); }
  ~posix_semaphore() { sem_destroy(&*semaphore_); }
  void take() { sem_wait(&*semaphore_); }
  void give_back() { sem_post(&*semaphore_); }
  bool is_free() {
    int value = 0;
    return sem_getvalue(&*semaphore_, &value) == 0 && value == 3;
  }

 private:
  shared<sem_t> semaphore_;
};

class posix_mutex {
 public:
  posix_mutex() {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&*mutex_, &attributes);
    pthread_mutexattr_destroy(&attributes);
  }
  ~posix_mutex() { pthread_mutex_destroy(&*mutex_); }
  void take() { pthread_mutex_lock(&*mutex_); }
  void give_back() { pthread_mutex_unlock(&*mutex_); }
  bool is_free() {
    return pthread_mutex_trylock(&*mutex_) == 0 && pthread_mutex_unlock(&*mutex_) == 0;
  }

 private:
  shared<pthread_mutex_t> mutex_;
};

class hawser_semaphore {
 public:
  void take() { semaphore_.acquire(); }
  void give_back() { semaphore_.release(); }
  bool is_free() { return semaphore_.available() == 3; }

 private:
  shm::semaphore semaphore_{create_only, name_for("semaphore"), {.permits = 3}};
};

class hawser_lock {
 public:
  void take() { lock_.lock(); }
  void give_back() { lock_.unlock(); }
  bool is_free() {
    if (!lock_.try_lock()) return false;
    lock_.unlock();
    return true;
  }

 private:
  shm::lock lock_{create_only, name_for("lock")};
};

template <class Subject>
void add(std::vector<measurement>& all, const std::string& subject) {
  all.push_back({subject, group::op,
                 [subject](const effort& how) { return measure_op<Subject>(subject, how); }});
}

}  // namespace

void add_permits(std::vector<measurement>& all) {
  add<posix_semaphore>(all, "sem_t");
  add<hawser_semaphore>(all, "hawser.semaphore");
  add<posix_mutex>(all, "pthread_mutex");
  add<hawser_lock>(all, "hawser.lock");
}

}  // namespace hawser::bench
