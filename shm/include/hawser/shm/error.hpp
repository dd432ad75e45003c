/// Errors of the environment: what a constructor throws when a channel cannot be had.
///
/// Normal outcomes (full, empty, closed, timed out) are statuses, never exceptions.
#pragma once

#include <string>
#include <string_view>
#include <system_error>

namespace hawser {

/// Why an operation on a named object could not be done.
enum class errc {
  not_found = 1,          ///< No segment of this name.
  already_exists,         ///< `create_only`, and a live segment has the name.
  stale,                  ///< The segment is there, its last process is not.
  permission_denied,      ///< The file's mode or owner does not let us in.
  foreign_owner,          ///< Somebody else's file stands under our name.
  no_space,               ///< /dev/shm (or a limit) cannot hold the segment.
  bad_name,               ///< A name outside the allowed characters or length.
  bad_argument,           ///< An option outside its range.
  damaged,                ///< Not a Hawser segment, truncated, or inconsistent.
  version_mismatch,       ///< Another layout version or byte order.
  kind_mismatch,          ///< Another kind of channel.
  type_mismatch,          ///< Another message type.
  capacity_mismatch,      ///< Other sizes than those asked for.
  too_many_participants,  ///< All 255 places are taken; of a pipe, both ends are or were.
  too_large,              ///< A message above the channel's stated maximum.
  busy,                   ///< Another process holds the gate and does not move.
  not_held,               ///< Released by a process that does not hold it.
  not_supported,          ///< The operation does not exist for this object.
  no_resources,           ///< Descriptors, memory or threads are used up.
  system,                 ///< Any other failed system call.
};

/// The category of `errc`; its name is "hawser".
const std::error_category& error_category() noexcept;

inline std::error_code make_error_code(errc code) noexcept {
  return {static_cast<int>(code), error_category()};
}

/// A failed operation. `what()` reads *operation "object": reason; remedy*.
class error : public std::system_error {
 public:
  error(errc code, const std::string& text);
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;
};

/// Builds the one form of message Hawser uses: `cannot OPERATION "OBJECT": REASON`.
/// `reason` carries the remedy after a semicolon.
[[nodiscard]] error make_error(errc code, std::string_view operation, std::string_view object,
                               std::string_view reason);

/// The same for a failed system call: picks the code and the words from `error_number`.
/// `place` is the directory that the remedies name.
[[nodiscard]] error make_system_error(int error_number, std::string_view operation,
                                      std::string_view object, std::string_view call,
                                      std::string_view place = "/dev/shm");

}  // namespace hawser

template <>
struct std::is_error_code_enum<hawser::errc> : std::true_type {};
