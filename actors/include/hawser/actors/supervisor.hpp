/// A tree of processes and actors that are started in order, started again when they die, and ended
/// in the reverse of their order: OTP's supervisors.
///
/// ```cpp
/// supervisor storage{rest_for_one};
/// storage.process("journal", journal_main, path).process("index", {.await_ready = true}, index_main);
///
/// supervisor tree{one_for_one, {.restarts = 5, .within = 10s}};
/// tree.subtree("storage", std::move(storage))
///     .process("indexer", {.keep_lines = 20}, indexer_main)
///     .actor("collector", {.restart = transient}, collector)
///     .on_event([](const supervisor_event& event) { std::cerr << to_string(event) << '\n'; });
/// tree.run(system);                     // until it ends; or
/// auto running = tree.start(system);    // running.stop(), running.wait(), running.children()
/// ```
#pragma once

#include <hawser/actors/child_end.hpp>
#include <hawser/actors/detail/child_list.hpp>
#include <hawser/actors/supervisor_event.hpp>
#include <hawser/actors/supervisor_options.hpp>

#include <caf/actor.hpp>
#include <caf/actor_system.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace hawser::actors {

namespace detail {
class supervisor_core;
struct supervisor_plan;
}  // namespace detail

/// A tree that runs. Movable; owned by one object.
///
/// Adding a child (`process`, `actor`, as of `supervisor`, and `subtree`) starts it, behind those
/// that are there; if that fails, it is not added.
///
/// Errors     Of what changes children, as hawser::error: `not_found`: no child of that name.
///            `already_exists`: one of that name. `not_supported`: the supervisor has ended; or an
///            event callback calls, which cannot wait for its own supervisor. Those of a start.
/// Threads    Any.
/// Crash      This process dies, however: all processes of the tree die with it.
class running_supervisor : public detail::child_list<running_supervisor> {
 public:
  running_supervisor(running_supervisor&&) noexcept;
  running_supervisor& operator=(running_supervisor&&) noexcept;
  /// As stop() and wait().
  ~running_supervisor();

  /// Asks it to end: children are stopped in the reverse of their order, and a start or a restart that
  /// is under way or waits is given up.
  /// Blocks     Never.
  void stop();
  /// How it ended: `stopped`, `normal` (`ends_when_done`) or `gave_up`.
  /// Errors     hawser::error `not_supported`: an event callback calls.
  /// Blocks     Until it has ended.
  child_end wait();
  /// Returns    Nothing: it still runs.
  std::optional<child_end> wait_for(std::chrono::milliseconds timeout);

  /// All, in the order of their start, those of subtrees behind each of these.
  /// Blocks     Never for long.
  std::vector<child_info> children() const;

  /// Stops a child as at the end. It stays in the list, stopped, until `restart_child`; a temporary
  /// one is forgotten. `storage/index` is one of a subtree.
  /// Blocks     Until it has ended, and until the supervisor has done what it was at.
  void stop_child(std::string_view name);
  /// Stops it if it runs, and starts it; does not count as a restart.
  void restart_child(std::string_view name);
  /// Stops it, and forgets it.
  void remove_child(std::string_view name);
  running_supervisor& subtree(std::string name, class supervisor tree,
                              restart_when restart = permanent);

 private:
  friend class supervisor;
  friend detail::child_list<running_supervisor>;
  explicit running_supervisor(std::shared_ptr<detail::supervisor_core> core);
  running_supervisor& add(detail::child_spec spec);

  std::shared_ptr<detail::supervisor_core> core_;
};

/// What is to be run: children in the order of their start.
///
/// Children are started one after the other, each when the one before is started: a process when its
/// main() has reached run_as_child, or, with `await_ready`, has called `this_process::ready()`; a
/// subtree when all its children are. If one fails, those before it are stopped, and `start` throws.
///
/// Errors     hawser::error `already_exists`: a name that is in use; `bad_argument`: an empty one, or
///            with a `/`.
/// Threads    One at a time.
class supervisor : public detail::child_list<supervisor> {
 public:
  explicit supervisor(restart_strategy strategy = one_for_one,
                      const supervisor_options& options = {});
  supervisor(supervisor&&) noexcept;
  supervisor& operator=(supervisor&&) noexcept;
  ~supervisor();

  /// A supervisor as a child. It restarts its own; when it gives up, it ends abnormally.
  supervisor& subtree(std::string name, supervisor tree, restart_when restart = permanent);

  /// Has `callback` told of each event of the whole tree, one at a time, by threads of supervisors:
  /// it is to be short, and what it throws is dropped. Of subtrees, that of the root hears all.
  supervisor& on_event(std::function<void(const supervisor_event&)> callback);
  /// Sends each event to `listener`.
  supervisor& on_event(const caf::actor& listener);

  /// Starts it, as often as one likes. `system` is for actors, and outlives what runs.
  ///
  /// Errors     hawser::error: that of the child that could not start (`start_failed` of the one
  ///            that ended too early); `not_supported`: there are actors, but there is no system.
  ///            `busy`: a stop was requested at `give_up` meanwhile.
  /// Blocks     Until all children are started.
  [[nodiscard]] running_supervisor start(caf::actor_system& system,
                                         const std::stop_token& give_up = {}) const;
  [[nodiscard]] running_supervisor start(
      const std::stop_token& give_up = {}) const;  ///< No actors.
  /// start, then wait; a stop that is requested at `stop` ends it.
  child_end run(caf::actor_system& system, const std::stop_token& stop = {}) const;
  child_end run(const std::stop_token& stop = {}) const;

 private:
  friend running_supervisor;
  friend detail::child_list<supervisor>;
  supervisor& add(detail::child_spec spec);
  running_supervisor start_in(caf::actor_system* system, const std::stop_token& give_up) const;
  child_end run_in(caf::actor_system* system, const std::stop_token& stop) const;

  std::shared_ptr<detail::supervisor_plan> plan_;
};

}  // namespace hawser::actors
