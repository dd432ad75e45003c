#include <hawser/actors/peer_error.hpp>

#include <caf/make_message.hpp>

namespace hawser::actors {
namespace {

constexpr caf::atom_value category = caf::atom("peer");

}  // namespace

std::string to_string(peer_error code) {
  switch (code) {
    case peer_error::killed: return "the process was killed";
    case peer_error::exited: return "the process has ended";
    case peer_error::hung: return "the process does not answer";
    case peer_error::disconnected: return "the process cannot be reached";
    case peer_error::congested: return "too much waits for the process";
    case peer_error::not_encodable: return "the message cannot be encoded";
    case peer_error::not_decodable: return "the message cannot be decoded";
  }
  return "unknown peer error";
}

caf::error make_error(peer_error code) { return {static_cast<std::uint8_t>(code), category}; }

caf::error make_error(peer_error code, std::string context) {
  return {static_cast<std::uint8_t>(code), category, caf::make_message(std::move(context))};
}

void add_peer_errors(caf::actor_system_config& config) {
  config.add_error_category(category,
                            [](std::uint8_t code, caf::atom_value, const caf::message& context) {
                              std::string text = to_string(static_cast<peer_error>(code));
                              if (context.match_elements<std::string>())
                                text.append(": ").append(context.get_as<std::string>(0));
                              return text;
                            });
}

}  // namespace hawser::actors
