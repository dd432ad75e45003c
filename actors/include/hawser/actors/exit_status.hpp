/// How a process ended.
#pragma once

#include <hawser/actors/caf_compat.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace hawser::actors {

/// What escaped from the entry of a process.
struct escaped_exception {
  std::string type;     ///< Readable, as `std::runtime_error`; `caf::error` for an actor's.
  std::string message;  ///< `what()`, cut at 32 KiB.

  friend bool operator==(const escaped_exception&, const escaped_exception&) = default;
};

/// Exit code or signal; exactly one of `code()`, `signal()` and `is_unknown()` applies.
class exit_status {
 public:
  /// Unknown: another part of the program reaped the process before us (a `wait()` for any
  /// child, or SIGCHLD set to be ignored), it was killed, and the kernel is older than 6.15.
  exit_status() = default;

  static exit_status exited(int code) { return {kind::exited, code, false}; }
  static exit_status exited(int code, escaped_exception escaped) {
    exit_status status{kind::exited, code, false};
    status.escaped_ = true;
    status.exception_ = std::move(escaped);
    return status;
  }
  static exit_status killed(int signal, bool dumped_core = false) {
    return {kind::killed, signal, dumped_core};
  }

  /// Exited with 0.
  bool success() const noexcept { return kind_ == kind::exited && number_ == 0; }
  std::optional<int> code() const { return number_if(kind::exited); }
  std::optional<int> signal() const { return number_if(kind::killed); }
  bool is_unknown() const noexcept { return kind_ == kind::unknown; }
  bool dumped_core() const noexcept { return dumped_core_; }

  /// The exception that ended the process; its code is then 1.
  std::optional<escaped_exception> exception() const {
    return escaped_ ? std::optional{exception_} : std::nullopt;
  }

  friend bool operator==(const exit_status&, const exit_status&) = default;

  template <class Inspector>
  friend auto inspect(Inspector& f, exit_status& x) {
    HAWSER_INSPECT(f, "hawser::actors::exit_status", x.kind_, x.number_, x.dumped_core_, x.escaped_,
                   x.exception_.type, x.exception_.message);
  }

 private:
  enum class kind : std::uint8_t { unknown, exited, killed };

  exit_status(kind how, int number, bool dumped_core)
      : kind_(how), dumped_core_(dumped_core), number_(number) {}

  std::optional<int> number_if(kind how) const {
    return kind_ == how ? std::optional{number_} : std::nullopt;
  }

  kind kind_ = kind::unknown;
  bool dumped_core_ = false;
  bool escaped_ = false;
  std::int32_t number_ = 0;
  escaped_exception exception_;
};

/// `exited with 3`, `exited with 1: std::runtime_error: disk full`,
/// `killed by signal 9 (Killed)`, `ended, nobody knows how`.
std::string to_string(const exit_status& status);

}  // namespace hawser::actors

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(hawser_exits, 2020)
  CAF_ADD_TYPE_ID(hawser_exits, (hawser::actors::exit_status))
CAF_END_TYPE_ID_BLOCK(hawser_exits)
// clang-format on
HAWSER_REGISTER(hawser_exits);
