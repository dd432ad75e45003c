// Semaphores and locks: alone, and wanted by two processes.

#include "clock.hpp"
#include "processes.hpp"
#include "subjects/subjects.hpp"
#include "two_processes.hpp"
#include <hawser/shm/lock.hpp>
#include <hawser/shm/registry.hpp>
#include <hawser/shm/semaphore.hpp>

#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/interprocess_semaphore.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <new>
#include <string>
#include <utility>

#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

namespace hawser::bench {
namespace {

constexpr unsigned permits_alone = 3;

// A `Subject` is made in the parent, and `use(first)` in each of the processes: `take`, `give_back`, and
// `is_free`, whether nobody has any of it.

/// Nanoseconds for `take` and `give_back` by one process, while no other wants it.
template <class Subject>
sample measure_alone(const std::string& name, const effort& how) {
  const std::uint64_t pairs = how.quick ? 500'000 : 2'000'000;
  const shared<double> ns;
  const cpu_pair cpus = measuring_cpus();
  Subject subject{permits_alone};
  const auto measure = [&] {
    auto&& one = subject.use(true);
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
  return {{{{name, "op", 0, "ns"}, *ns}}, disturbed};
}

/// Million pairs a second of two processes together that both want the only permit, all the time; the
/// longest that one of them waited. What it protects is counted, without any other protection.
template <class Subject>
sample measure_contended(const std::string& name, const effort& how) {
  struct notes {
    meeting_point meeting;
    alignas(64) volatile std::uint64_t protected_count;
    alignas(64) std::atomic<std::uint64_t> pairs;
    std::atomic<std::int64_t> ns, longest_ns;
  };
  const shared<notes> note;
  const cpu_pair cpus = measuring_cpus();
  Subject subject{1};
  const auto compete = [&](bool first) {
    if (!first) note->meeting.meet(2);
    auto&& one = subject.use(first);
    if (first) note->meeting.meet(2);
    note->meeting.meet(2);
    std::uint64_t pairs = 0;
    std::int64_t longest = 0;
    const std::int64_t from_ns = now_ns(), end_ns = from_ns + sending_ns(how);
    std::int64_t now = from_ns, last = from_ns;
    // A look at the clock costs as much as some of the pairs.
    for (; now < end_ns;
         last = std::exchange(now, now_ns()), longest = std::max(longest, now - last))
      for (int i = 0; i < 16; ++i, ++pairs) {
        one.take();
        note->protected_count = note->protected_count + 1;
        one.give_back();
      }
    note->pairs += pairs;
    for (std::int64_t most = note->ns; now - from_ns > most;)
      if (note->ns.compare_exchange_weak(most, now - from_ns)) break;
    for (std::int64_t most = note->longest_ns; longest > most;)
      if (note->longest_ns.compare_exchange_weak(most, longest)) break;
  };
  const bool disturbed = run_processes({{"first", cpus.first, [&] { compete(true); }},
                                        {"second", cpus.second, [&] { compete(false); }}});
  if (note->protected_count != note->pairs) throw wrong_figure{"two had the only permit"};
  return {{{{name, "contended", 0, "Mpairs/s"},
            static_cast<double>(note->pairs) * 1e3 / static_cast<double>(note->ns)},
           {{name, "contended_longest", 0, "us"}, static_cast<double>(note->longest_ns) / 1e3}},
          disturbed};
}

/// Something in shared memory that all processes see where the parent has put it.
template <class T>
class in_place {
 public:
  template <class... Ts>
  explicit in_place(Ts&&... arguments)
      : one_(new (memory_.data()) T(std::forward<Ts>(arguments)...)) {}
  in_place(const in_place&) = delete;
  in_place& operator=(const in_place&) = delete;
  ~in_place() { one_->~T(); }
  T& operator*() const { return *one_; }
  T* operator->() const { return one_; }

 private:
  shared_bytes memory_{sizeof(T)};
  T* one_;
};

class posix_semaphore {
 public:
  explicit posix_semaphore(unsigned permits) : permits_(permits) {
    sem_init(&*semaphore_, 1, permits);
  }
  ~posix_semaphore() { sem_destroy(&*semaphore_); }
  posix_semaphore& use(bool) { return *this; }
  void take() { sem_wait(&*semaphore_); }
  void give_back() { sem_post(&*semaphore_); }
  bool is_free() {
    int value = 0;
    return sem_getvalue(&*semaphore_, &value) == 0 && value == static_cast<int>(permits_);
  }

 private:
  const unsigned permits_;
  shared<sem_t> semaphore_;
};

class posix_mutex {
 public:
  explicit posix_mutex(unsigned) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&*mutex_, &attributes);
    pthread_mutexattr_destroy(&attributes);
  }
  ~posix_mutex() { pthread_mutex_destroy(&*mutex_); }
  posix_mutex& use(bool) { return *this; }
  void take() { pthread_mutex_lock(&*mutex_); }
  void give_back() { pthread_mutex_unlock(&*mutex_); }
  bool is_free() {
    return pthread_mutex_trylock(&*mutex_) == 0 && pthread_mutex_unlock(&*mutex_) == 0;
  }

 private:
  shared<pthread_mutex_t> mutex_;
};

namespace ipc = boost::interprocess;

class boost_semaphore {
 public:
  explicit boost_semaphore(unsigned permits) : permits_(permits), semaphore_(permits) {}
  boost_semaphore& use(bool) { return *this; }
  void take() { semaphore_->wait(); }
  void give_back() { semaphore_->post(); }
  bool is_free() {
    for (unsigned i = 0; i < permits_; ++i)
      if (!semaphore_->try_wait()) return false;
    return !semaphore_->try_wait();
  }

 private:
  const unsigned permits_;
  in_place<ipc::interprocess_semaphore> semaphore_;
};

class boost_mutex {
 public:
  explicit boost_mutex(unsigned) {}
  boost_mutex& use(bool) { return *this; }
  void take() { mutex_->lock(); }
  void give_back() { mutex_->unlock(); }
  bool is_free() {
    if (!mutex_->try_lock()) return false;
    mutex_->unlock();
    return true;
  }

 private:
  in_place<ipc::interprocess_mutex> mutex_;
};

std::string next_name(const char* kind) {
  static unsigned made = 0;
  return "bench-" + std::to_string(getpid()) + "-" + kind + "-" + std::to_string(++made);
}

class hawser_semaphore {
 public:
  explicit hawser_semaphore(unsigned permits) : permits_(permits) {}
  hawser_semaphore(const hawser_semaphore&) = delete;
  hawser_semaphore& operator=(const hawser_semaphore&) = delete;
  ~hawser_semaphore() { shm::remove(name_); }  // when they were killed, because one failed

  class user {
   public:
    user(shm::semaphore opened, unsigned permits)
        : semaphore_(std::move(opened)), permits_(permits) {}
    void take() { semaphore_.acquire(); }
    void give_back() { semaphore_.release(); }
    bool is_free() { return semaphore_.available() == permits_; }

   private:
    shm::semaphore semaphore_;
    unsigned permits_;
  };
  user use(bool first) {
    if (first) return {shm::semaphore{create_only, name_, {.permits = permits_}}, permits_};
    return {shm::semaphore{open_only, name_}, permits_};
  }

 private:
  const unsigned permits_;
  std::string name_ = next_name("semaphore");
};

class hawser_lock {
 public:
  explicit hawser_lock(unsigned) {}
  hawser_lock(const hawser_lock&) = delete;
  hawser_lock& operator=(const hawser_lock&) = delete;
  ~hawser_lock() { shm::remove(name_); }  // when they were killed, because one failed

  class user {
   public:
    explicit user(shm::lock opened) : lock_(std::move(opened)) {}
    void take() { lock_.lock(); }
    void give_back() { lock_.unlock(); }
    bool is_free() {
      if (!lock_.try_lock()) return false;
      lock_.unlock();
      return true;
    }

   private:
    shm::lock lock_;
  };
  user use(bool first) {
    return user{first ? shm::lock{create_only, name_} : shm::lock{open_only, name_}};
  }

 private:
  std::string name_ = next_name("lock");
};

template <class Subject>
void add(std::vector<measurement>& all, const std::string& name) {
  all.push_back(
      {name, group::op, [=](const effort& how) { return measure_alone<Subject>(name, how); }});
  all.push_back({name, group::contended,
                 [=](const effort& how) { return measure_contended<Subject>(name, how); }});
}

}  // namespace

void add_permits(std::vector<measurement>& all) {
  add<posix_semaphore>(all, "sem_t");
  add<boost_semaphore>(all, "boost.semaphore");
  add<hawser_semaphore>(all, "hawser.semaphore");
  add<posix_mutex>(all, "pthread_mutex");
  add<boost_mutex>(all, "boost.mutex");
  add<hawser_lock>(all, "hawser.lock");
}

}  // namespace hawser::bench
