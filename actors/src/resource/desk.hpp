/// The actor that is a resource manager: its table, told what comes by messages, and told on.
#pragma once

#include "resource_table.hpp"
#include <hawser/actors/resource_manager.hpp>

#include <caf/event_based_actor.hpp>
#include <caf/response_promise.hpp>
#include <caf/result.hpp>

#include <cstdint>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace hawser::actors::detail {

/// Each holder is monitored once, whatever it holds; that it is gone is one message. What comes from a
/// holder that counts as gone is refused: it has another number when it connects again.
class resource_desk : public caf::event_based_actor {
 public:
  resource_desk(caf::actor_config& config, std::string name, resource_plan plan);

  const char* name() const override { return "hawser.resource_manager"; }
  void on_exit() override;

 protected:
  caf::behavior make_behavior() override;

 private:
  using table = resource_table;
  using request_key = std::pair<table::holder_id, std::uint64_t>;  // and ticket

  caf::result<std::uint64_t> connect(const std::string& type, const caf::actor& holder,
                                     const std::string& called);
  caf::response_promise acquire(resource_request& wish);
  void gone(const caf::actor_addr& who, const caf::error& reason);
  void made(std::uint32_t which, granted_resource& what, const std::string& why);
  resource_snapshot snapshot() const;

  /// After whatever may have changed the table.
  void tell();
  void tell(table::step& one);
  void publish(const table::step& one, resource_event_kind kind);
  void answer(const table::step& one, caf::message what);
  void set_timer();
  const caf::actor& inspector();

  const std::string name_;
  const std::string type_;
  const resource_care care_;
  std::vector<granted_resource> resources_;
  table table_;
  std::vector<table::step> steps_;  // scratch

  std::uint64_t next_holder_ = 1;
  struct client {
    caf::actor actor;
    std::string called;
  };
  std::unordered_map<table::holder_id, client> holders_;
  std::map<caf::actor_addr, table::holder_id> numbers_;
  std::map<request_key, caf::response_promise> asked_;
  std::vector<caf::actor> subscribers_;
  std::vector<bool> to_close_;  // bad ones that have not been closed
  std::optional<table::time> timer_;
  caf::actor inspector_;
};

}  // namespace hawser::actors::detail
