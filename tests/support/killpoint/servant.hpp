/// A child process that carries out one request at a time and can hang without hanging us.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include <sys/types.h>

namespace hawser::test::killpoint {

/// Both ends of a private connection that keeps messages apart.
class connection {
 public:
  connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;
  ~connection();

  /// `near` is this process's end after a fork, `far` the other's.
  [[nodiscard]] int near() const noexcept { return ends_[0]; }
  [[nodiscard]] int far() const noexcept { return ends_[1]; }
  /// Leaves the far end to the other process: its death is then the end of the connection.
  void give_far_away() noexcept;

 private:
  int ends_[2] = {-1, -1};
};

/// Errors     std::system_error.
void send_text(int end, const std::string& text);
/// Returns    Nothing if none came within `limit` (negative: for ever), or the other end is gone.
std::optional<std::string> receive_text(int end, std::chrono::milliseconds limit);

class servant {
 public:
  using handler = std::function<std::string(const std::string& request)>;

  /// Forks; the child answers each request with what `handle` returns, and dies with us.
  explicit servant(const handler& handle);
  servant(const servant&) = delete;
  servant& operator=(const servant&) = delete;
  ~servant();

  void ask(const std::string& request) { send_text(link_.near(), request); }
  /// Returns    Nothing if no answer came within `limit`: it hangs or has died.
  std::optional<std::string> answer(std::chrono::milliseconds limit) {
    return receive_text(link_.near(), limit);
  }
  std::optional<std::string> ask(const std::string& request, std::chrono::milliseconds limit) {
    ask(request);
    return answer(limit);
  }

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }

 private:
  connection link_;
  pid_t pid_ = -1;
};

}  // namespace hawser::test::killpoint
