/// Who takes part in a group of processes, and the names that they have given to actors.
#pragma once

#include <hawser/shm/detail/value_core.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace hawser::actors::detail {

/// One value in shared memory, which every member holds open: a row for each of 255 members and for
/// each of 512 names. A change is one commit of the whole (value_layout.hpp), so whoever dies in the
/// middle of one leaves all of it or nothing. Changes are rare: who comes, who goes, who connects.
///
/// Whose rows count is said by the value's own participants: a row is valid as long as the tag in
/// it is that of a participant who is there. So a death needs no clearing up for names to be free.
///
/// Threads    Any.
/// Errors     of every function: those of a `value`.
class directory {
 public:
  using host_id = std::array<std::uint8_t, 20>;

  struct member {
    std::uint32_t tag;  ///< Never again that of another one, in 16 million places taken.
    pid_t pid;
    uid_t user;
    host_id host;            ///< With the pid, the node id of its actor system.
    std::uint64_t services;  ///< The actor that answers for it.
    bool calls_us;           ///< It has asked to be connected with us, or is.
    friend bool operator==(const member&, const member&) = default;
  };
  struct published {
    member owner;
    std::uint64_t actor;
  };
  struct options {
    std::string group;  ///< The segment's name.
    unsigned mode = 0600;
    /// Called when we have swept a member that died, by whatever thread did; does not throw.
    std::function<void()> swept{};
  };

  static constexpr std::size_t names_max = 512, name_bytes_max = 104;

  /// Opens the group; the first one makes it.
  explicit directory(const options& request);
  directory(const directory&) = delete;
  directory& operator=(const directory&) = delete;
  ~directory();

  std::uint32_t tag() { return core_.channel().tag(); }
  const std::string& group() const noexcept { return core_.name(); }

  /// Becomes a member, until the object goes.
  void enter(const host_id& host, std::uint64_t services);
  /// Is a member no more, and has no names.
  void leave() noexcept;
  /// Says that we want to be connected with a member, or are (true), or no more (false). It hears of
  /// it as of every change.
  void call(std::uint32_t tag, bool wanted);

  /// Gives an actor of ours a name; another one of ours, if it has one of that name already.
  ///
  /// Errors     `already_exists`: a member that lives has it. `bad_name`: empty or too long.
  ///            `no_resources`: all names are taken.
  void publish(std::string_view name, std::uint64_t actor);
  /// Returns    Whether we had it, and for that actor; 0: for any.
  bool withdraw(std::string_view name, std::uint64_t actor = 0);
  /// Nothing: nobody who lives has that name.
  std::optional<published> find(std::string_view name);
  /// Those who live, ourselves included.
  std::vector<member> members();
  /// Takes out those who died, which is a change: one of those who are left notices a death, and so
  /// all of them do. True: it was us.
  bool clear_dead();

  /// Whether a member of this tag lives.
  bool is_member(std::uint32_t tag) { return is_there(tag); }

  /// Changes with each change; a death is none.
  std::uint64_t version() const noexcept { return core_.version(); }
  /// Waits until the version is not `seen`. False: the deadline passed.
  bool wait_change(std::uint64_t seen, const shm::detail::deadline& until) {
    return core_.wait_change(seen, until);
  }
  /// Calls back, from the monitor's thread, when the version is not `seen`.
  std::uint64_t async_wait(std::uint64_t seen, std::function<void()> callback) {
    return core_.async_wait(seen, std::move(callback));
  }
  shm::detail::attachment& channel() noexcept { return core_.channel(); }

 private:
  struct member_row;
  struct name_row;
  struct table;

  static std::unique_ptr<table> empty_table();
  static shm::detail::value_request request_for(const options& asked, const table& initial);
  directory(const options& request, const table& initial);

  /// Changes the table in a copy of ours. `change(table&)` returns whether there is one.
  template <class Change>
  void modify(Change change);
  static void clear(table& all, std::uint32_t tag);
  template <class Table>
  auto* row_of(Table& all, std::string_view name);
  bool is_there(std::uint32_t tag);
  std::optional<member> member_of(const table& all, std::uint32_t tag);

  std::mutex mutex_;
  std::unique_ptr<table> copy_;
  shm::detail::value_core core_;
};

}  // namespace hawser::actors::detail
