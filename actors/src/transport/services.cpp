#include "services.hpp"

#include <caf/actor_registry.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/sec.hpp>

#include <set>
#include <string>

namespace hawser::actors::detail {

caf::actor spawn_services(caf::actor_system& system,
                          std::function<void(std::uint32_t, std::uint64_t)> answer_ping) {
  using interface = std::set<std::string>;
  return system.spawn<caf::hidden>(
      [answer_ping = std::move(answer_ping)](caf::event_based_actor* self) -> caf::behavior {
        self->set_default_handler(caf::drop);  // whoever knows us may send anything
        return {
            [=](interface_atom, caf::actor_id id) -> caf::result<interface> {
              const auto actor = self->system().registry().get(id);
              if (!actor) return caf::make_error(caf::sec::request_receiver_down);
              return actor->get()->message_types();
            },
            [=](spawn_atom, const std::string& type, caf::message& arguments,
                interface& wanted) -> caf::result<caf::strong_actor_ptr> {
              auto made = self->system().spawn<caf::strong_actor_ptr>(
                  type, std::move(arguments), self->context(), true, &wanted);
              if (!made) return std::move(made.error());
              return std::move(*made);
            },
            [=](ping_atom, std::uint32_t tag, std::uint64_t number) { answer_ping(tag, number); },
        };
      });
}

}  // namespace hawser::actors::detail
