// A bank that may be killed at any moment, and loses nothing.
//
//   bank [--depositors 100] [--processes 4]           all pay 1 into one account, at once
//   bank --transfers 100000 [--kill-every 50]         random transfers, while bank and tellers are killed
//   bank --transfers 1000 --journal bank.db           kept; go on with it by another run
//
// The bank is an actor in a process of its own, and owns the accounts: there is no lock. Tellers, in
// other processes, ask it. A supervisor starts again whoever dies; the bank goes on with its journal,
// and tellers repeat what was not answered, by the same number, so that each is done once.
//
//   without protection: 100 depositors paid 1 each, and 2 are there
//   with a bank: 100 depositors paid 1 each
//   balance 100 expected 100 transfers 100 applied 100 kills 0
//
// The exit status is 0 if the balance is as expected and each request was done once.
#include "journal.hpp"
#include "messages.hpp"
#include "serving.hpp"
#include "stop_signals.hpp"
#include "teller.hpp"
#include "temporary_directory.hpp"
#include "unprotected.hpp"
#include <hawser/actors/supervisor.hpp>
#include <hawser/shm/segment.hpp>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <iostream>
#include <mutex>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>

#include <unistd.h>

namespace {

using namespace hawser;
using namespace std::chrono_literals;
using clock_type = std::chrono::steady_clock;

struct options {
  unsigned depositors = 100, processes = 4;
  std::uint64_t transfers = 0;
  unsigned kill_every_ms = 0;
  std::string journal;
};

bank::money total(const bank::contents& all) {
  return std::accumulate(all.balances.begin(), all.balances.end(), bank::money{0});
}

/// Waits for the tellers, and kills meanwhile.
class day {
 public:
  explicit day(const options& how) : how_(how) {}

  void hear(const actors::supervisor_event& event) {
    using kind = actors::supervisor_event::kind;
    const bool teller = event.child != bank::name;
    const std::scoped_lock hold{mutex_};
    if (how_.kill_every_ms != 0 && !over_ && event.what != kind::started)
      std::cout << to_string(event) << std::endl;
    if (event.what == kind::ended && event.end.status.signal() == SIGKILL) ++kills_;
    if (event.what == kind::gave_up) why_ = to_string(event.end);
    if (event.what == kind::gave_up) over_ = true;
    if (teller && event.what == kind::ended && event.end.kind == actors::end_kind::normal)
      over_ = ++tellers_done_ == how_.processes || over_;
    changed_.notify_all();
  }
  void stop() {
    const std::scoped_lock hold{mutex_};
    over_ = true;
    changed_.notify_all();
  }
  /// Whether it is time to kill somebody. False: it is over.
  bool wait_for_kill() {
    std::unique_lock hold{mutex_};
    const auto is_over = [&] { return over_; };
    if (how_.kill_every_ms == 0) return changed_.wait(hold, is_over), false;
    const auto pause = how_.kill_every_ms * 500 + random_() % (how_.kill_every_ms * 1000U);
    return !changed_.wait_for(hold, std::chrono::microseconds{pause}, is_over);
  }
  /// Whether all tellers are done.
  bool is_done() const {
    const std::scoped_lock hold{mutex_};
    return tellers_done_ == how_.processes;
  }
  std::string why() const {
    const std::scoped_lock hold{mutex_};
    return why_;
  }
  std::uint64_t kills() const {
    const std::scoped_lock hold{mutex_};
    return kills_;
  }
  void kill_somebody(const std::vector<actors::child_info>& children) {
    std::vector<pid_t> alive;
    for (const auto& one : children)
      if (one.pid != 0) alive.push_back(one.pid);
    if (!alive.empty()) ::kill(alive[random_() % alive.size()], SIGKILL);
  }

 private:
  const options how_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::minstd_rand random_{std::random_device{}()};
  unsigned tellers_done_ = 0;
  std::uint64_t kills_ = 0;
  bool over_ = false;
  std::string why_;
};

/// Kills until it is over. Of two kills in a row, at least one waits until 256 requests have been applied
/// since the last time: where processes start more slowly than they are killed, it would never be over.
void kill_meanwhile(day& today, const actors::running_supervisor& running,
                    const std::string& path) {
  bank::journal committed{path};
  std::uint64_t next = 0;
  bool once_more = true;
  while (today.wait_for_kill()) {
    const std::uint64_t applied = committed.applied();
    const bool got_on = applied >= next;
    if (!got_on && !once_more) continue;
    once_more = got_on;
    if (got_on) next = applied + 256;
    today.kill_somebody(running.children());
  }
}

actors::supervisor tree(const options& how, const std::string& group, const std::string& path,
                        std::uint32_t accounts) {
  actors::supervisor all{actors::one_for_one,
                         {.restarts = 10 + (how.kill_every_ms == 0 ? 0 : 4'000 / how.kill_every_ms),
                          .within = 1s,
                          .backoff = {.first = 1ms, .longest = 20ms, .reset_after = 100ms}}};
  all.process(bank::name, {.stop_timeout = 10s, .await_ready = true}, bank::serve, group, path);
  const std::uint64_t requests = how.transfers != 0 ? how.transfers : how.depositors;
  for (unsigned i = 0; i < how.processes; ++i)
    all.process("teller-" + std::to_string(i + 1), {.restart = actors::transient}, bank::teller,
                bank::teller_work{group, i,
                                  requests * (i + 1) / how.processes - requests * i / how.processes,
                                  how.transfers == 0, accounts});
  return all;
}

int run(const options& how) {
  const examples::temporary_directory directory{"bank"};
  const std::string path = how.journal.empty() ? directory.file("bank.db") : how.journal;
  bank::journal::prepare(path, how.transfers != 0 ? 1'000 : 1, how.transfers != 0 ? 1'000'000 : 0);
  const bank::contents before = [&] {
    bank::journal one{path};
    one.forget_tellers();
    return one.read();
  }();
  if (how.transfers != 0 && before.balances.size() < 2)
    throw std::runtime_error{"journal \"" + path +
                             "\" has one account, of deposits; name another file for transfers"};

  day today{how};
  const examples::stop_signals stop{[&](int) { today.stop(); }};
  shm::remove_stale("actors.bank.");  // of banks that were killed with all of their processes
  const std::string group = "bank." + std::to_string(getpid());
  bank::config own{group};
  caf::actor_system system{own};  // of the dead it takes away what they had
  const auto begun = clock_type::now();
  {
    auto running = tree(how, group, path, static_cast<std::uint32_t>(before.balances.size()))
                       .on_event([&](const actors::supervisor_event& event) { today.hear(event); })
                       .start();
    kill_meanwhile(today, running, path);
    running.stop();
    running.wait();
  }
  const std::chrono::duration<double> took = clock_type::now() - begun;
  if (stop.received() != 0) return 128 + stop.received();
  if (!today.is_done()) throw std::runtime_error{"the bank cannot go on: " + today.why()};

  const bank::contents after = bank::journal{path}.read();
  const std::uint64_t requests = how.transfers != 0 ? how.transfers : how.depositors;
  const std::uint64_t applied = after.applied - before.applied;
  const bank::money expected =
      total(before) + (how.transfers != 0 ? 0 : static_cast<bank::money>(how.depositors));
  if (how.transfers != 0)
    std::cout << requests << " transfers in " << took.count() << " s, "
              << static_cast<std::uint64_t>(static_cast<double>(requests) / took.count())
              << " a second; each was on the disk when it was answered\n";
  else std::cout << "with a bank: " << how.depositors << " depositors paid 1 each\n";
  std::cout << "balance " << total(after) << " expected " << expected << " transfers " << requests
            << " applied " << applied << " kills " << today.kills() << std::endl;
  return total(after) == expected && applied == requests ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto status = actors::run_as_child(argc, argv)) return *status;
  examples::block_stop_signals();
  options how;
  CLI::App app{"A supervised bank in one process, and its tellers in others."};
  app.add_option("--depositors", how.depositors, "Each pays 1, and takes 10 ms for it")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000));
  app.add_option("--processes", how.processes, "Tellers")
      ->capture_default_str()
      ->check(CLI::Range(1, 64));
  app.add_option("--transfers", how.transfers, "Random transfers among 1,000 accounts, instead")
      ->check(CLI::Range(1, 1'000'000'000));
  app.add_option(
         "--kill-every", how.kill_every_ms,
         "Milliseconds from one kill to the next, about; more where it gets nothing done otherwise")
      ->check(CLI::Range(1, 60'000));
  app.add_option("--journal", how.journal, "Kept, and gone on with; otherwise it is removed");
  CLI11_PARSE(app, argc, argv);
  try {
    if (how.transfers == 0)
      std::cout << "without protection: " << how.depositors << " depositors paid 1 each, and "
                << bank::pay_unprotected(how.depositors, how.processes) << " are there"
                << std::endl;
    return run(how);
  } catch (const std::exception& failed) {
    std::cerr << "bank: " << failed.what() << '\n';
    return 1;
  }
}
