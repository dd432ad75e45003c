#include <hawser/actors/peer_error.hpp>

#include <utility>

namespace hawser::actors {
namespace {

constexpr char category[] = "peer";

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

caf::error make_error(peer_error code) { return detail::error_of(code, category); }

caf::error make_error(peer_error code, std::string context) {
  return detail::error_of(code, category, std::move(context));
}

void add_peer_errors(caf::actor_system_config& config) {
  detail::add_error_category<peer_error>(config, category);
}

}  // namespace hawser::actors
