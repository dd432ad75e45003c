/// Other processes of the same program, each running one named entry.
///
/// ```cpp
/// int worker(std::string greeting, int times) { ... }
/// HAWSER_PROCESS(worker);
///
/// int main(int argc, char** argv) {
///   if (auto status = hawser::actors::run_as_child(argc, argv)) return *status;
///   auto child = hawser::actors::process::spawn(worker, "hello", 3);
///   std::cout << to_string(child.join()) << '\n';   // exited with 0
/// }
/// ```
/// A child is started by exec, so it has no thread, lock or descriptor of ours but standard
/// input, output and error; its signals are at their defaults (but hang-up, interrupt and quit
/// stay ignored if they are here, as under nohup). It dies with this process, however this one
/// ends, unless it is detached. No zombie is left, also when nobody joins.
#pragma once

#include <hawser/actors/detail/entry.hpp>
#include <hawser/actors/exit_status.hpp>
#include <hawser/shm/error.hpp>

#include <caf/actor.hpp>

#include <chrono>
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include <sys/types.h>

namespace hawser::actors {

/// If this process was started by `process::spawn`, runs its entry and returns what main() is
/// to return. Otherwise returns nothing. To be the first line of main().
///
/// `Config` is the configuration of the actor system of entries that are actors.
template <class Config = caf::actor_system_config>
std::optional<int> run_as_child(int argc, char** argv);

struct process_options {
  std::string name{};     ///< Shown by ps, and told to the child; the entry's name if empty.
  bool detached = false;  ///< Survives this process, in a session of its own.
  std::chrono::milliseconds start_timeout{10'000};  ///< Until its main() reaches run_as_child.
  std::chrono::milliseconds stop_timeout{2'000};    ///< From terminate to kill, in ~process.
  /// A stop requested here ends the wait for a child that starts: it is killed, and spawn throws.
  std::stop_token give_up{};
  /// Started is who has called this_process::ready(), within start_timeout; not who runs.
  bool await_ready = false;
  /// What the child has for standard output and error, if not ours: descriptors of ours, which the
  /// caller keeps and closes. The child's stdout is then line-buffered, as on a terminal.
  int standard_output = -1;
  int standard_error = -1;
};

/// How a process ended, as a message; `process::on_exit` sends it.
struct process_down {
  pid_t pid = 0;
  std::string name;
  exit_status status;

  template <class Inspector>
  friend auto inspect(Inspector& f, process_down& x) {
    HAWSER_INSPECT(f, "hawser::actors::process_down", x.pid, x.name, x.status);
  }
};

}  // namespace hawser::actors

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(hawser_process, 2021)
  CAF_ADD_TYPE_ID(hawser_process, (hawser::actors::process_down))
CAF_END_TYPE_ID_BLOCK(hawser_process)
// clang-format on
HAWSER_REGISTER(hawser_process);

namespace hawser::actors {

namespace detail {
struct child_record;

template <class Tuple, class... Args>
inline constexpr bool arguments_fit = false;
template <class... Stored, class... Args>
requires(sizeof...(Stored) ==
         sizeof...(Args)) inline constexpr bool arguments_fit<std::tuple<Stored...>, Args...> =
    (std::is_convertible_v<Args, Stored> && ...);

/// The stored arguments of an actor class registered with HAWSER_PROCESS_ACTOR.
template <class Actor>
using actor_arguments =
    typename decltype(hawser_process_arguments(std::type_identity<Actor>{}))::type;
}  // namespace detail

/// Whether a function with parameters `Params` can be started with `Args`.
template <class ParamsTuple, class... Args>
concept entry_arguments = detail::arguments_fit<ParamsTuple, Args...>;

/// One started process. Movable; owned by one object.
///
/// Errors     What `spawn` throws as hawser::error: `not_found` (no such entry), `type_mismatch`
///            (other arguments), `not_supported` (main() lacks the run_as_child line),
///            `no_resources` (descriptors, processes, memory), `bad_argument`, `busy` (the
///            child did not reach run_as_child in time), `system` (it could not be executed,
///            or ended before it was ready).
/// Threads    `spawn` and all const members: any. Others: one at a time.
/// Crash      This process dies, however: its children are killed by the kernel; detached ones
///            go on.
class process {
 public:
  using exit_callback = std::function<void(const exit_status&)>;
  using clock = std::chrono::steady_clock;

  /// No process.
  process() noexcept = default;
  process(process&&) noexcept = default;
  process& operator=(process&& other) noexcept;

  /// Ends a process that nobody joined: terminates it, and kills it if that did not end it
  /// within `stop_timeout`. A detached one is left alone.
  /// Blocks     Until the process has ended and its exit callbacks have returned.
  ~process();

  /// Starts a registered function, or CAF function, with checked arguments.
  ///
  /// Blocks     Until the child's main() has reached run_as_child: some milliseconds.
  template <class Result, class... Params, class... Args>
  requires entry_arguments<typename detail::entry_traits<Params...>::arguments, Args...>
  [[nodiscard]] static process spawn(const process_options& options, Result (*function)(Params...),
                                     Args&&... args) {
    return start<typename detail::entry_traits<Params...>::arguments>(
        options, detail::find_entry(detail::key_of(function), "this function"),
        std::forward<Args>(args)...);
  }

  template <class Result, class... Params, class... Args>
  requires entry_arguments<typename detail::entry_traits<Params...>::arguments, Args...>
  [[nodiscard]] static process spawn(Result (*function)(Params...), Args&&... args) {
    return spawn(process_options{}, function, std::forward<Args>(args)...);
  }

  /// Starts a registered actor class: `process::spawn<counter>(5)`.
  template <class Actor, class... Args>
  requires entry_arguments<detail::actor_arguments<Actor>, Args...>
  [[nodiscard]] static process spawn(const process_options& options, Args&&... args) {
    return start<detail::actor_arguments<Actor>>(
        options, detail::find_entry({nullptr, typeid(Actor)}, detail::readable_name(typeid(Actor))),
        std::forward<Args>(args)...);
  }

  template <class Actor, class... Args>
  requires entry_arguments<detail::actor_arguments<Actor>, Args...>
  [[nodiscard]] static process spawn(Args&&... args) {
    return spawn<Actor>(process_options{}, std::forward<Args>(args)...);
  }

  /// Starts any entry by its name. The arguments' types are compared with the entry's when this
  /// is called; they have to be the same, strings of all kinds counting as std::string.
  template <class... Args>
  [[nodiscard]] static process spawn(const process_options& options, std::string_view entry_name,
                                     Args&&... args) {
    using arguments = std::tuple<detail::stored_t<Args>...>;
    return start<arguments>(
        options,
        detail::find_entry(entry_name, typeid(arguments),
                           detail::signature_text(std::type_identity<arguments>{})),
        std::forward<Args>(args)...);
  }

  template <class... Args>
  [[nodiscard]] static process spawn(std::string_view entry_name, Args&&... args) {
    return spawn(process_options{}, entry_name, std::forward<Args>(args)...);
  }

  /// Whether this object has a process, running or ended.
  explicit operator bool() const noexcept { return record_ != nullptr; }

  // All below throw hawser::error `not_supported` if there is no process, or if this one is a
  // fork of the process that started it.

  const std::string& name() const;
  pid_t pid() const;
  pid_t parent_pid() const;
  bool running() const;
  /// Nothing while it runs.
  std::optional<exit_status> status() const;
  /// When this process last heard its this_process::alive(). Nothing: never.
  std::optional<clock::time_point> last_alive() const;

  /// Waits until the process has ended and its exit callbacks have returned. May be called
  /// again, and by several threads.
  /// Errors     `not_supported` inside an exit callback, which would wait for itself.
  exit_status join() const;
  /// Returns    Nothing if it still runs.
  std::optional<exit_status> join_until(clock::time_point deadline) const;
  std::optional<exit_status> join_for(std::chrono::nanoseconds timeout) const;

  /// Sends a signal. Cannot hit a stranger: it goes by pidfd, not by number.
  /// Returns    False if the process had ended.
  bool signal(int number) const;
  bool terminate() const;  ///< SIGTERM
  bool kill() const;       ///< SIGKILL

  /// Calls back once when the process has ended (soon, if it has already), on the thread that
  /// watches children. The callback should be short; what it throws is dropped. It may start
  /// processes.
  void on_exit(exit_callback callback) const;
  /// Sends a `process_down` to `listener`.
  void on_exit(const caf::actor& listener) const;

  /// Gives up the object, not the process: it goes on, and still dies with this one.
  void detach() noexcept { record_.reset(); }

 private:
  explicit process(std::shared_ptr<detail::child_record> record) noexcept;

  template <class Stored, class... Args>
  static process start(const process_options& options, const detail::entry& entry, Args&&... args) {
    detail::byte_buffer bytes;
    const Stored values(std::forward<Args>(args)...);
    if (const caf::error reason = detail::save_arguments(bytes, values))
      throw make_error(errc::bad_argument, "start process", entry.name,
                       "an argument has no meaning in another process (" + caf::to_string(reason) +
                           "); pass a name or a value instead");
    return start(options, entry, bytes);
  }
  static process start(const process_options& options, const detail::entry& entry,
                       const detail::byte_buffer& arguments);
  const detail::child_record& record(const char* operation) const;
  void end() noexcept;

  std::shared_ptr<detail::child_record> record_;
};

namespace detail {
std::optional<int> run_as_child(int argc, char** argv, config_factory make_config);
}

template <class Config>
std::optional<int> run_as_child(int argc, char** argv) {
  static_assert(std::derived_from<Config, caf::actor_system_config>);
  return detail::run_as_child(
      argc, argv,
      +[]() -> std::unique_ptr<caf::actor_system_config> { return std::make_unique<Config>(); });
}

}  // namespace hawser::actors
