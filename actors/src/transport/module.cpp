// The transport as a part of an actor system: its configuration, its start and its end.

#include "../pool/worker.hpp"
#include "caf_parts.hpp"
#include "core.hpp"
#include "services.hpp"
#include <hawser/actors/resource_messages.hpp>
#include <hawser/actors/transport.hpp>
#include <hawser/shm/error.hpp>

#include <caf/send.hpp>

#include <algorithm>
#include <array>
#include <cctype>
#include <exception>
#include <memory>
#include <utility>

#include <sys/random.h>
#include <unistd.h>

namespace hawser::actors {
namespace {

detail::wire_node random_node() {
  detail::wire_node node{static_cast<std::uint32_t>(getpid()), {}};
  while (getrandom(node.host.data(), node.host.size(), 0) !=
         static_cast<ssize_t>(node.host.size())) {
  }
  return node;
}

void check(const transport_options& options) {
  const auto refuse = [&](const std::string& why) {
    throw make_error(errc::bad_argument, "join group", options.group, why);
  };
  const auto slash = options.group.find('/');
  const std::string name =
      slash == std::string::npos ? options.group : options.group.substr(slash + 1);
  const bool good = !name.empty() && name.size() <= 100 &&
                    std::all_of(name.begin(), name.end(), [](unsigned char c) {
                      return std::isalnum(c) || c == '.' || c == '_' || c == '-';
                    });
  if (!good) refuse("a group's name has 1 to 100 of A-Z a-z 0-9 . _ -");
  if (options.ring_bytes > (std::size_t{1} << 30)) refuse("ring_bytes is above 1 GiB");
  if (options.backlog_bytes == 0) refuse("backlog_bytes is 0; use at least 1");
}

}  // namespace

class transport_module final : public detail::module_base {
 public:
  template <class... Ignored>  // the versions of CAF differ in it
  static detail::module_base* make(caf::actor_system& system, Ignored...) {
    return new transport_module{system};
  }
  template <class Token>
  static void check_abi_compatibility(Token) {}
  static void add_module_options(caf::actor_system_config&) {}
  explicit transport_module(caf::actor_system& system) : host_(system) {}

  /// CAF sets the node id of a system in its own network module only, which comes before this one, and
  /// two systems without one take each other's actors for their own. Its constructor survives no
  /// exception: what fails is kept for who asks for the transport.
  void init(caf::actor_system_config& own) override {
    if (!detail::wire_node::of(host_.system_.node()))
      detail::set_node(host_.system_, random_node().id());
    try {
      const auto& options = dynamic_cast<const config&>(own).transport;
      check(options);
      host_.core_ = std::make_shared<detail::transport_core>(host_.system_, options);
    } catch (const error&) {
      failure_ = std::current_exception();
    }
  }
  void start() override {
    const auto core = host_.core_.get();
    if (core == nullptr) return;
    services_ = detail::spawn_services(
        host_.system_, [core](std::uint32_t tag, std::uint64_t n) { core->answer_ping(tag, n); });
    core->start(caf::actor_cast<caf::strong_actor_ptr>(services_));
  }
  void stop() override {
    if (!host_.core_) return;
    host_.core_->stop();
    caf::anon_send_exit(services_, caf::exit_reason::user_shutdown);
    services_ = nullptr;
  }
  id_t id() const override { return network_manager; }
  void* subtype_ptr() override { return this; }

  transport_host& host() const {
    if (failure_) std::rethrow_exception(failure_);
    return host_;
  }

 private:
  mutable transport_host host_;
  std::exception_ptr failure_;
  caf::actor services_;
};

transport_host::transport_host(caf::actor_system& system) : system_(system) {}

config::config() {
  set_scheduler_policy(*this, "sharing");
  load<transport_module>();
  add_peer_errors(*this);
  detail::add_network_messages();
  add_messages<caf::id_block::hawser_bytes>(*this);
  add_messages<caf::id_block::hawser_pool>(*this);
  add_messages<caf::id_block::hawser_transport>(*this);
  add_resource_errors(*this);
  add_messages<caf::id_block::hawser_resource>(*this);
  opt_group{custom_options_, "hawser"}
      .add(transport.group, "group", "processes of one group see each other")
      .add(transport.ring_bytes, "ring-bytes", "shared memory to each peer, for each direction")
      .add(transport.backlog_bytes, "backlog-bytes", "what may wait for one peer")
      .add(transport.loan_bytes, "loan-bytes", "larger messages are lent, not copied");
}

config::config(int argc, char** argv) : config() {
  if (const caf::error reason = parse(argc, argv))
    throw make_error(errc::bad_argument, "parse command line of", argc > 0 ? argv[0] : "",
                     to_string(reason) + "; see --help");
}

transport_host& transport(caf::actor_system& system) {
  if (dynamic_cast<const config*>(&system.config()) == nullptr)
    throw make_error(errc::not_supported, "use transport of", "actor_system",
                     "it was made without one; make it with a hawser::actors::config");
  return reinterpret_cast<transport_module&>(system.network_manager()).host();
}

}  // namespace hawser::actors
