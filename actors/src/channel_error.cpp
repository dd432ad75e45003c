#include <hawser/actors/channel_error.hpp>

#include <caf/deep_to_string.hpp>
#include <caf/make_message.hpp>

namespace hawser::actors {
namespace {

constexpr caf::atom_value category = caf::atom("channel");

}  // namespace

std::string to_string(channel_error code) {
  switch (code) {
    case channel_error::full: return "the channel is full";
    case channel_error::closed: return "the channel is closed";
    case channel_error::too_large: return "the message is too large";
    case channel_error::bad_message: return "the message cannot be encoded or decoded";
    case channel_error::handler_failed: return "the handler failed";
    case channel_error::system: return "the channel cannot be used";
  }
  return "unknown channel error";
}

caf::error make_error(channel_error code) { return {static_cast<std::uint8_t>(code), category}; }

caf::error make_error(channel_error code, std::string context) {
  return {static_cast<std::uint8_t>(code), category, caf::make_message(std::move(context))};
}

void add_channel_errors(caf::actor_system_config& config) {
  config.add_error_category(category,
                            [](std::uint8_t code, caf::atom_value, const caf::message& context) {
                              std::string text = to_string(static_cast<channel_error>(code));
                              if (context.match_elements<std::string>())
                                text.append(": ").append(context.get_as<std::string>(0));
                              return text;
                            });
}

}  // namespace hawser::actors
