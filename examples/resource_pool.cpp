// A pool of connections to a SQLite database, lent to workers in processes of their own.
//
//   resource_pool [--resources 3] [--workers 5] [--uses 4] [--kill-one]
//
//      0.0 ms  connection 0  lent to worker-1 (process 4712)
//     12.3 ms  connection 0  back from worker-1 (process 4712) after 12.2 ms
//   ...
//   killed worker-2 (process 4713) holding connection 1: lent again after 0.9 ms    (with --kill-one)
//   granted 20 returned 20 reclaimed 0 max_in_use 3
//
// Each connection has one place in the database: who uses it enters its name there, and leaves it. That no
// place has two users, and how many there are at once, is what the database says by its triggers. The
// exit status is 0 if all was right; with --within MS only if the killed worker's connection was lent
// again so soon. With --kill-one each worker keeps its first connection until one of them has been
// killed: so that one certainly has a connection, and the others wait for it.
#include "stop_signals.hpp"
#include "temporary_directory.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/actors/resource_client.hpp>
#include <hawser/actors/resource_manager.hpp>
#include <hawser/actors/transport.hpp>
#include <hawser/shm/event.hpp>

#include <CLI/CLI.hpp>
#include <caf/all.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <poll.h>
#include <sqlite3.h>
#include <sys/syscall.h>
#include <unistd.h>

using namespace hawser;
using namespace std::chrono_literals;

namespace {

/// What is lent: a database, and the place in it of whoever has this.
struct connection_info {
  std::string file;
  std::int32_t place = 0;
};
template <class Inspector>
auto inspect(Inspector& f, connection_info& x) {
  HAWSER_INSPECT(f, "connection_info", x.file, x.place);
}

class database {
 public:
  explicit database(const std::string& file) {
    const int failed = sqlite3_open(file.c_str(), &handle_);
    opened_.reset(handle_);
    if (failed != SQLITE_OK) throw std::runtime_error("cannot open " + file);
    // SQLite's own waiting sleeps for longer and longer, far longer than anybody writes here.
    sqlite3_busy_handler(
        handle_,
        [](void*, int times) {
          std::this_thread::sleep_for(100us);
          return static_cast<int>(times < 100'000);
        },
        nullptr);
  }
  /// Runs it. Returns the number in its first row, if there is one.
  std::optional<int> run(const std::string& sql) {
    std::optional<int> result;
    const auto first = [](void* to, int, char** values, char**) {
      if (values[0] != nullptr) *static_cast<std::optional<int>*>(to) = std::atoi(values[0]);
      return 0;
    };
    char* words = nullptr;
    if (sqlite3_exec(handle_, sql.c_str(), first, &result, &words) == SQLITE_OK) return result;
    const std::string why = words != nullptr ? words : "unknown error";
    sqlite3_free(words);
    throw std::runtime_error("database: " + why);
  }

 private:
  struct closes {
    void operator()(sqlite3* handle) const { sqlite3_close(handle); }
  };
  sqlite3* handle_ = nullptr;
  std::unique_ptr<sqlite3, closes> opened_;
};

/// A place is a primary key: two users of one are refused. A trigger refuses more users than there are
/// connections, another one keeps the largest number.
void create_tables(const std::string& file, int resources) {
  database db{file};
  const std::string max = std::to_string(resources);
  db.run(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;"
      "CREATE TABLE users (place INTEGER PRIMARY KEY, pid INTEGER NOT NULL);"
      "CREATE TABLE most (users INTEGER NOT NULL); INSERT INTO most VALUES (0);"
      "CREATE TRIGGER too_many BEFORE INSERT ON users WHEN (SELECT count(*) FROM users) >= " +
      max +
      " BEGIN SELECT RAISE(ABORT, 'more users than connections'); END;"
      "CREATE TRIGGER counts AFTER INSERT ON users BEGIN"
      " UPDATE most SET users = max(users, (SELECT count(*) FROM users)); END;");
}

/// A worker that was killed has not left its place.
bool clear_place(const connection_info& connection) {
  database db{connection.file};
  db.run("DELETE FROM users WHERE place = " + std::to_string(connection.place));
  return db.run("SELECT count(*) FROM most") == 1;
}

struct group_config : actors::config {
  explicit group_config(const std::string& group) { transport.group = group; }
};

/// The event whoever has a first connection waits for.
std::string go_name(const std::string& group) { return group + ".go"; }

}  // namespace

// Takes a connection, uses it, gives it back; as often as it is told.
int worker(std::string group, std::string name, int uses) {
  examples::leave_stopping_to_the_parent();
  group_config config{group};
  caf::actor_system system{config};
  actors::resource_client<connection_info> connections{system, "connections", {.name = name}};
  const shm::event go{open_only, go_name(group)};
  for (int i = 0; i < uses; ++i) {
    const auto connection = connections.acquire("db", 60s);
    if (!connection) return 2;
    database db{connection->file};
    const std::string place = std::to_string(connection->place);
    db.run("PRAGMA synchronous = OFF; INSERT INTO users VALUES (" + place + ", " +
           std::to_string(::getpid()) + ")");
    go.wait();
    std::this_thread::sleep_for(10ms);  // work
    db.run("DELETE FROM users WHERE place = " + place);
  }
  return 0;
}
HAWSER_PROCESS(worker);

namespace {

bool is_in_memory(const std::string& group) {
  const std::filesystem::directory_iterator all{"/dev/shm"};
  return std::any_of(begin(all), end(all), [&](const auto& one) {
    return one.path().filename().string().find("." + group + ".") != std::string::npos;
  });
}

}  // namespace

// Waits for the end of the program, however it ends, and removes what it could not.
void janitor(std::string group, std::string directory, int program) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, program, 0));
  pollfd ended{fd, POLLIN, 0};
  while (fd >= 0 && ::poll(&ended, 1, -1) < 0) {
  }
  std::filesystem::remove_all(directory);
  // Whoever joins a group of which all have died clears it away. The workers may need a moment.
  for (int i = 0; i < 100 && is_in_memory(group); ++i) {
    std::this_thread::sleep_for(5ms);
    group_config config{group};
    caf::actor_system system{config};
    actors::transport(system);
    const shm::event go{open_or_create, go_name(group)};
  }
}
HAWSER_PROCESS(janitor);

namespace {

/// Prints what happens to the connections, and knows who has which.
class timeline {
 public:
  using clock = std::chrono::steady_clock;

  void show(const actors::resource_event& event) {
    const std::scoped_lock hold{mutex_};
    for (const auto which : event.resources) {
      const bool is_lent = event.kind == actors::resource_event_kind::granted;
      if (!is_lent && event.holder.empty()) continue;
      if (is_lent) holder_[which] = event.holder;
      else holder_.erase(which);
      if (which == awaited_ && event.kind == awaited_event_ && !back_) back_ = clock::now();
      char time[32];
      std::snprintf(time, sizeof time, "%8.1f ms", ms(clock::now() - begun_));
      std::cout << time << "  connection " << which << "  "
                << (is_lent ? "lent to " : to_string(event.kind) + " from ") << event.holder;
      if (!is_lent)
        std::cout << " after " << static_cast<double>(event.took_ns / 100'000) / 10 << " ms";
      if (!event.why.empty()) std::cout << " (" << event.why << ')';
      std::cout << '\n';
    }
    std::cout << std::flush;
    changed_.notify_all();
  }
  /// Kills one of the workers, all of which keep their connections or wait for one. Returns how many
  /// ms it took until another one had the dead one's, or, if nobody waits, until it was free.
  std::optional<double> kill_one(const std::vector<actors::process>& workers, bool somebody_waits) {
    std::unique_lock hold{mutex_};
    for (const auto& [which, holder] : holder_)
      for (const auto& one : workers) {
        if (holder.find("(process " + std::to_string(one.pid()) + ")") == std::string::npos)
          continue;
        const std::string killed = holder;
        awaited_ = which;
        awaited_event_ = somebody_waits ? actors::resource_event_kind::granted
                                        : actors::resource_event_kind::reclaimed;
        const auto killed_at = clock::now();
        one.kill();
        if (!changed_.wait_for(hold, 10s, [&] { return back_ || stopped_; }) || !back_) return {};
        const double gone = ms(*back_ - killed_at);
        std::cout << "killed " << killed << " holding connection " << *awaited_ << ": "
                  << (somebody_waits ? "lent" : "free") << " again after " << gone << " ms\n";
        return gone;
      }
    return {};
  }
  /// Waits until so many connections are lent. Returns whether they are.
  bool wait_until_lent(std::size_t n) {
    std::unique_lock hold{mutex_};
    return changed_.wait_for(hold, 60s, [&] { return stopped_ || holder_.size() == n; }) &&
           !stopped_;
  }
  /// Nobody waits here any more.
  void stop() {
    const std::scoped_lock hold{mutex_};
    stopped_ = true;
    changed_.notify_all();
  }

 private:
  static double ms(clock::duration time) {
    return std::chrono::duration<double, std::milli>(time).count();
  }

  const clock::time_point begun_ = clock::now();
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint32_t, std::string> holder_;
  std::optional<std::uint32_t> awaited_;
  actors::resource_event_kind awaited_event_{};
  std::optional<clock::time_point> back_;
  bool stopped_ = false;
};

/// There while it may be needed.
class janitor_process {
 public:
  janitor_process(const std::string& group, const std::string& directory)
      : process_(actors::process::spawn({.name = "janitor", .detached = true}, janitor, group,
                                        directory, static_cast<int>(::getpid()))) {}
  janitor_process(const janitor_process&) = delete;
  ~janitor_process() {
    process_.kill();
    process_.join();
  }

 private:
  actors::process process_;
};

/// Waits until everybody has a connection or waits for one, and kills one that has one.
std::optional<double> kill_one(timeline& shown,
                               const actors::resource_manager<connection_info>& manager,
                               const std::vector<actors::process>& workers, int resources) {
  const std::size_t held = std::min(workers.size(), static_cast<std::size_t>(resources));
  if (!shown.wait_until_lent(held)) return {};
  const auto deadline = timeline::clock::now() + 60s;
  while (manager.who().waiters.size() != workers.size() - held) {
    if (timeline::clock::now() > deadline) return {};
    std::this_thread::sleep_for(1ms);
  }
  return shown.kill_one(workers, workers.size() > held);
}

struct wishes {
  int resources = 3, workers = 5, uses = 4;
  bool kill_one = false;
  double within_ms = 0;
};

int run(const wishes& wish) {
  const examples::temporary_directory directory{"resource_pool"};
  const std::string file = directory.file("pool.sqlite");
  create_tables(file, wish.resources);
  const std::string group = "resource_pool." + std::to_string(::getpid());
  const janitor_process cleans{group, directory.path()};
  shm::event go{create_only, go_name(group), {.set = !wish.kill_one}};
  group_config config{group};
  caf::actor_system system{config};
  std::vector<std::pair<std::string, connection_info>> connections;
  for (int i = 0; i < wish.resources; ++i) connections.push_back({"db", {file, i}});
  actors::resource_manager<connection_info> manager{
      system, "connections", connections, {.check = clear_place}};
  timeline shown;
  const auto listener = system.spawn([&](caf::event_based_actor*) -> caf::behavior {
    return {[&](const actors::resource_event& event) { shown.show(event); }};
  });
  caf::anon_send(manager.actor(), actors::subscribe_atom_v, listener);

  std::vector<actors::process> workers;
  std::stop_source stopping;
  std::mutex mutex;  // workers: who stops them, and who starts them
  const examples::stop_signals stop{[&](int) {
    stopping.request_stop();
    const std::scoped_lock hold{mutex};
    for (const auto& one : workers) one.kill();
    shown.stop();
  }};
  bool right = true;
  try {
    for (int i = 1; i <= wish.workers && stop.received() == 0; ++i) {
      const std::string name = "worker-" + std::to_string(i);
      auto started = actors::process::spawn({.name = name, .give_up = stopping.get_token()}, worker,
                                            group, name, wish.uses);
      const std::scoped_lock hold{mutex};
      workers.push_back(std::move(started));
      if (stopping.stop_requested()) workers.back().kill();
    }
  } catch (const error&) {
    if (stop.received() == 0) right = false;
  }
  if (wish.kill_one && stop.received() == 0) {
    const auto gone = kill_one(shown, manager, workers, wish.resources);
    right = right && gone && (wish.within_ms <= 0 || *gone <= wish.within_ms);
    go.set();
  }
  int killed = 0;
  for (const auto& one : workers) {
    const auto status = one.join();
    killed += status.signal() == SIGKILL;
    right = right && (status.success() || status.signal() == SIGKILL);
  }
  right = right && killed == (wish.kill_one ? 1 : 0);
  // A worker's end is heard of by the manager in a moment.
  for (int i = 0; manager.who().held != 0 && i < 5000; ++i) std::this_thread::sleep_for(1ms);
  const auto seen = manager.who();
  caf::anon_send_exit(listener, caf::exit_reason::user_shutdown);
  caf::scoped_actor { system } -> wait_for(listener);
  if (stop.received() != 0) return 128 + stop.received();
  const int most = database{file}.run("SELECT users FROM most").value_or(-1);
  right = right && seen.held == 0 && seen.granted == seen.returned + seen.reclaimed &&
          most <= wish.resources && most > 0;
  std::cout << "granted " << seen.granted << " returned " << seen.returned << " reclaimed "
            << seen.reclaimed << " max_in_use " << most << '\n';
  return right ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
  if (const auto status = actors::run_as_child(argc, argv)) return *status;
  wishes wish;
  CLI::App app{"Connections to a database, lent to workers in processes of their own"};
  app.add_option("--resources", wish.resources, "Connections")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  app.add_option("--workers", wish.workers, "Processes that use them")
      ->capture_default_str()
      ->check(CLI::Range(1, 100));
  app.add_option("--uses", wish.uses, "How often each of them does")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000));
  app.add_flag("--kill-one", wish.kill_one, "Kills a worker that has a connection");
  app.add_option("--within", wish.within_ms,
                 "The killed one's connection has to be lent again so soon, in ms")
      ->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  examples::block_stop_signals();  // before CAF starts threads
  return run(wish);
} catch (const std::exception& failed) {
  std::cerr << "resource_pool: " << failed.what() << '\n';
  return 1;
}
