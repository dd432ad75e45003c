#include <hawser/shm/error.hpp>

#include <cerrno>

namespace hawser {
namespace {

class category final : public std::error_category {
 public:
  const char* name() const noexcept override { return "hawser"; }

  std::string message(int value) const override {
    switch (static_cast<errc>(value)) {
      case errc::not_found: return "no segment of this name";
      case errc::already_exists: return "the name is taken by a live segment";
      case errc::stale: return "the segment's last process is gone";
      case errc::permission_denied: return "permission denied";
      case errc::foreign_owner: return "the segment belongs to another user";
      case errc::no_space: return "no space for the segment";
      case errc::bad_name: return "not a valid name";
      case errc::bad_argument: return "not a valid argument";
      case errc::damaged: return "not an intact Hawser segment";
      case errc::version_mismatch: return "another layout version";
      case errc::kind_mismatch: return "another kind of channel";
      case errc::type_mismatch: return "another message type";
      case errc::capacity_mismatch: return "other sizes than those asked for";
      case errc::too_many_participants: return "all places are taken";
      case errc::too_large: return "the message is too large";
      case errc::busy: return "another process holds the gate";
      case errc::not_held: return "not held by this process";
      case errc::not_supported: return "not supported by this object";
      case errc::no_resources: return "out of descriptors, memory or threads";
      case errc::system: return "a system call failed";
    }
    return "unknown error";
  }

  std::error_condition default_error_condition(int value) const noexcept override {
    switch (static_cast<errc>(value)) {
      case errc::not_found: return std::errc::no_such_file_or_directory;
      case errc::already_exists: return std::errc::file_exists;
      case errc::permission_denied:
      case errc::foreign_owner: return std::errc::permission_denied;
      case errc::no_space: return std::errc::no_space_on_device;
      case errc::bad_name:
      case errc::bad_argument: return std::errc::invalid_argument;
      case errc::too_large: return std::errc::message_size;
      case errc::busy: return std::errc::device_or_resource_busy;
      case errc::not_held: return std::errc::operation_not_permitted;
      case errc::not_supported: return std::errc::operation_not_supported;
      case errc::no_resources: return std::errc::resource_unavailable_try_again;
      default: return {value, *this};
    }
  }
};

errc from_errno(int number) {
  switch (number) {
    case ENOENT: return errc::not_found;
    case EEXIST: return errc::already_exists;
    case EACCES:
    case EPERM: return errc::permission_denied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return errc::no_space;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EAGAIN: return errc::no_resources;
    case ENAMETOOLONG: return errc::bad_name;
    default: return errc::system;
  }
}

std::string remedy(int number, const std::string& place) {
  switch (number) {
    case ENOENT: return "; see that " + place + " is there";
    case EACCES:
    case EPERM: return "; check the segment's owner and mode with \"ls -l " + place + "\"";
    case ENOSPC: return "; free space in " + place + " or enlarge it (df -h " + place + ")";
    case EDQUOT:
    case EFBIG: return "; raise the file size limit or quota (ulimit -f)";
    case EMFILE: return "; close descriptors or raise the limit (ulimit -n)";
    case ENFILE: return "; the whole system is out of descriptors (fs.file-max)";
    case ENOMEM: return "; free memory or raise the limit (ulimit -v)";
    default: return "";
  }
}

// A name is whatever a caller gave us: the message is one line all the same, and ends.
std::string on_one_line(std::string_view object) {
  constexpr std::size_t longest = 4096;
  std::string text;
  for (const char c : object.substr(0, longest)) {
    if (const auto code = static_cast<unsigned char>(c); code >= ' ' && code != 0x7f) text += c;
    else text.append("\\x").append({"0123456789abcdef"[code / 16], "0123456789abcdef"[code % 16]});
  }
  return object.size() > longest ? text + "..." : text;
}

}  // namespace

const std::error_category& error_category() noexcept {
  static const category instance;
  return instance;
}

error::error(errc code, const std::string& text) : std::system_error(code, text), text_(text) {}

error make_error(errc code, std::string_view operation, std::string_view object,
                 std::string_view reason) {
  std::string text = "cannot ";
  text.append(operation).append(" \"").append(on_one_line(object)).append("\": ").append(reason);
  return {code, text};
}

error make_system_error(int error_number, std::string_view operation, std::string_view object,
                        std::string_view call, std::string_view place) {
  std::string reason = std::generic_category().message(error_number);
  reason.append(" (").append(call).append(")").append(remedy(error_number, std::string{place}));
  return make_error(from_errno(error_number), operation, object, reason);
}

}  // namespace hawser
