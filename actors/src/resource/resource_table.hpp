/// What is free, who holds what, who waits: the rules of a resource manager, and nothing else. No actor,
/// no thread, no clock.
///
/// Each call says what time it is and leaves steps: what the manager has to tell or to do.
///
///   state of     who may     left by
///   a resource   use it
///   free         nobody      a grant; a check that is due
///   held         its holder  release, the holder's death, the end of the longest time
///   checking     the check   its result
///   making       nobody      its replacement, or a failure of it
///   resting      nobody      time: then it is checked, or made, again
///   gone         nobody      nothing: it is bad, and can neither be made nor checked
///
///   I1  granted = returned + reclaimed + revoked + held, after every call; counted in resources.
///   I2  One line. A waiter may take what no earlier waiter could use: the names that an earlier one
///       waits for are closed to those behind it, and all names if it waits for any. So many at once are
///       not starved by one at a time, and who wants other things passes by.
///   I3  If all who hold and do not wait gave back what they hold, all who wait would be served in the
///       end. A request that would break this is refused; nobody else is. Who: a party, which is a part
///       of a holder that waits by itself, as a thread. Party 0 of a holder is one that gives back
///       what it holds also while it waits.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hawser::actors::detail {

class resource_table {
 public:
  using clock = std::chrono::steady_clock;
  using time = clock::time_point;
  using holder_id = std::uint64_t;
  using index = std::uint32_t;
  using party_id = std::pair<holder_id, std::uint64_t>;

  struct settings {
    clock::duration lease_max{0};    // 0: none
    clock::duration check_every{0};  // of those that are free; 0: never
    clock::duration retry_first = std::chrono::milliseconds{100};
    clock::duration retry_most = std::chrono::seconds{10};
    bool can_check = false, can_make = false;
    bool check_returned = false;  // and not only what was reclaimed or revoked
    bool find_deadlocks = true;
    std::uint64_t first_token = 1;
  };

  enum class state : std::uint8_t { free, held, checking, making, resting, gone };
  enum class refusal : std::uint8_t {
    timed_out,
    deadlock,
    closed,
    no_such,
    bad_count,
    out_of_service,
  };
  enum class step_kind : std::uint8_t {
    granted,
    returned,
    reclaimed,
    revoked,
    refused,
    check,     // one resource: say `checked`
    make,      // one resource: say `made`
    replaced,  // one resource
    broken,    // one resource, and what it is
  };
  struct step {
    step_kind what{};
    holder_id who = 0;
    std::uint64_t ticket = 0, token = 0;
    std::vector<index> resources{};
    clock::duration took{0};  // it waited, or held
    refusal why{};
    std::string text{};
  };

  struct counters {
    std::uint64_t granted = 0, returned = 0, reclaimed = 0, revoked = 0, held = 0;
    std::uint64_t replaced = 0, deadlocks = 0, timed_out = 0;
  };

  struct resource {
    std::string name;
    std::size_t group = 0;  // of those of the same name
    state now = state::free;
    std::uint64_t token = 0;  // of its lease
    unsigned failures = 0;    // one behind the other
    time check_at{};          // if it is free then
  };
  struct waiter {
    holder_id who = 0;
    std::uint64_t party = 1, ticket = 0;
    std::optional<std::size_t> group;  // nothing: any
    std::size_t count = 1;
    time since{}, until = time::max();
  };
  struct lease {
    holder_id who = 0;
    std::uint64_t party = 1, ticket = 0;
    std::vector<index> resources;
    time since{}, until = time::max();
  };

  resource_table(std::vector<std::string> names, const settings& how);

  /// For words only.
  void name_holder(holder_id who, std::string name) { holders_[who].name = std::move(name); }
  const std::string& name_of(holder_id who) const;

  /// Grants at once, lets wait, or refuses. An empty name is any.
  void acquire(party_id who, std::uint64_t ticket, std::string_view name, std::size_t count,
               time until, time now);
  /// False: no such lease, or no longer.
  bool release(std::uint64_t token, bool bad, time now);
  /// Whatever has become of that request, it holds nothing and waits for nothing. False: it did not.
  bool cancel(holder_id who, std::uint64_t ticket, time now);
  void holder_gone(holder_id who, const std::string& why, time now);
  void checked(index which, bool healthy, const std::string& why, time now);
  void made(index which, bool well, const std::string& why, time now);
  /// Nothing is granted any more.
  void close(const std::string& why, time now);

  /// What is due. Call it at `next_time()`, or later.
  void expire(time now);
  std::optional<time> next_time() const;

  /// What has happened since the last call of this; in its order.
  void take_steps(std::vector<step>& out) {
    out.clear();
    out.swap(steps_);
  }

  const counters& counts() const noexcept { return counts_; }
  const std::vector<resource>& resources() const noexcept { return resources_; }
  const std::map<std::uint64_t, waiter>& line() const noexcept { return line_; }
  const std::unordered_map<std::uint64_t, lease>& leases() const noexcept { return leases_; }
  /// Who would wait for ever (I3): numbers in the line.
  std::vector<std::uint64_t> stuck() const;
  /// `2 of "db"`.
  std::string words_of(const waiter& who) const;

 private:
  enum class timer_kind : std::uint8_t { wait_ends, lease_ends, retry, recheck };
  using timer = std::tuple<time, timer_kind, std::uint64_t>;
  struct holder {
    std::string name;
    std::set<std::uint64_t> leases, waits;
  };
  using leases_t = std::unordered_map<std::uint64_t, lease>;
  using line_t = std::map<std::uint64_t, waiter>;

  std::size_t among(const std::vector<std::size_t>& counts, const waiter& who) const;
  std::vector<index> take_free(const waiter& who, const std::vector<bool>& closed);
  void grant(const waiter& who, std::vector<index> what, time now);
  void serve(time now);
  void refuse(const waiter& who, refusal why, std::string text, time now);
  line_t::iterator leave_line(line_t::iterator who);
  void end_lease(leases_t::iterator which, step_kind how, bool suspect, bool bad, std::string why,
                 time now);
  void set_free(index which, time now);
  void start_check(index which);
  void put_aside(index which, const std::string& why, time now);
  void rest(index which, time now);
  void refuse_impossible(time now);
  void refuse_deadlocks(std::optional<party_id> closer, time now);
  std::size_t waits_of(const waiter& who) const;
  bool holds_something(const waiter& who) const;
  std::string cycle(const std::vector<std::uint64_t>& stuck_ones, std::uint64_t closer) const;
  std::string count_held(const waiter& who) const;

  const settings how_;
  std::vector<std::string> groups_;      // names
  std::vector<std::deque<index>> free_;  // of each group; who was used longest ago first
  std::vector<std::size_t> sizes_;       // of each group
  std::vector<std::size_t> gone_;        // of each group, for good
  std::vector<std::size_t> waiting_;     // for each group
  std::size_t waiting_any_ = 0;
  std::size_t several_ = 0;  // parties that wait for more than one thing
  std::vector<resource> resources_;
  leases_t leases_;  // by token
  line_t line_;      // by number: the order in which they came
  std::unordered_map<holder_id, holder> holders_;
  std::set<timer> timers_;
  std::uint64_t next_token_, next_number_ = 1;
  counters counts_;
  std::vector<step> steps_;
  std::vector<bool> closed_groups_;  // scratch
  std::optional<std::string> closed_;
};

}  // namespace hawser::actors::detail
