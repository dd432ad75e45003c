#include "messages.hpp"

namespace bank {
namespace {

constexpr caf::atom_value category = caf::atom("bank");

}  // namespace

caf::error make_error(bank_error why) { return {static_cast<std::uint8_t>(why), category}; }

config::config(const std::string& group) {
  transport.group = group;
  add_message_type<request_id>("bank::request_id");
  add_message_type<bank_actor>("bank::bank_actor");
  add_error_category(category, [](std::uint8_t code, caf::atom_value, const caf::message&) {
    return to_string(static_cast<bank_error>(code));
  });
}

}  // namespace bank
