#include <hawser/actors/channel_error.hpp>

#include <utility>

namespace hawser::actors {
namespace {

constexpr char category[] = "channel";

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

caf::error make_error(channel_error code) { return detail::error_of(code, category); }

caf::error make_error(channel_error code, std::string context) {
  return detail::error_of(code, category, std::move(context));
}

void add_channel_errors(caf::actor_system_config& config) {
  detail::add_error_category<channel_error>(config, category);
}

}  // namespace hawser::actors
